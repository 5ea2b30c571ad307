"""A store in a file, a clock that is told the time, a key, and a place outside that can be made to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.audit.checkpoint import Keys, Signer
from bot.domain.errors import Unavailable
from bot.domain.reply import text
from bot.ports.store import Checkpoint, Store
from tests.contracts.store.stage import SetClock
from tests.kit.databases import sqlite_store


class ListSink:
    """Outside, in a list."""

    def __init__(self, name: str = "list") -> None:
        self.name = name
        self.kept: list[Checkpoint] = []
        self.is_down = False

    def put(self, checkpoint: Checkpoint) -> None:
        self._check()
        self.kept.append(checkpoint)

    def read(self) -> tuple[Checkpoint, ...]:
        self._check()
        return tuple(self.kept)

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("audit", text("{name} does not answer.", name=self.name))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[Store]:
    store = sqlite_store(tmp_path / "pilothouse.db", clock=clock)
    yield store
    store.close()


@pytest.fixture
def signer() -> Signer:
    return Signer(b"s" * 32)


@pytest.fixture
def keys(signer: Signer) -> Keys:
    return Keys((signer.public,))


@pytest.fixture
def sink() -> ListSink:
    return ListSink()
