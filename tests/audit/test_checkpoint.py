"""Checkpoints: signed, kept in any form, believed only with our signature."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.audit.checkpoint import Keys, Signer, dump, load, signer_from_file, signer_from_secret
from bot.audit.sinks import KEPT, FileSink, TextSink
from bot.domain.errors import Unavailable
from bot.domain.refs import Secret
from bot.ports.store import Checkpoint
from tests.contracts.store.stage import START, in_threads

PLAIN = Checkpoint("d1", 1, 5319, "ab" * 32, START, "")


def test_what_we_signed_is_genuine_and_comes_back_from_its_line(signer: Signer, keys: Keys) -> None:
    signed = signer.sign(PLAIN)
    assert keys.is_genuine(signed)
    assert load(dump(signed)) == signed
    assert "\n" not in dump(signed)


@pytest.mark.parametrize(
    "forged",
    [
        lambda c: replace(c, size=5318),
        lambda c: replace(c, hash="cd" * 32),
        lambda c: replace(c, epoch=2),
        lambda c: replace(c, database="d2"),
        lambda c: replace(c, at=c.at + timedelta(microseconds=1)),
        lambda c: replace(c, signature=""),
        lambda c: replace(c, signature="not base64!"),
        lambda c: replace(c, signature=base64.b64encode(b"x" * 64).decode()),
    ],
)
def test_whatever_is_changed_it_is_not_genuine_any_more(signer: Signer, keys: Keys, forged: object) -> None:
    assert callable(forged)
    assert not keys.is_genuine(forged(signer.sign(PLAIN)))


def test_another_key_does_not_count_and_an_older_one_may(signer: Signer) -> None:
    other = Signer(b"o" * 32)
    assert not Keys((signer.public,)).is_genuine(other.sign(PLAIN))
    assert Keys((signer.public, other.public)).is_genuine(other.sign(PLAIN))
    assert other.name != signer.name


def test_an_earlier_key_counts_for_checkpoints_up_to_where_it_was_changed_and_no_further(signer: Signer) -> None:
    other = Signer(b"o" * 32)
    keys = Keys((signer.public,), earlier={other.public: 5319})
    assert keys.is_genuine(other.sign(PLAIN))
    assert not keys.is_genuine(other.sign(replace(PLAIN, size=5320)))
    assert keys.is_genuine(signer.sign(replace(PLAIN, size=5320)))


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "null", "x", '{"size":1}', "[" * 100_000, dump(PLAIN).replace("5319", "-1")]
)
def test_what_is_no_checkpoint_is_said_to_be_none(line: str) -> None:
    with pytest.raises(ValueError, match="no checkpoint"):
        load(line)


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "checkpoint.key"
    first = signer_from_file(path)
    assert signer_from_file(path).public == first.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["checkpoint.key"]


def test_a_key_of_the_settings_is_base64_or_hex_and_nothing_else() -> None:
    seed = bytes(range(32))
    for given in (base64.b64encode(seed).decode(), f" {seed.hex()}\n"):
        assert signer_from_secret(Secret(given)).public == Signer(seed).public
    for given in ("", "short", "x" * 44, base64.b64encode(b"short").decode()):
        with pytest.raises(ValueError, match="32 bytes") as error:
            signer_from_secret(Secret(given))
        assert not given or given not in str(error.value)


def test_a_file_keeps_every_checkpoint_and_survives_broken_lines(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "other-volume" / "checkpoints"
    sink = FileSink(path)
    assert sink.read() == ()
    first, second = signer.sign(PLAIN), signer.sign(replace(PLAIN, size=6000))
    sink.put(first)
    with path.open("ab") as file:
        file.write(b'{"size": 12, "ha\xff')
    sink.put(second)
    assert sink.read() == (first, second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_or_read_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        FileSink(tmp_path / "file" / "below").put(PLAIN)
    with pytest.raises(Unavailable):
        FileSink(tmp_path).read()


def test_a_text_keeps_the_newest(signer: Signer) -> None:
    kept = [""]

    def change(make: Callable[[str], str]) -> None:
        kept[0] = make(kept[0])

    sink = TextSink("configmap", read=lambda: kept[0], change=change)
    for size in range(1, KEPT + 21):
        sink.put(signer.sign(replace(PLAIN, size=size)))
    assert [each.size for each in sink.read()] == list(range(21, KEPT + 21))


def test_of_two_that_make_the_key_at_once_both_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.key"
    names = in_threads([lambda: signer_from_file(path).name] * 8)
    assert len({str(name) for name in names}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.key"]
