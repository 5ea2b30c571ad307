"""The whole bot, fresh for each scenario; one that is shared by scenarios which change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.office import Office, opened


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as ready:
        yield ready
        ready.check()


@pytest.fixture(scope="module")
def quiet_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Shared: only for what changes nothing but the record."""
    with opened(tmp_path_factory.mktemp("quiet")) as ready:
        yield ready
        ready.check()
