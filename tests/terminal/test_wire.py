"""The messages of the local socket: they come back as they went, and nothing else is taken."""

from __future__ import annotations

import json

import pytest

from bot.domain.forms import Form, FormField, Widget
from bot.domain.operation import Phase
from bot.domain.reply import Chart, Code, Reply, Series, text
from bot.road.answers import Answer, Show
from bot.terminal import wire
from bot.terminal.service import Card, Kind
from bot.terminal.wire import AskMessage, LookMessage, Problem, WireError
from tests.terminal.samples import SAMPLES
from tests.terminal.stage import OP, T0, says

FORM = Form("scale", "Scale", (FormField("app", Widget.APP, "App", True, "", "the app", ("web",)),))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_answer_comes_back_as_it_went(name: str) -> None:
    answer = Answer(SAMPLES[name], Show.FORM, OP, is_draft=True, is_error=True, field="app", form=FORM)
    assert wire.load_answer(wire.dump_answer(answer)) == answer


@pytest.mark.parametrize("phase", list(Phase))
def test_a_card_comes_back_as_it_went(phase: Phase) -> None:
    card = Card(SAMPLES["running"], phase)
    assert wire.load_answer(wire.dump_answer(card)) == card


def test_a_question_comes_back_as_it_went() -> None:
    asked = wire.load_question(wire.dump_ask('scale web 5 reason="größer"', Kind.FORM, {"app": "web"}))
    assert asked == AskMessage(1, 'scale web 5 reason="größer"', Kind.FORM, {"app": "web"})
    assert wire.load_question(wire.dump_look(OP)) == LookMessage(1, OP)


def test_an_answer_is_one_line_whatever_a_log_holds() -> None:
    line = wire.dump_answer(Answer(Reply(None, (Code("a\nb\u2028c\ud800"),))))
    assert line.count(b"\n") == 1
    assert wire.load_answer(line) == Answer(Reply(None, (Code("a\nb\u2028c\\ud800"),)))


def question(**fields: object) -> bytes:
    return json.dumps({"is": "ask", "v": 1, "line": "help", "kind": "line", "values": {}} | fields).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"help",
        b"[]",
        b"\xff\xfe",
        b"[" * 50_000,
        question(user="root"),
        question(**{"is": "drop"}),
        question(kind="button"),
        question(line=5),
        question(line="x" * 8001),
        question(line="logs web \x1b[2J"),
        question(line="logs web \x00"),
        question(line="logs web \ud800"),
        question(values={"app": 5}),
        question(values={"app": "\x9b"}),
        question(values={str(n): "" for n in range(101)}),
        question(values={"app": "x" * 20_001}),
        question() + b"\n" + question(),
        json.dumps({"is": "look", "v": 1, "operation": "op-0; drop"}).encode(),
        json.dumps({"is": "look", "v": 1}).encode(),
    ],
)
def test_a_malformed_question_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        wire.load_question(line)


def test_a_question_is_bounded() -> None:
    with pytest.raises(WireError, match="too long"):
        wire.load_question(b" " * (wire.QUESTION_LIMIT + 1))


def test_another_version_is_named() -> None:
    with pytest.raises(WireError, match="speaks version 1, the other 2"):
        wire.load_question(question(v=2))
    with pytest.raises(WireError, match="version"):
        wire.load_answer(b'{"v":3}\n')


def test_arguments_that_are_no_text_are_shown_and_not_lost() -> None:
    asked = wire.load_question(wire.dump_ask("logs web \udcff", Kind.LINE, {}))
    assert isinstance(asked, AskMessage)
    assert asked.line == "logs web \\udcff"


def test_what_json_cannot_hold_becomes_a_problem() -> None:
    chart = Chart(text("Errors"), "%", (Series(text("canary"), ((T0, float("nan")),)),))
    problem = wire.load_answer(wire.dump_answer(Answer(Reply(None, (chart,)))))
    assert isinstance(problem, Problem)
    assert problem.code == "not-shown"


def test_an_answer_that_is_too_large_becomes_a_problem() -> None:
    problem = wire.load_answer(wire.dump_answer(Answer(Reply(None, (Code("x" * wire.ANSWER_LIMIT),)))))
    assert isinstance(problem, Problem)
    assert problem.code == "too-long"


@pytest.mark.parametrize(
    "reply",
    ['{"$":"unknown-kind"}', "5", '{"$":"reply"}', '{"$":"style","value":"pink"}', '{"$":"reply","wrong":1}', "null"],
)
def test_a_reply_of_another_release_is_no_crash(reply: str) -> None:
    line = wire.dump_answer(Card(says("x"), Phase.DONE)).decode()
    whole = json.loads(line) | {"reply": json.loads(reply)}
    with pytest.raises(WireError):
        wire.load_answer(json.dumps(whole).encode())
