"""A whole build through the engine and the real adapter to a Jenkins that counts what it started: crashes and lost answers.

Jenkins cannot refuse a second start. So: one build or none an operation, and where nobody can know, a person is asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId, Secret
from integrations.jenkins.builds import JenkinsBuilds, JenkinsPlace
from tests.faults.jenkins_server import TOKEN, USER, JenkinsServer, serving
from tests.kit.bench import Bench, bench, said, words

JOB = "team-web/build-web"
START = "buildWithParameters"
NEVER = 1200
"""Ticks, which are 20 minutes, after which nothing more is thought to be sent."""


class CrashError(BaseException):
    """kill -9."""


class Crashing(JenkinsBuilds):
    """Dies or stands still once, around the call that starts."""

    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None

    def start(self, job: str, *, operation: str, ref: str, tag: str, time_left: Callable[[], timedelta]) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        super().start(job, operation=operation, ref=ref, tag=tag, time_left=time_left)
        after, self.after = self.after, None
        if after is not None:
            after()


@dataclass
class Ground:
    bot: Bench
    server: JenkinsServer
    adapter: Crashing

    def start(self, line: str = "build web@1.11.0") -> OperationId:
        return self.bot.start("ana", line)

    def count(self, id: OperationId) -> int:
        return self.server.jenkins.counts()[id]

    def sent(self) -> int:
        return sum(START in line for line in self.server.requests)

    def card(self, id: OperationId) -> str:
        reply = self.bot.core.draw(f"operation/{id}")
        assert reply is not None
        return said(reply)

    def finish(self, id: OperationId, result: str = "SUCCESS", *, log: str = "") -> Operation:
        """What runs or waits at Jenkins comes to its end, and with a success the image is there."""
        self.server.jenkins.begin()
        [build] = [each for each in self.server.jenkins.builds[JOB] if each.given.get("OP_ID") == id]
        if result == "SUCCESS":
            self.bot.world.registry.push("registry.test/web", build.given["TAG"])
        self.server.jenkins.finish(build, result, words=log)
        return self.bot.run(id)

    def until_paused(self, id: OperationId) -> None:
        self.bot.run(id, until=lambda op: bool(op.seen and op.seen.why))


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    with serving() as server:
        server.jenkins.is_held = True
        place = JenkinsPlace(server.url, USER, Secret(TOKEN), jobs={"web": JOB})
        adapter = Crashing(place, connect=timedelta(seconds=2), read=timedelta(seconds=10))
        with bench(folder, ci=adapter) as bot:
            yield Ground(bot, server, adapter)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as found:
        yield found


def started(op: Operation) -> bool:
    return op.cursor == 1


def test_nothing_goes_wrong_and_it_is_one_build(at: Ground) -> None:
    id = at.start()
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1
    assert at.server.jenkins.builds[JOB][0].given == {"OP_ID": id, "REF": "1.11.0", "TAG": "1.11.0"}


@pytest.mark.parametrize(
    "fault", [{"how": "after"}, {"how": "served", "status": 502}, {"how": "served", "status": 504}]
)
def test_an_answer_lost_after_the_start_is_one_build(at: Ground, fault: dict[str, object]) -> None:
    at.server.faults.arm([fault])
    id = at.start()
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1


@pytest.mark.parametrize("fault", [{"how": "before"}, {"how": "status", "status": 503}])
def test_a_start_that_never_arrived_is_not_sent_again_and_asks_a_person(at: Ground, fault: dict[str, object]) -> None:
    at.server.faults.arm([fault])
    id = at.start()
    at.until_paused(id)
    for _ in range(NEVER):
        at.bot.turn()
    assert at.bot.operation(id).phase is Phase.RUNNING
    assert "Paused · build web from 1.11.0" in at.card(id)
    assert "not started a second time without a person" in at.card(id)
    assert (at.count(id), at.sent()) == (0, 1)
    assert not at.bot.say("ana", f"abort {id}").is_error
    assert at.bot.run(id).phase is Phase.UNDONE
    assert (at.count(id), at.sent()) == (0, 1)


def test_a_start_that_arrives_late_is_taken_up(at: Ground) -> None:
    at.server.faults.arm([{"how": "late", "seconds": 1}])
    id = at.start()
    at.until_paused(id)
    until = time.monotonic() + 30
    while not at.count(id) and time.monotonic() < until:
        time.sleep(0.05)
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1


def test_a_process_that_dies_before_it_sends_leaves_no_build_and_a_question(at: Ground) -> None:
    def die() -> None:
        raise CrashError

    at.adapter.before = die
    id = at.start()
    with pytest.raises(CrashError):
        at.bot.run(id)
    at.until_paused(id)
    for _ in range(60):
        at.bot.turn(seconds=10)
    assert (at.count(id), at.sent()) == (0, 0)
    assert "Paused" in at.card(id)


def test_a_process_that_dies_after_it_sent_leaves_one_build_that_is_taken_over(at: Ground) -> None:
    def die() -> None:
        raise CrashError

    at.adapter.after = die
    id = at.start()
    with pytest.raises(CrashError):
        at.bot.run(id)
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1


def test_a_process_that_stood_still_past_its_lease_sends_nothing(at: Ground) -> None:
    at.adapter.before = lambda: at.bot.clock.move(timedelta(seconds=30))
    id = at.start()
    at.until_paused(id)
    for _ in range(60):
        at.bot.turn(seconds=10)
    assert (at.count(id), at.sent()) == (0, 0)
    assert "Paused" in at.card(id)


def test_a_lease_that_is_too_short_counts_as_not_tried(at: Ground) -> None:
    at.adapter.before = lambda: at.bot.clock.move(timedelta(seconds=3))
    id = at.start()
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1


def test_what_was_certainly_not_sent_is_sent_when_jenkins_is_back(at: Ground) -> None:
    at.server.faults.arm(
        [{"how": "status", "status": 503, "on": "crumbs"}, {"how": "before", "on": "crumbs", "nth": 2}]
    )
    id = at.start()
    at.bot.run(id, until=started)
    assert at.finish(id).phase is Phase.DONE
    assert at.count(id) == at.sent() == 1


def test_a_start_that_was_refused_ends_it(at: Ground) -> None:
    at.server.faults.arm([{"how": "status", "status": 403}])
    id = at.start()
    assert at.bot.run(id).phase is Phase.UNDONE
    assert "Jenkins does not let us use" in at.card(id)
    assert at.count(id) == 0


def test_a_build_that_was_cleaned_up_is_no_success(at: Ground) -> None:
    id = at.start()
    at.bot.run(id, until=started)
    at.server.jenkins.begin()
    at.server.jenkins.purge(operation=id)
    at.until_paused(id)
    assert at.bot.operation(id).phase is Phase.RUNNING
    assert "whether there is an image is not known" in at.card(id)


def test_an_item_that_somebody_cancelled_in_jenkins_is_no_success(at: Ground) -> None:
    id = at.start()
    at.bot.run(id, until=started)
    at.server.jenkins.cancel(1, user="somebody")
    at.until_paused(id)
    assert "cancelled" in at.card(id)


def test_stopping_it_stops_it_at_jenkins(at: Ground) -> None:
    id = at.start()
    at.bot.run(id, until=started)
    at.server.jenkins.begin()
    assert not at.bot.say("ana", f"abort {id}").is_error
    assert at.bot.run(id).phase is Phase.UNDONE
    assert at.server.jenkins.counts("stop") == {id: 1}
    assert at.server.jenkins.builds[JOB][0].result == "ABORTED"


def test_a_stop_whose_answer_is_lost_is_one_stop(at: Ground) -> None:
    id = at.start()
    at.bot.run(id, until=started)
    at.server.jenkins.begin()
    at.server.faults.arm([{"how": "after"}])
    at.bot.say("ana", f"abort {id}")
    assert at.bot.run(id).phase is Phase.UNDONE
    assert at.server.jenkins.counts("stop") == {id: 1}


def test_a_request_that_the_network_repeats_is_told_on_the_card(at: Ground) -> None:
    """That it is sent once is all that we can do."""
    at.server.faults.arm([{"how": "duplicate"}])
    id = at.start()
    at.bot.run(id, until=started)
    at.server.jenkins.begin()
    at.bot.run(id, until=lambda op: bool(op.seen and op.seen.report and "so far" in op.seen.report.plain()))
    for _ in range(15):
        at.bot.turn()
    assert "2 builds bear its mark" in at.card(id)
    assert at.sent() == 1


def test_a_job_that_drops_the_mark_is_refused_before_anything_is_asked(at: Ground) -> None:
    at.server.jenkins.add_job(JOB, parameters=("REF", "TAG"))
    answer = at.bot.say("ana", "build web")
    assert "does not take OP_ID" in words(answer)
    assert at.sent() == 0


def test_token_and_what_jenkins_repeats_are_in_no_log_record_or_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Everything that is stored, shown and logged is looked through, after all kinds of failures."""
    caplog.set_level(logging.DEBUG)
    planted = "hunter2-canary-4d3c"
    shown = ""
    with ground(tmp_path) as at:
        at.server.jenkins.add_job(JOB, parameters=("OP_ID", "REF", "TAG", "DB_PASSWORD"))
        at.server.jenkins.schedule(JOB, {"DB_PASSWORD": planted, "REF": "x"}, user="somebody")
        at.server.jenkins.begin()
        for fault in (
            {"how": "status", "status": 500},
            {"how": "status", "status": 403},
            {"how": "before"},
            {"how": "after"},
            {"how": "status", "status": 401, "on": "reads", "nth": 6},
        ):
            at.server.faults.arm([fault])
            id = at.start()
            for _ in range(45):
                at.bot.turn()
            shown += at.card(id)
            at.bot.say("ana", f"abort {id}")
            at.bot.run(id)
            shown += at.card(id) + words(at.bot.say("ana", "builds web"))
        at.server.faults.arm([])
        id = at.start("build web@main")
        at.bot.run(id, until=started)
        log = f"+ docker login -p {planted}\nDB_PASSWORD={planted}\nAuthorization: Basic {planted}\nfailed to push\n"
        assert at.finish(id, "FAILURE", log=log).phase is Phase.UNDONE
        shown += at.card(id)
        turn = at.bot.core.store.read(lambda tx: tx.outbox.get(f"operation/{id}/turn"))
        assert turn is not None
        assert "failed to push" in turn.body
        stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said_aloud = shown + "".join(capfd.readouterr()) + caplog.text
    assert id.encode() in stored
    for secret in (TOKEN, planted, "Basic cGlsb3Rob3VzZTo"):
        assert secret not in said_aloud
        assert secret.encode() not in stored
