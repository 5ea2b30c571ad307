"""MACs, budgets, the runner, people, the manifest: each alone."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Unavailable
from bot.domain.operation import Place
from bot.domain.refs import Secret
from bot.domain.reply import Opens
from bot.ports.people import Identity, Status
from bot.slack.budgets import POST, UPDATE, Budgets
from bot.slack.connect import Line
from bot.slack.context import Context, seal, unseal
from bot.slack.macs import Macs, Use
from bot.slack.people import SlackPeople
from bot.slack.runner import Runner
from tests.slack.stage import MACS, Stage, our_manifest

OTHER = Macs(Secret("o" * 32))


@given(line=st.text(max_size=200), opens=st.sampled_from(list(Opens)))
def test_a_button_gives_back_its_line_and_nobody_elses(line: str, opens: Opens) -> None:
    value = MACS.button(line, opens)
    assert MACS.pressed(value) == (line, opens)
    assert OTHER.pressed(value) is None
    assert Macs(Secret("n" * 32), Secret("k" * 32)).pressed(value) == (line, opens)


@given(value=st.text(max_size=80))
def test_no_value_that_we_did_not_make_is_a_button(value: str) -> None:
    assert MACS.pressed(value) is None


def test_a_changed_line_and_a_changed_hint_are_not_ours() -> None:
    value = MACS.button("plan op-1", Opens.VIEW)
    assert MACS.pressed(value.replace("op-1", "op-2")) is None
    assert MACS.pressed(value.replace(".v", ".f")) is None
    assert MACS.open(Use.VIEW, value) is None


def test_macs_want_a_long_key() -> None:
    for keys in ((), (Secret("short"),), (Secret("k" * 32), Secret(""))):
        with pytest.raises(ValueError, match="key"):
            Macs(*keys)


def test_a_dialog_remembers_its_place_and_line() -> None:
    context = Context(Place("C1", "1.2"), 'logs web "<x>" ü', is_form=True)
    assert unseal(MACS, seal(MACS, context)) == context
    assert unseal(OTHER, seal(MACS, context)) is None
    assert len(seal(MACS, Context(Place("C1"), "x" * 9_000))) < 3_000


class Ticking:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.at)

    def elapsed(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_no_minute_holds_more_than_slack_allows_and_hardly_less() -> None:
    clock = Ticking()
    budgets = Budgets(clock.elapsed, messages=300, updates=50)
    for method, allowed in ((POST, 300), (UPDATE, 50)):
        taken: list[float] = []
        end = clock.at + 300
        while clock.at < end:
            wait = budgets.take(method, f"C{len(taken) % 7}")
            if wait:
                clock.at += wait
            else:
                taken.append(clock.at)
        for first in taken:
            assert sum(first <= moment < first + 60 for moment in taken) <= allowed
        assert len(taken) >= 5 * allowed * 0.9


def test_one_channel_gets_a_message_a_second_and_a_short_burst() -> None:
    clock = Ticking()
    budgets = Budgets(clock.elapsed)
    clock.at += 60
    assert [budgets.take(POST, "C1") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert 0 < budgets.take(POST, "C1") <= 1.0
    assert budgets.take(POST, "C2") == 0.0


def test_what_matters_less_leaves_the_last_token() -> None:
    clock = Ticking()
    budgets = Budgets(clock.elapsed, updates=50)
    while not budgets.take(UPDATE, is_low=True):
        pass
    assert budgets.take(UPDATE) == 0.0


def test_a_refusal_of_slack_is_waited_out() -> None:
    clock = Ticking()
    budgets = Budgets(clock.elapsed)
    budgets.pause(POST, "C1", 30.0)
    assert budgets.take(POST, "C1") == 30.0
    assert budgets.take(POST, "C2") == 1.0
    clock.at += 30
    assert budgets.take(POST, "C1") == 0.0


def _wait(gate: threading.Event) -> None:
    gate.wait(5)


def _crash() -> None:
    raise ZeroDivisionError


def test_a_full_runner_refuses_and_a_bug_does_not_stop_it() -> None:
    runner = Runner(name="test", threads=1, waiting=1)
    gate, seen = threading.Event(), threading.Event()
    assert runner.reserve()
    runner.run(lambda: _wait(gate))
    assert runner.reserve()
    assert not runner.reserve()
    runner.run(_crash)
    gate.set()
    while not runner.reserve():
        time.sleep(0.001)
    runner.run(seen.set)
    assert seen.wait(5)
    runner.stop(5)
    assert not runner.reserve()


@pytest.fixture
def line(http_stage: Stage) -> Line:
    return http_stage.edge.line


def identity(user: str, team: str = "T0PAAS001") -> Identity:
    return Identity("slack", team, user)


def test_people_are_who_slack_says_they_are(http_stage: Stage, line: Line) -> None:
    people = line.people
    assert people.standing(identity("U0ANA0001")).status is Status.ACTIVE
    assert people.standing(identity("U0GUS0004")).status is Status.GUEST
    assert people.standing(identity("U0BOT00001")).status is Status.BOT
    assert people.standing(identity("U0NOBODY1")).status is Status.GONE
    assert people.standing(identity("U0ANA0001", "T0OTHER")).status is Status.STRANGER
    assert people.standing(identity("")).status is Status.STRANGER


def test_a_person_is_asked_about_once_a_minute(http_stage: Stage, line: Line) -> None:
    clock = Ticking()
    people = SlackPeople(line.api, clock, team="T0PAAS001")
    for _ in range(5):
        people.standing(identity("U0ANA0001"))
    assert len(http_stage.slack.calls("users.info")) == 1
    http_stage.slack.run(lambda: http_stage.slack.world.set_deactivated("U0ANA0001"))
    clock.at += 61
    assert people.standing(identity("U0ANA0001")).status is Status.GONE


def test_members_of_a_channel_read_it_and_others_do_not(http_stage: Stage, line: Line) -> None:
    assert line.people.is_reading("U0BOB0002", "C0PROD001")
    assert not line.people.is_reading("U0GUS0004", "C0PROD001")


def test_where_slack_does_not_say_who_reads_a_channel_everybody_may(http_stage: Stage, line: Line) -> None:
    assert line.people.is_reading("U0BOB0002", "C0NOWHERE")
    http_stage.slack.arm(server_error={"conversations.members": 9}, rate_limited={})
    assert line.people.is_reading("U0GUS0004", "C0PROD001")


def test_a_failed_look_up_vouches_for_nobody(http_stage: Stage, line: Line) -> None:
    people = SlackPeople(line.api, Ticking(), team="T0PAAS001")
    http_stage.slack.arm(server_error={"users.info": 1}, rate_limited={})
    with pytest.raises(Unavailable):
        people.standing(identity("U0ANA0001"))
    http_stage.slack.arm(rate_limited={"users.info": {"times": 1, "retry_after": 7}})
    with pytest.raises(Unavailable) as caught:
        people.standing(identity("U0ANA0001"))
    assert caught.value.retry_after == timedelta(seconds=7)


def test_the_manifest_asks_for_little_and_escapes_everything() -> None:
    made = our_manifest()
    features, settings = made["features"], made["settings"]
    assert isinstance(features, dict)
    assert isinstance(settings, dict)
    commands = features["slash_commands"]
    assert isinstance(commands, list)
    names = [command["command"] for command in commands if isinstance(command, dict)]
    assert names == ["/paas", "/deploy", "/logs", "/rollback"]
    assert all(command["should_escape"] is True for command in commands if isinstance(command, dict))
    assert settings["socket_mode_enabled"] is True
    assert not any("admin" in str(scope) for scope in str(made["oauth_config"]).split())
