"""The contract of Builds and BuildWriter on the simulated adapter, and on Jenkins' against a server of its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.domain.refs import Secret
from integrations.jenkins.builds import JenkinsBuilds, JenkinsPlace
from integrations.simulated.builds import SimulatedBuilds
from integrations.simulated.faults import How
from integrations.simulated.world import SimulatedWorld
from tests.contracts.builds_suite import BuildsContract
from tests.faults.jenkins_server import TOKEN, USER, JenkinsServer, serving
from tests.kit.clocks import ManualClock

LONG = timedelta(seconds=40)


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    world: SimulatedWorld
    builds: SimulatedBuilds
    writer: SimulatedBuilds

    def begin(self) -> None:
        self.world.clock.sleep(4)

    def end(self) -> None:
        self.world.clock.sleep(120)

    def started(self, operation: str) -> int:
        return sum(1 for each in self.world.builds.started if each.operation == operation)

    def clean_up(self, operation: str) -> None:
        self.world.builds.forget(operation)

    def lose(self, how: str) -> None:
        self.world.faults.put("builds.start", How(how))

    def fall_ill(self) -> None:
        self.world.faults.put("*", How.BEFORE, times=100)

    def disable(self) -> None:
        self.world.builds.disabled.add("build-web")


class TestSimulated(BuildsContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        world = SimulatedWorld(ManualClock())
        world.registry.push("registry.test/web", "1.8.1")
        adapter = SimulatedBuilds(world)
        return SimulatedStage(world, adapter, adapter)


@dataclass(frozen=True, slots=True)
class JenkinsStage:
    server: JenkinsServer
    builds: JenkinsBuilds
    writer: JenkinsBuilds

    def begin(self) -> None:
        self.server.jenkins.begin()

    def end(self) -> None:
        for builds in self.server.jenkins.builds.values():
            for build in builds:
                if build.result is None:
                    is_bad = build.given["REF"].startswith("broken")
                    self.server.jenkins.finish(build, "FAILURE" if is_bad else "SUCCESS")

    def started(self, operation: str) -> int:
        return self.server.jenkins.counts()[operation]

    def clean_up(self, operation: str) -> None:
        self.server.jenkins.purge(operation=operation)

    def lose(self, how: str) -> None:
        fault = {"how": how} if how != "refused" else {"how": "status", "status": 403}
        self.server.faults.arm([fault])

    def fall_ill(self) -> None:
        self.server.faults.arm([{"how": "status", "status": 503, "on": "any"} for _ in range(10)])

    def disable(self) -> None:
        self.server.jenkins.job("team-web/build-web").is_enabled = False


class TestJenkins(BuildsContract):
    @pytest.fixture
    def stage(self) -> Iterator[JenkinsStage]:
        with serving() as server:
            server.jenkins.is_held = True
            place = JenkinsPlace(server.url, USER, Secret(TOKEN), jobs={"web": "team-web/build-web"})
            adapter = JenkinsBuilds(place, connect=LONG, read=LONG, start=LONG)
            yield JenkinsStage(server, adapter, adapter)
