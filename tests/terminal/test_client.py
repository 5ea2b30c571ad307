"""A run of the client: what it asks back, how long it follows, and what its exit code says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from bot.domain.forms import Form, FormField, Widget
from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Reply, text
from bot.road.answers import Answer
from bot.terminal.client import Exit, run
from bot.terminal.exchange import LocalExchange, Unreachable
from bot.terminal.service import Card, Kind
from tests.terminal.stage import (
    ASK_LINE,
    OP,
    MemoryScreen,
    ScriptedBot,
    StillClock,
    draft,
    refused,
    running,
    says,
    stands,
    started,
    wants,
)

LINE = "scale web 5 to staging"


@dataclass
class Connection:
    """bot.terminal.exchange.Exchange to a bot that runs elsewhere; the first `silences` looks find nobody."""

    bot: ScriptedBot
    silences: int = 0
    is_alone: bool = False
    turns: int = field(default=0, init=False)
    local: LocalExchange = field(init=False)

    def __post_init__(self) -> None:
        self.local = LocalExchange("ana", self.bot.handle, self.bot.card, self._turn)

    def _turn(self) -> None:
        self.turns += 1

    def ask(self, line: str, *, values: Mapping[str, str] | None = None) -> Answer:
        return self.local.ask(line, values=values)

    def look(self, id: OperationId) -> Card | Answer:
        if self.silences > 0:
            self.silences -= 1
            raise Unreachable(text("No bot answers here."))
        return self.local.look(id)


@dataclass
class Session:
    bot: ScriptedBot
    screen: MemoryScreen = field(default_factory=MemoryScreen)
    clock: StillClock = field(default_factory=StillClock)
    silences: int = 0
    is_alone: bool = False

    def run(self, line: str, *, yes: bool = False, wait: bool = True, as_json: bool = False) -> Exit:
        exchange = Connection(self.bot, self.silences, self.is_alone)
        return run(line, exchange, self.screen, clock=self.clock, yes=yes, wait=wait, as_json=as_json)


def scaling(*cards: Card) -> ScriptedBot:
    return ScriptedBot({LINE: draft(), ASK_LINE: started(), "plan op-7": Answer(says("the plan"))}, list(cards))


# --- reads and refusals -----------------------------------------------------------------------


def test_a_read_is_printed() -> None:
    session = Session(ScriptedBot({"whoami": Answer(says("You are ana."))}))
    assert session.run("whoami") is Exit.DONE
    assert session.screen.output == "You are ana.\n"


def test_a_refusal_goes_to_the_errors_and_fails() -> None:
    session = Session(ScriptedBot())
    assert session.run("dploy web") is Exit.REFUSED
    assert session.screen.output == ""
    assert session.screen.errors == "There is no command dploy web.\n"


def test_nobody_there_is_told_apart_from_a_refusal() -> None:
    @dataclass
    class Nobody(Connection):
        def ask(self, line: str, *, values: Mapping[str, str] | None = None) -> Answer:
            raise Unreachable(text("No bot answers here."), next=text("Start it."))

    screen = MemoryScreen()
    assert run("status", Nobody(ScriptedBot()), screen, clock=StillClock()) is Exit.NO_CONNECTION
    assert screen.errors == "No bot answers here.\n\nNext: Start it.\n"


# --- drafts -----------------------------------------------------------------------------------


def test_a_draft_that_is_agreed_to_is_asked_for_and_followed_to_its_end() -> None:
    bot = scaling(running(0, 2), running(1, 2), running(1, 2), running(2, 2), stands(Phase.DONE, "2 of 2 pods ready."))
    session = Session(bot, MemoryScreen(typed=["y"]))
    assert session.run(LINE) is Exit.DONE
    assert bot.lines() == [LINE, ASK_LINE]
    assert session.screen.prompts == ["\nStart this (Scale)? [y/N] "]
    tail = session.screen.output.partition("op-7 starts.\n")[2]
    assert tail == (
        "\nRunning · scale web\n\n░░░░░░░░░░░░ 0 of 2 pods ready\n"
        "Running · scale web · ██████░░░░░░ 1 of 2 pods ready\n"
        "Running · scale web · ████████████ 2 of 2 pods ready\n"
        "\nDone · scale web\n\n2 of 2 pods ready.\n"
    )


@pytest.mark.parametrize("typed", ["", "n", "no", "yep", "Y es"])
def test_a_draft_that_is_not_agreed_to_starts_nothing(typed: str) -> None:
    bot = scaling(running(0, 2))
    session = Session(bot, MemoryScreen(typed=[typed]))
    assert session.run(LINE) is Exit.REFUSED
    assert bot.lines() == [LINE]
    assert f"`{ASK_LINE}` starts it" in session.screen.errors


def test_a_draft_that_nobody_answers_starts_nothing() -> None:
    bot = scaling(running(0, 2))
    assert Session(bot).run(LINE) is Exit.REFUSED
    assert bot.lines() == [LINE]


def test_yes_starts_without_a_question() -> None:
    bot = scaling(stands(Phase.DONE))
    session = Session(bot)
    assert session.run(LINE, yes=True) is Exit.DONE
    assert session.screen.prompts == []


def test_a_plan_that_changed_meanwhile_is_refused() -> None:
    bot = ScriptedBot({LINE: draft(), ASK_LINE: refused("The plan changed.")})
    session = Session(bot)
    assert session.run(LINE, yes=True) is Exit.REFUSED
    assert "The plan changed." in session.screen.errors


def test_a_draft_without_a_way_on_starts_nothing() -> None:
    bot = ScriptedBot({LINE: Answer(Reply(text("Plan")), operation=OP, is_draft=True)})
    assert Session(bot).run(LINE, yes=True) is Exit.REFUSED
    assert bot.lines() == [LINE]


def test_no_wait_returns_as_soon_as_it_is_taken() -> None:
    session = Session(scaling(running(0, 2)))
    assert session.run(LINE, yes=True, wait=False) is Exit.DONE
    assert "Running" not in session.screen.output
    assert session.clock.passed == 0


# --- ends -------------------------------------------------------------------------------------

ENDS = {
    Phase.DONE: Exit.DONE,
    Phase.UNDONE: Exit.WENT_BACK,
    Phase.STUCK: Exit.WENT_BACK,
    Phase.CLOSED: Exit.WENT_BACK,
    Phase.DENIED: Exit.REFUSED,
    Phase.EXPIRED: Exit.REFUSED,
    Phase.WITHDRAWN: Exit.REFUSED,
    Phase.REFUSED: Exit.REFUSED,
}


@pytest.mark.parametrize(("phase", "code"), ENDS.items())
def test_the_exit_code_says_how_it_ended(phase: Phase, code: Exit) -> None:
    bot = scaling(stands(Phase.WAITING), stands(Phase.READY), running(1, 2), stands(Phase.PAUSED), stands(phase))
    assert Session(bot).run(LINE, yes=True) is code


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (Phase.UNDONE, Exit.DONE),
        (Phase.WITHDRAWN, Exit.DONE),
        (Phase.DONE, Exit.REFUSED),
        (Phase.STUCK, Exit.WENT_BACK),
    ],
)
def test_what_is_to_be_stopped_is_done_when_it_went_back(phase: Phase, code: Exit) -> None:
    bot = ScriptedBot({"abort web in staging": started()}, [stands(Phase.UNDOING), stands(phase)])
    assert Session(bot).run("abort web in staging") is code


def test_something_stuck_that_is_given_up_may_take_a_moment() -> None:
    bot = ScriptedBot({"cancel op-7": started()}, [stands(Phase.STUCK), stands(Phase.STUCK), stands(Phase.CLOSED)])
    assert Session(bot).run("cancel op-7") is Exit.DONE


@pytest.mark.parametrize("verb", ["approve", "deny", "pause", "resume", "promote", "extend"])
def test_what_only_steers_is_not_followed(verb: str) -> None:
    bot = ScriptedBot({f"{verb} op-7": started()}, [running(0, 2)])
    session = Session(bot)
    assert session.run(f"{verb} op-7") is Exit.DONE
    assert session.clock.passed == 0


def test_a_change_that_needs_no_question_is_followed() -> None:
    bot = ScriptedBot({"lock web": started()}, [stands(Phase.READY), stands(Phase.DONE)])
    session = Session(bot)
    assert session.run("lock web") is Exit.DONE
    assert session.clock.passed == 1


# --- following --------------------------------------------------------------------------------


def test_an_operation_can_be_followed_by_its_number() -> None:
    assert Session(scaling(running(1, 2), stands(Phase.UNDONE))).run("follow op-7") is Exit.WENT_BACK


def test_following_nothing_says_what_is_meant() -> None:
    session = Session(scaling())
    assert session.run("follow web") is Exit.REFUSED
    assert "op-1042" in session.screen.errors


def test_following_what_may_not_be_read_is_refused() -> None:
    bot = ScriptedBot({"plan op-7": refused("You may not read this.")}, [running(1, 2)])
    session = Session(bot)
    assert session.run("follow op-7") is Exit.REFUSED
    assert session.screen.output == ""


def test_a_bot_that_restarts_is_waited_for() -> None:
    session = Session(scaling(running(1, 2), stands(Phase.DONE)), silences=5)
    assert session.run(LINE, yes=True) is Exit.DONE
    assert session.screen.errors == "No bot answers here. Trying again.\n"


def test_a_bot_that_stays_away_is_given_up() -> None:
    session = Session(scaling(running(1, 2)), silences=1000)
    assert session.run(LINE, yes=True) is Exit.NO_CONNECTION
    assert 30 <= session.clock.passed < 40


def test_leaving_stops_nothing() -> None:
    @dataclass
    class Leaving(StillClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    bot = scaling(running(1, 2))
    session = Session(bot, clock=Leaving())
    assert session.run(LINE, yes=True) is Exit.LEFT
    assert bot.lines() == [LINE, ASK_LINE]
    assert "Nothing that runs was stopped" in session.screen.errors


# --- alone ------------------------------------------------------------------------------------


def test_alone_the_engine_gets_a_turn_at_every_look() -> None:
    bot = scaling(running(0, 2), running(1, 2), stands(Phase.DONE))
    exchange = Connection(bot, is_alone=True)
    assert run(LINE, exchange, MemoryScreen(), clock=StillClock(), yes=True) is Exit.DONE
    assert exchange.turns == 3


def test_alone_what_waits_for_somebody_else_is_not_waited_for() -> None:
    session = Session(scaling(stands(Phase.WAITING)), is_alone=True)
    assert session.run(LINE, yes=True) is Exit.DONE
    assert "`follow op-7` lets it go on" in session.screen.errors


def test_alone_leaving_says_that_it_stands_still() -> None:
    @dataclass
    class Leaving(StillClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    session = Session(scaling(running(1, 2)), clock=Leaving(), is_alone=True)
    assert session.run(LINE, yes=True) is Exit.LEFT
    assert "stands still" in session.screen.errors


def test_alone_a_signal_to_something_paused_may_take_a_moment() -> None:
    bot = ScriptedBot({"resume op-7": started()}, [stands(Phase.PAUSED), running(1, 2), stands(Phase.DONE)])
    session = Session(bot, is_alone=True)
    assert session.run("resume op-7") is Exit.DONE
    assert "Done" in session.screen.output


def test_alone_a_promotion_is_followed_because_nobody_else_does_it() -> None:
    bot = ScriptedBot({"promote op-7": started()}, [running(1, 2), stands(Phase.DONE)])
    assert Session(bot, is_alone=True).run("promote op-7") is Exit.DONE
    assert bot.cards == [stands(Phase.DONE)]


def test_alone_no_wait_says_that_it_stands_still() -> None:
    session = Session(scaling(running(0, 2)), is_alone=True)
    assert session.run(LINE, yes=True, wait=False) is Exit.DONE
    assert "it stands still" in session.screen.errors


# --- forms ------------------------------------------------------------------------------------

FORM = Form(
    "scale",
    "Scale",
    (
        FormField("app", Widget.APP, "App", True, "web", "the app"),
        FormField("pods", Widget.NUMBER, "Pods", True, "", "how many"),
        FormField("env", Widget.ENV, "Env", True, "", "where", ("prod", "staging")),
        FormField("fast", Widget.TOGGLE, "Fast", False, "", "all at once"),
        FormField("reason", Widget.TEXT, "Reason", False, "", ""),
    ),
)


def form_bot(*answers: Answer) -> ScriptedBot:
    given = list(answers)
    return ScriptedBot({"scale": wants(FORM)}, [stands(Phase.DONE)], forms=lambda values: given.pop(0))


def test_a_form_is_asked_field_by_field() -> None:
    bot = form_bot(Answer(says("filled")))
    session = Session(bot, MemoryScreen(typed=["", "5", "2", "y", ""]))
    assert session.run("scale") is Exit.DONE
    assert bot.asked[1].kind is Kind.FORM
    assert bot.asked[1].line == "scale"
    assert bot.asked[1].values == {"app": "web", "pods": "5", "env": "staging", "fast": "yes"}
    assert session.screen.prompts == [
        "App (the app) [web]: ",
        "Pods (how many): ",
        "Env (where: 1 prod, 2 staging): ",
        "Fast (all at once, yes or no) []: ",
        "Reason []: ",
    ]


def test_a_needed_field_and_a_wrong_choice_are_asked_again() -> None:
    bot = form_bot(Answer(says("filled")))
    session = Session(bot, MemoryScreen(typed=["", "", "5", "qa", "prod", "", ""]))
    assert session.run("scale") is Exit.DONE
    assert bot.asked[1].values == {"app": "web", "pods": "5", "env": "prod"}
    assert "Pods is needed." in session.screen.output
    assert "One of prod, staging." in session.screen.output


def test_what_the_road_refuses_of_a_form_is_asked_again_alone() -> None:
    bot = form_bot(refused("pods is x; it has to be a whole number.", "pods"), draft())
    bot.answers = {**bot.answers, ASK_LINE: started()}
    session = Session(bot, MemoryScreen(typed=["", "x", "prod", "", "", "5", "", "", "y"]))
    assert session.run("scale") is Exit.DONE
    assert bot.asked[2].values == {"app": "web", "pods": "5", "env": "prod"}
    assert bot.lines() == ["scale", "scale", "scale", ASK_LINE]


def test_a_form_that_nobody_answers_says_what_is_wanted() -> None:
    session = Session(form_bot())
    assert session.run("scale") is Exit.REFUSED
    assert session.screen.errors == "scale wants more: app, pods, env.\n"


# --- for programs -----------------------------------------------------------------------------


def test_json_is_an_object_a_line_and_asks_nothing() -> None:
    session = Session(scaling(running(0, 2), running(1, 2), stands(Phase.UNDONE)), MemoryScreen(typed=["y"]))
    assert session.run(LINE, yes=True, as_json=True) is Exit.WENT_BACK
    events = [json.loads(line) for line in session.screen.output.splitlines()]
    assert [each["event"] for each in events] == ["answer", "answer", "card", "progress", "card", "end"]
    assert events[0]["operation"] == OP
    assert events[0]["is_draft"] is True
    assert events[0]["reply"]["$"] == "reply"
    assert events[4]["phase"] == "undone"
    assert events[5] == {"event": "end", "exit": 2}
    assert session.screen.prompts == []


def test_json_without_yes_shows_the_plan_and_starts_nothing() -> None:
    bot = scaling(running(0, 2))
    assert Session(bot, MemoryScreen(typed=["y"])).run(LINE, as_json=True) is Exit.REFUSED
    assert bot.lines() == [LINE]
