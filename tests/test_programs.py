"""What cannot be started says so in one sentence, and nothing of how it is built."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot.app import programs
from bot.settings import read


def one_sentence(captured: pytest.CaptureFixture[str]) -> str:
    said = captured.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    return said.err


def settings(tmp_path: Path, words: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(f"data: {{folder: {tmp_path}/data}}\n{words}\n")
    return path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("slack: {mode: socket}", "bot-token is missing"),
        ("slack: {mode: socket, bot-token: xoxb-1, team-id: T1}", "app-token is missing"),
        ("slack: {mode: http, bot-token: xoxb-1, team-id: T1}", "signing-secrets is missing"),
        ("slack: {mode: http, bot-token: xoxb-1, team-id: T1, signing-secrets: [short]}", "at least 32 characters"),
        ("audit: {signing-key: short}", "audit: signing-key cannot be used"),
    ],
)
def test_what_is_missing_for_a_start_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, says: str
) -> None:
    assert programs.serve(settings(tmp_path, words)) == programs.REFUSED
    assert says in one_sentence(capsys)


def test_a_port_that_is_taken_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert programs.playground(port=port, kubeconfig=None, context="", cluster="") == programs.REFUSED
    said = one_sentence(capsys)
    assert f"The port {port} cannot be had" in said
    assert "PORT=" in said


def test_a_kubeconfig_that_is_not_there_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = tmp_path / "nowhere"
    assert programs.playground(port=0, kubeconfig=nowhere, context="", cluster="") == programs.REFUSED
    assert f"{nowhere} cannot be used as a kubeconfig" in one_sentence(capsys)


def test_the_line_of_the_key_in_use_is_what_the_settings_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert programs.audit_key(settings(tmp_path, "")) == programs.OK
    line = capsys.readouterr().out.partition("   #")[0]
    (tmp_path / "data" / "audit-key").unlink()
    path = settings(tmp_path, f"audit: {{earlier-keys: [{line}]}}")
    assert read(path).problems == ()
    assert programs.audit_verify(path) == programs.OK
