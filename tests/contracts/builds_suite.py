"""What every adapter of the ports Builds and BuildWriter must do, real or simulated."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import pytest

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable, Unsent
from bot.ports.builds import Build, Builds, BuildState, BuildWriter


class BuildStage(Protocol):
    """A server with a job for the app `web`, on which nothing of `op-7` was built yet."""

    @property
    def builds(self) -> Builds: ...

    @property
    def writer(self) -> BuildWriter: ...

    def begin(self) -> None:
        """What waits is begun."""
        ...

    def end(self) -> None:
        """What runs comes to its end, as its ref says."""
        ...

    def started(self, operation: str) -> int:
        """How often it was really started, as the server counts it."""
        ...

    def clean_up(self, operation: str) -> None:
        """The server forgets the operation's builds."""
        ...

    def lose(self, how: str) -> None:
        """The answer to the next start: `before` it is done, `after`; or it is turned down, `refused`."""
        ...

    def fall_ill(self) -> None:
        """From now on nothing is answered."""
        ...

    def disable(self) -> None: ...


def plenty() -> timedelta:
    return timedelta(minutes=5)


class BuildsContract:
    @pytest.fixture
    def job(self, stage: BuildStage) -> str:
        return stage.builds.job("web").name

    @staticmethod
    def start(stage: BuildStage, job: str, operation: str = "op-7", ref: str = "main") -> None:
        stage.writer.start(job, operation=operation, ref=ref, tag=f"{ref}-{operation}", time_left=plenty)

    @staticmethod
    def only(stage: BuildStage, job: str, operation: str = "op-7") -> Build:
        [found] = stage.builds.find(job, operation)
        return found

    def test_a_job_says_what_it_takes_and_that_it_can_be_used(self, stage: BuildStage) -> None:
        job = stage.builds.job("web")
        assert job.is_enabled
        assert {"OP_ID", "REF", "TAG"} <= set(job.parameters)

    def test_an_app_without_a_job_is_missing(self, stage: BuildStage) -> None:
        with pytest.raises(Missing):
            stage.builds.job("nothing")

    def test_a_disabled_job_says_so_and_starts_nothing(self, stage: BuildStage, job: str) -> None:
        stage.disable()
        assert not stage.builds.job("web").is_enabled
        with pytest.raises(Refused):
            self.start(stage, job)
        assert stage.started("op-7") == 0

    def test_a_build_is_found_by_its_operation_from_the_queue_to_its_end(self, stage: BuildStage, job: str) -> None:
        assert stage.builds.find(job, "op-7") == ()
        self.start(stage, job)
        waiting = self.only(stage, job)
        assert (waiting.state, waiting.number, waiting.ref) == (BuildState.QUEUED, 0, "main")
        assert waiting.why
        stage.begin()
        running = self.only(stage, job)
        assert running.state is BuildState.RUNNING
        assert running.number > 0
        assert running.started is not None
        assert running.took is None
        stage.end()
        ended = self.only(stage, job)
        assert (ended.state, ended.number) == (BuildState.SUCCEEDED, running.number)
        assert ended.took is not None
        assert stage.started("op-7") == 1

    def test_builds_of_others_are_not_ours(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        self.start(stage, job, operation="op-70")
        self.start(stage, job, operation="op-8", ref="1.9.0")
        stage.begin()
        assert [each.operation for each in stage.builds.find(job, "op-7")] == ["op-7"]
        assert stage.builds.find(job, "") == ()
        assert stage.builds.find(job, "op-9") == ()

    def test_two_builds_of_one_operation_are_both_found_the_oldest_first(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        stage.begin()
        self.start(stage, job)
        first, second = stage.builds.find(job, "op-7")
        assert (first.state, second.state) == (BuildState.RUNNING, BuildState.QUEUED)
        stage.begin()
        first, second = stage.builds.find(job, "op-7")
        assert first.number < second.number

    def test_a_build_that_fails_has_failed_and_its_log_ends_with_why(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job, ref="broken")
        stage.begin()
        stage.end()
        found = self.only(stage, job)
        assert found.state is BuildState.FAILED
        last = stage.builds.tail(found, 3).splitlines()
        assert len(last) == 3
        assert last[-1] == "Finished: FAILURE"

    def test_one_that_waits_has_neither_log_nor_stages(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        found = self.only(stage, job)
        assert stage.builds.tail(found, 10) == ""
        assert stage.builds.stages(found) == ()

    def test_stages_come_as_far_as_they_have_begun(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        stage.begin()
        stages = stage.builds.stages(self.only(stage, job))
        assert stages[0].name == "Checkout"
        assert stages[-1].state is BuildState.RUNNING

    def test_a_build_is_stopped_in_the_queue_and_while_it_runs(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        stage.writer.stop(job, operation="op-7")
        assert all(each.is_over for each in stage.builds.find(job, "op-7"))
        self.start(stage, job, operation="op-8")
        stage.begin()
        self.start(stage, job, operation="op-9")
        stage.writer.stop(job, operation="op-8")
        assert self.only(stage, job, "op-8").state is BuildState.STOPPED
        assert not self.only(stage, job, "op-9").is_over
        stage.writer.stop(job, operation="op-8")

    def test_what_was_stopped_in_the_queue_never_begins(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        stage.writer.stop(job, operation="op-7")
        stage.begin()
        assert not [each for each in stage.builds.find(job, "op-7") if each.state is BuildState.RUNNING]

    def test_one_that_was_cleaned_up_is_found_no_more(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job)
        stage.begin()
        stage.clean_up("op-7")
        assert stage.builds.find(job, "op-7") == ()

    def test_the_newest_come_first(self, stage: BuildStage, job: str) -> None:
        self.start(stage, job, operation="op-7")
        stage.begin()
        self.start(stage, job, operation="op-8")
        assert [each.operation for each in stage.builds.recent(job, 2)] == ["op-8", "op-7"]
        assert len(stage.builds.recent(job, 1)) == 1

    def test_an_answer_lost_after_the_start_is_one_build_that_is_found(self, stage: BuildStage, job: str) -> None:
        stage.lose("after")
        with pytest.raises(Unavailable) as lost:
            self.start(stage, job)
        assert not isinstance(lost.value, Unsent)
        assert len(stage.builds.find(job, "op-7")) == stage.started("op-7") == 1

    def test_an_answer_lost_before_the_start_cannot_be_told_from_it(self, stage: BuildStage, job: str) -> None:
        stage.lose("before")
        with pytest.raises(Unavailable) as lost:
            self.start(stage, job)
        assert not isinstance(lost.value, Unsent)
        assert len(stage.builds.find(job, "op-7")) == stage.started("op-7") == 0

    def test_a_start_that_is_turned_down_has_started_nothing(self, stage: BuildStage, job: str) -> None:
        stage.lose("refused")
        with pytest.raises(Refused):
            self.start(stage, job)
        assert stage.started("op-7") == 0

    def test_without_enough_time_left_nothing_is_sent(self, stage: BuildStage, job: str) -> None:
        with pytest.raises(Unsent):
            stage.writer.start(job, operation="op-7", ref="main", tag="x", time_left=lambda: timedelta(seconds=2))
        assert stage.started("op-7") == 0

    def test_a_job_that_is_not_there_is_missing(self, stage: BuildStage) -> None:
        with pytest.raises(Missing):
            stage.builds.find("team-web/nothing", "op-7")
        with pytest.raises(Missing):
            self.start(stage, "team-web/nothing")

    def test_a_server_that_does_not_answer_is_unavailable(self, stage: BuildStage, job: str) -> None:
        stage.fall_ill()
        for ask in (
            lambda: stage.builds.job("web"),
            lambda: stage.builds.find(job, "op-7"),
            lambda: stage.builds.recent(job, 3),
            stage.builds.ping,
        ):
            with pytest.raises(IntegrationError) as ill:
                ask()
            assert isinstance(ill.value, Unavailable)

    def test_the_server_says_who_it_is(self, stage: BuildStage) -> None:
        assert "enkins" in stage.builds.ping() or "simulated" in stage.builds.ping()
