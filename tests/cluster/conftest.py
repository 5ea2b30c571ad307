"""Fixtures for tests on the real cluster: the rig, once for all of them, and a namespace for each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import Mode
from tests.kit.live import Town, running
from tests.rig import build, lifecycle
from tests.rig.cache import NotBuiltError
from tests.rig.rig import Namespace, Rig, attach
from tests.rig.waiting import until

_ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "rig" in item.fixturenames:
            item.add_marker(pytest.mark.rig)


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The running rig: one that `python -m tests.rig up DIR` had started, else one of our own, gone after the tests.

    That of another test run is waited for, as there can be one only.

    Never skipped: who selects these tests wants them, and a missing part is a failure that says how to mend it.
    """
    try:
        build.require()
    except NotBuiltError as missing:
        pytest.fail(str(missing), pytrace=False)
    until(
        "another test run to give up its rig",
        lambda: not (found := lifecycle.running()) or found.owner is None,
        seconds=1200,
        every=1,
    )
    running = lifecycle.running()
    if running is not None:
        yield attach(running.folder)
        return
    folder = tmp_path_factory.mktemp("rig")
    _call("up", str(folder), "--owner", str(os.getpid()))
    try:
        yield attach(folder)
    finally:
        _call("down", str(folder))


@pytest.fixture
def namespace(rig: Rig) -> Iterator[Namespace]:
    """A namespace of its own, with the bot's rights in it."""
    with rig.namespace() as made:
        made.allow_bot()
        yield made


@pytest.fixture
def town(rig: Rig, tmp_path: Path) -> Iterator[Town]:
    """A whole bot on the rig, which Slack reaches over signed HTTP."""
    with running(rig, tmp_path) as found:
        yield found


@pytest.fixture
def town_over_socket(rig: Rig, tmp_path: Path) -> Iterator[Town]:
    """The same over Socket Mode."""
    with running(rig, tmp_path, mode=Mode.SOCKET) as found:
        yield found


def _call(*arguments: str) -> None:
    # A process of its own: its servers must outlive no interpreter state, and warnings in it are not the tests'.
    done = subprocess.run(
        [sys.executable, "-m", "tests.rig", *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"python -m tests.rig {' '.join(arguments)}:\n{done.stdout}{done.stderr}", pytrace=False)
