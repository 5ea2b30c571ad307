"""The policy file in use: changes are seen within two seconds, and a broken one denies everything until it is mended."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.errors import PolicyBroken
from bot.domain.refs import Principal
from bot.policy.holder import PolicyFile
from tests.policy.conftest import BASE, app


class HandClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def elapsed(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(BASE)
    return path


def refusal(held: PolicyFile) -> str:
    with pytest.raises(PolicyBroken) as caught:
        held.judge()
    assert caught.value.why is not None
    return caught.value.why.plain()


def test_a_right_that_is_taken_away_is_gone_two_seconds_later(file: Path, clock: HandClock) -> None:
    held = PolicyFile(file, clock)
    before = held.judge()
    assert before.may(Principal("ana"), "workloads:deploy", app())
    file.write_text(BASE.replace("members: [ana, lee]", "members: [lee]"))
    clock.sleep(2)
    after = held.judge()
    assert not after.may(Principal("ana"), "workloads:deploy", app())
    assert after.version != before.version


def test_an_unchanged_file_is_not_read_again(file: Path, clock: HandClock) -> None:
    held = PolicyFile(file, clock)
    before = held.judge()
    clock.sleep(60)
    assert held.judge() is before


@pytest.mark.parametrize("broken", ["", "grants: []", "\0", BASE + "nonsense: 1\n", "people: {ana: {name: Ana}}"])
def test_a_broken_policy_denies_everything_and_says_so_until_it_is_mended(
    file: Path, clock: HandClock, broken: str
) -> None:
    held = PolicyFile(file, clock)
    held.judge()
    file.write_text(broken)
    clock.sleep(2)
    assert refusal(held)
    assert refusal(held)
    assert held.problems()
    file.write_text(BASE)
    clock.sleep(2)
    assert held.judge().may(Principal("bo"), "workloads:deploy", app())
    assert held.problems() == ()


def test_a_file_that_vanishes_denies_everything(file: Path, clock: HandClock) -> None:
    held = PolicyFile(file, clock)
    held.judge()
    file.unlink()
    clock.sleep(2)
    assert "cannot be read" in refusal(held)


def test_a_file_that_is_swapped_by_its_link_is_seen_though_size_and_time_are_the_same(
    tmp_path: Path, clock: HandClock
) -> None:
    """As Kubernetes does it with a ConfigMap."""
    for name, members in (("one", "[ana, lee]"), ("two", "[kim, lee]")):
        (tmp_path / name).write_text(BASE.replace("members: [ana, lee]", f"members: {members}"))
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "policy.yaml"
    link.symlink_to("one")
    held = PolicyFile(link, clock)
    assert held.judge().may(Principal("ana"), "workloads:deploy", app())
    link.unlink()
    link.symlink_to("two")
    clock.sleep(2)
    assert not held.judge().may(Principal("ana"), "workloads:deploy", app())


def test_many_threads_ask_one_file(file: Path, clock: HandClock) -> None:
    held = PolicyFile(file, clock)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(held.judge().version)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 1
