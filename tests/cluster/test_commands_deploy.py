"""Deploy, from a slash command to running containers, over signed HTTP and over Socket Mode; and versions that fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import Mode
from tests.kit.live import Town, running
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp


@pytest.fixture
def town(rig: Rig, tmp_path: Path) -> Iterator[Town]:
    with running(rig, tmp_path) as found:
        yield found


@pytest.fixture
def over_socket(rig: Rig, tmp_path: Path) -> Iterator[Town]:
    with running(rig, tmp_path, mode=Mode.SOCKET) as found:
        yield found


def web(rig: Rig, *, replicas: int = 2) -> SampleApp:
    rig.push_image("web", "1.0")
    return SampleApp("web", image("web", "1.0"), replicas=replicas, min_ready_seconds=1)


def test_a_deploy_to_staging_runs_the_new_digest_as_the_person_who_asked(rig: Rig, town: Town) -> None:
    new = rig.push_image("web", "2.0")
    url = town.deploy(web(rig))
    with Load(url, rate=50) as load:
        id = town.asks("ana", "deploy web@2.0 to staging", "Deploy")
        done = town.ended(id)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    assert town.image("web") == new
    assert load.result.lost == ()
    assert load.result.share("1.0") > 0
    assert load.result.share("2.0") > 0
    events = town.check_who_wrote(id, "ana@example.com")
    assert {(event.verb, event.resource) for event in events} == {("patch", "deployments")}
    assert all("team-web" in event.groups for event in events)
    assert "ana" in town.audited("Outcome: done", id)
    assert town.audited("Intent", id)
    assert any("done: web 2.0 is live" in line for line in town.thread(done))
    assert town.slack.refusals() == []
