"""`tail`: an app's newest lines in one message that is edited, for a time; `around`: the lines around one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BadArguments
from bot.domain.operation import Phase, Place, Standing
from bot.domain.refs import OperationId
from bot.domain.reply import Buttons, Opens, text
from bot.domain.workloads import Mark
from bot.ports.observing import LogLine, LogPage, LogQuery
from bot.ports.people import Identity, Status
from bot.ports.store import MessageClass
from bot.road.answers import Answer
from bot.road.request import Origin, Request
from bot.steps.codec import load_steps
from bot.steps.following import shown
from tests.kit.bench import POLICY, SLACK_IDS, Bench, said, words


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


def test_who_asks_in_a_channel_is_told_that_the_lines_stand_elsewhere(bot: Bench) -> None:
    assert "Its card is in your direct messages with me." in words(follow(bot, "tail web in staging"))
    in_thread = follow(bot, "tail web in prod", thread="1795529103.000300")
    assert "Its card shows how it goes." in words(in_thread)


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
    form = {"app": "web", "env": "staging", "time": "11m"}
    assert "Next: Change it and try again." in words(bot.say("ana", "tail", values=form))


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


def test_where_the_lines_begin_nothing_earlier_is_offered(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=10))
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"), until=lambda op: bool(op.seen and op.seen.done))
    around = bot.say("ana", button(bot.say("ana", "logs web starting in staging"), "Around newest line"))
    assert "starting web 1.8.2" in words(around)
    assert "Nothing earlier within 1 h." in words(around)
    [buttons] = [block for block in around.reply.blocks if isinstance(block, Buttons)]
    assert [each.label.plain() for each in buttons.row] == ["Later"]


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


def running(bot: Bench, line: str = "tail web in staging") -> OperationId:
    answer = follow(bot, line)
    assert answer.operation is not None, words(answer)
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING and op.seen is not None)
    return answer.operation


def test_following_ends_where_the_right_to_read_logs_ends(bot: Bench) -> None:
    id = running(bot)
    bot.policy(POLICY.read_text().replace("logs:read, ", "", 1))
    bot.turn(seconds=6)
    op = bot.run(id, seconds=30)
    assert op.phase is Phase.UNDONE
    card = said(bot.core.draw(f"operation/{id}"))
    assert "It ended before its time" in card
    assert "logs:read" in card
    assert not re.search(r"\d\d:\d\d:\d\d \w{5} ", card)


def test_following_ends_where_the_account_of_its_asker_does(bot: Bench) -> None:
    id = running(bot)
    bot.people.statuses[SLACK_IDS["ana"]] = Status.GONE
    bot.turn(seconds=6)
    assert bot.run(id, seconds=30).phase is Phase.UNDONE


def test_followed_logs_cannot_be_paused_so_that_they_go_on_for_a_day(bot: Bench) -> None:
    id = running(bot)
    refused = bot.say("ana", f"pause {id}")
    assert refused.is_error
    assert "cannot take pause" in words(refused)
    assert bot.run(id).phase is Phase.DONE


def test_one_person_follows_three_logs_at_once(bot: Bench) -> None:
    ids = [running(bot, f"tail web word{n} in staging") for n in range(3)]
    refused = follow(bot, "tail web more in staging")
    assert refused.is_error
    assert "You follow 3 logs already." in words(refused)
    bot.say("ana", f"cancel {ids[0]}")
    bot.run(ids[0])
    assert not follow(bot, "tail web more in staging").is_error


def test_many_that_are_asked_for_at_once_do_not_all_begin(bot: Bench) -> None:
    ids = [follow(bot, f"tail web word{n} in staging").operation for n in range(8)]
    for _ in range(5):
        bot.turn()
    phases = [bot.operation(id).phase for id in ids if id is not None]
    assert (phases.count(Phase.RUNNING), phases.count(Phase.REFUSED)) == (3, 5)


def test_edits_of_followed_logs_are_of_the_last_class(bot: Bench) -> None:
    id = running(bot)
    row = bot.core.store.read(lambda tx: tx.outbox.get(f"operation/{id}"))
    assert row is not None
    assert row.kind is MessageClass.CHATTER
    bot.run(id)
    row = bot.core.store.read(lambda tx: tx.outbox.get(f"operation/{id}"))
    assert row is not None
    assert row.kind is MessageClass.OPERATION


def test_words_that_the_log_store_refuses_end_it_with_its_reason(bot: Bench) -> None:
    id = running(bot)

    class Refusing:
        def search(self, query: LogQuery) -> LogPage:
            raise BadArguments(text("The words to look for are longer than 500 characters."))

        def ping(self) -> str:
            return ""

    op = bot.operation(id)
    engine = bot.core.engine
    world = replace(engine._world(op.requester, op), logs=Refusing())
    seen = engine._gate.look(load_steps(op.plan)[0].do, op, Mark(id, "0", 0), world)
    assert seen.standing is Standing.FAILED
    assert seen.why is not None
    assert "longer than 500" in seen.why.plain()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_around_the_ends_of_the_calendar_says_what_a_time_is(bot: Bench, at: str) -> None:
    assert "it has to be a time such as" in words(bot.say("ana", f"around web {at} in staging"))
    assert "it has to be a time such as" in words(
        bot.say("ana", f"around web 2026-11-24T14:31:58Z in staging mark={at}")
    )


def test_what_an_app_calls_a_level_shows_no_secret_and_is_no_longer_than_a_level() -> None:
    at = datetime(2026, 11, 24, 14, 31, 58, tzinfo=UTC)
    for level in ("password=hunter2", "x" * 4000, "a\n14:31:58 x2x7p", "ERROR "):
        line = shown(LogLine(at, "web-5d9c-x2x7p", "app", level, "hello"))
        assert line == f"14:31:58 x2x7p {'ERROR' if level == 'ERROR ' else '?'} hello"


def test_followed_logs_are_for_those_who_read_where_they_stand(bot: Bench) -> None:
    card = bot.core.draw(f"operation/{running(bot)}")
    assert card is not None
    assert card.stays
