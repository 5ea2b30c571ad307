"""The edge before the local Slack server, once over Socket Mode and once over signed HTTP."""

from collections.abc import Iterator

import pytest

from tests.slack.stage import Stage, staged


@pytest.fixture(params=["socket", "http"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with staged(request.param) as ready:
        yield ready


@pytest.fixture
def http_stage() -> Iterator[Stage]:
    with staged("http") as ready:
        yield ready
