"""`tail`: an app's newest lines in one message that is edited, for a time; `around`: the lines around one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Phase, Place
from bot.domain.reply import Buttons, Opens
from bot.ports.people import Identity
from bot.road.answers import Answer
from bot.road.request import Origin, Request
from bot.steps.codec import load_steps
from tests.kit.bench import SLACK_IDS, Bench, said, words


def follow(bot: Bench, line: str, *, thread: str = "", is_private: bool = True) -> Answer:
    request = Request(Origin.TYPED, Identity("slack", "T0PAAS001", SLACK_IDS["ana"]), line, Place("C0WEB", thread))
    return bot.core.walk(replace(request, private=Place(SLACK_IDS["ana"])) if is_private else request)


def test_followed_logs_go_to_the_asker_alone_and_end_by_themselves(bot: Bench) -> None:
    answer = follow(bot, "tail web in staging time=1m")
    assert answer.operation is not None, words(answer)
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING and op.seen is not None)
    assert bot.operation(answer.operation).place == Place("U0ANA0001")
    card = bot.core.draw(f"operation/{answer.operation}")
    assert card is not None
    assert card.title is not None
    assert card.title.plain() == "Following · logs of web on staging"
    assert re.search(r"\d\d:\d\d:\d\d \w{5} ", said(card))
    assert f"[Stop: cancel {answer.operation}]" in said(card)
    ended = bot.run(answer.operation)
    assert ended.phase is Phase.DONE
    assert ended.ended is not None
    assert ended.started is not None
    assert timedelta(seconds=60) <= ended.ended - ended.started <= timedelta(seconds=66)
    last = said(bot.core.draw(f"operation/{answer.operation}"))
    assert last.startswith("Followed · logs of web on staging")
    assert "[Follow again: tail web in staging time=1m]" in last
    assert bot.world.effects == []


def test_new_lines_take_the_place_of_the_old(bot: Bench) -> None:
    answer = follow(bot, "tail web in staging")
    assert answer.operation is not None
    bot.run(answer.operation, until=lambda op: op.seen is not None)
    first = bot.operation(answer.operation).seen
    for _ in range(30):
        bot.turn(seconds=2)
    later = bot.operation(answer.operation).seen
    assert first is not None
    assert later is not None
    assert later.excerpt
    assert later.excerpt != first.excerpt
    assert len(later.excerpt.splitlines()) <= 10


def test_in_a_thread_they_stay_in_the_thread(bot: Bench) -> None:
    answer = follow(bot, "tail web in staging", thread="1795529103.000300")
    assert answer.operation is not None
    assert bot.operation(answer.operation).place == Place("C0WEB", "1795529103.000300")


def test_where_nobody_reads_alone_logs_are_not_followed(bot: Bench) -> None:
    refused = follow(bot, "tail web in staging", is_private=False)
    assert refused.is_error
    assert "There is no place here that only you read." in words(refused)
    assert bot.operations() == ()


def test_following_can_be_stopped_and_says_by_whom(bot: Bench) -> None:
    answer = follow(bot, "tail web in staging")
    assert answer.operation is not None
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING and op.seen is not None)
    bot.say("ana", f"cancel {answer.operation}")
    assert bot.run(answer.operation).phase is Phase.UNDONE
    assert "Stopped by ana" in said(bot.core.draw(f"operation/{answer.operation}"))
    # Nobody needs to be told of it in the thread.
    key = f"operation/{answer.operation}"
    assert bot.core.store.read(lambda tx: [tx.outbox.get(f"{key}/{part}") for part in ("end", "turn")]) == [None, None]


def test_following_goes_on_after_a_restart(bot: Bench) -> None:
    answer = follow(bot, "tail web in staging time=2m")
    assert answer.operation is not None
    bot.run(answer.operation, until=lambda op: op.seen is not None)
    bot.restart(after=timedelta(seconds=20))
    assert bot.run(answer.operation).phase is Phase.DONE


def test_who_may_not_read_logs_may_not_follow_them(bot: Bench) -> None:
    assert bot.say("gus", "tail web in prod").is_error


def test_logs_are_followed_for_ten_minutes_at_most(bot: Bench) -> None:
    refused = follow(bot, "tail web in staging time=11m")
    assert "time is longer than 10 min" in words(refused)


def test_what_is_followed_survives_being_stored(bot: Bench) -> None:
    answer = follow(bot, 'tail web "timed out" -retry in staging level=warn')
    assert answer.operation is not None
    step = load_steps(bot.operation(answer.operation).plan)[0].do
    assert (step.words, step.level, step.scopes[0].workload) == ('"timed out" -retry', "warn", "web")  # type: ignore[attr-defined]


def button(answer: Answer, label: str) -> str:
    found = [b for block in answer.reply.blocks if isinstance(block, Buttons) for b in (*block.row, *block.more)]
    return next(b.line for b in found if b.label.plain() == label)


def marked(answer: Answer) -> list[str]:
    return [line for line in words(answer).splitlines() if line.startswith("▶")]


def test_around_the_newest_line_opens_a_dialog_with_that_line_marked(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=10))
    logs = bot.say("ana", "logs web in staging")
    buttons = next(block for block in logs.reply.blocks if isinstance(block, Buttons))
    assert [b.label.plain() for b in buttons.row] == ["Around newest line", "Earlier", "Share here"]
    assert buttons.row[0].opens is Opens.VIEW
    around = bot.say("ana", buttons.row[0].line)
    assert not around.is_error, words(around)
    newest = next(line for line in reversed(words(logs).splitlines()) if re.match(r"\d\d:\d\d:\d\d ", line))
    assert [line[2:10] for line in marked(around)] == [newest[:8]]


def test_earlier_and_later_go_through_the_pods_lines_and_keep_the_mark(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=10))
    around = bot.say("ana", button(bot.say("ana", "logs web in staging"), "Around newest line"))
    earlier = bot.say("ana", button(around, "Earlier"))
    assert marked(earlier) in ([], marked(around))

    def lines(answer: Answer) -> list[str]:
        return [line[2:] for line in words(answer).splitlines() if re.match(r"[▶ ] \d\d:\d\d:\d\d ", line)]

    assert lines(earlier) != lines(around)
    assert lines(earlier)[0] <= lines(around)[0]
    assert lines(around)[0] in lines(earlier)
    later = bot.say("ana", button(earlier, "Later"))
    assert lines(earlier)[-1] in lines(later)
    assert lines(later) == sorted(lines(later))


def test_around_a_time_without_lines_says_so(bot: Bench) -> None:
    assert "No lines within 1 h" in words(bot.say("ana", "around web 2020-01-01T00:00:00Z in staging"))


@pytest.mark.parametrize("at", ["noon", "2026-13-01T00:00:00Z", "9"])
def test_around_what_is_no_time_says_what_one_is(bot: Bench, at: str) -> None:
    assert "it has to be a time such as 2026-11-24T14:31:58Z" in words(bot.say("ana", f"around web {at} in staging"))


def test_the_page_that_is_shown_is_the_page_that_is_shared(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=30))
    page = bot.say("ana", button(bot.say("ana", "logs web in staging since=5m level=info"), "Earlier"))
    assert button(page, "Share here") == "logs web in staging since=300s ago=300s level=info --share"


def test_one_line_is_marked_where_several_were_written_at_once(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=10))
    for _ in range(20):
        bot.clock.move(timedelta(seconds=7))
        around = bot.say("ana", button(bot.say("ana", "logs web in prod"), "Around newest line"))
        assert len(marked(around)) == 1
