"""What people type by mistake, or shortly, and what they are answered: the way on, in one click."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from tests.kit.bench import Bench, words


@pytest.mark.parametrize(
    ("line", "says", "buttons"),
    [
        ("deploy web@1.8.2 prod", "prod stands there without to", ("deploy web@1.8.2 to prod",)),
        ("deploy web@1.8.2 to", "Nothing follows to", ("deploy web@1.8.2 to staging", "deploy web@1.8.2 to prod")),
        ("deploy web@1.8.2", "env is missing", ("deploy web@1.8.2 to staging", "deploy web@1.8.2 to prod")),
        ("canary web to prod", "canary web@VERSION 10 to prod", ()),
        ("promote web in prod", "status web in prod", ()),
    ],
)
def test_a_mistake_is_answered_with_the_way_on(bot: Bench, line: str, says: str, buttons: tuple[str, ...]) -> None:
    answer = bot.say("ana", line)
    assert answer.is_error
    assert says in words(answer)
    for button in buttons:
        assert f": {button}]" in words(answer)


@pytest.fixture
def at_home(bot: Bench) -> Bench:
    """The channel means web on staging."""
    bot.run(bot.start("ana", "here app=web env=staging"))
    return bot


def test_words_alone_search_the_app_that_the_channel_means(at_home: Bench) -> None:
    answer = at_home.say("ana", "logs timeout")
    assert not answer.is_error, words(answer)
    assert "Logs · web on staging · last 1 h · timeout" in words(answer)


def test_another_app_that_there_is_goes_before_the_one_that_the_channel_means(at_home: Bench) -> None:
    assert "Logs · cart on staging" in words(at_home.say("ana", "logs cart timeout"))


def test_what_changes_something_takes_no_app_for_granted_because_of_a_slip(at_home: Bench) -> None:
    for line in ("lock chekout broken", "restart wbe", "deploy wbe@1.8.2"):
        answer = at_home.say("ana", line)
        assert answer.is_error, line
        assert "There is no app" in words(answer)


def test_a_plan_that_is_made_again_elsewhere_has_its_card_there(bot: Bench) -> None:
    first = bot.say("ana", "deploy web@1.8.2 to prod", channel="C0WEB")
    again = bot.say("ana", "deploy web@1.8.2 to prod", channel="C0PROD")
    assert first.operation == again.operation
    assert again.operation is not None
    bot.say("ana", f"ask {again.operation}", channel="C0PROD")
    assert bot.operation(again.operation).place.channel == "C0PROD"


def test_a_request_that_others_see_stays_where_they_see_it(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    again = bot.say("ana", "deploy web@1.8.2 to prod", channel="C0PROD")
    assert again.operation == id
    assert bot.operation(id).place.channel == "C0WEB"


def test_a_plan_that_is_made_again_elsewhere_still_ends_by_itself(bot: Bench) -> None:
    bot.say("ana", "deploy web@1.8.2 to prod", channel="C0WEB")
    again = bot.say("ana", "deploy web@1.8.2 to prod", channel="C0PROD")
    assert again.operation is not None
    bot.turn(seconds=16 * 60)
    assert bot.operation(again.operation).phase is Phase.EXPIRED


def test_a_late_vote_is_told_what_can_still_be_done(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"approve {id}")
    bot.run(id, until=lambda op: op.phase is Phase.RUNNING)
    twice = words(bot.say("bo", f"approve {id}"))
    assert "You have approved" in twice
    assert "other people" not in twice
    late = words(bot.say("bo", f"deny {id} too late"))
    assert f"It is too late to deny {id}." in late
    assert f"`abort {id}` stops it" in late or f"abort {id} stops it" in late


def test_status_tells_a_plan_from_a_request(bot: Bench) -> None:
    bot.say("ana", "deploy web@1.8.2 to prod")
    assert "not asked for yet" in words(bot.say("ana", "status"))


def test_help_of_a_command_says_what_each_of_its_parameters_is(bot: Bench) -> None:
    answer = words(bot.say("ana", "help canary"))
    assert "steps  further shares, one after the other" in answer
    assert "hold  how long each share is watched" in answer
