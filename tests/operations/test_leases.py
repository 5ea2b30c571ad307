"""How long a claim is ours, by our own clock: never longer than the database knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.refs import OperationId
from bot.operations.leases import Leases
from tests.kit.bench import Bench, bench


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as found:
        yield found


def claimed(bot: Bench) -> OperationId:
    id = bot.start("ana", "build web")
    [claim] = bot.core.engine.leases.claim(8)
    assert claim.id == id
    return id


def test_what_was_never_claimed_is_not_ours(bot: Bench) -> None:
    assert bot.core.engine.leases.left(OperationId("op-1")) == timedelta(0)


def test_a_claim_is_ours_for_the_lease_and_no_longer(bot: Bench) -> None:
    id = claimed(bot)
    assert bot.core.engine.leases.left(id) == timedelta(seconds=5)
    bot.clock.move(timedelta(seconds=4))
    assert bot.core.engine.leases.left(id) == timedelta(seconds=1)
    bot.clock.move(timedelta(seconds=4))
    assert bot.core.engine.leases.left(id) == timedelta(0)


class Slow:
    """A store whose transactions take two seconds until they are committed."""

    def __init__(self, bot: Bench) -> None:
        self._bot = bot

    def transact(self, work: Any) -> Any:
        made = self._bot.core.store.transact(work)
        self._bot.clock.move(timedelta(seconds=2))
        return made


def test_a_lease_counts_from_before_it_was_asked_for(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    store: Any = Slow(bot)
    leases = Leases(store, bot.clock, bot.core.engine.timekeeper, owner="slow", lease=timedelta(seconds=5))
    claims = leases.claim(8)
    assert leases.left(id) == timedelta(seconds=3)
    leases.renew(claims)
    assert leases.left(id) == timedelta(seconds=3)


def test_a_claim_that_ran_out_is_not_renewed(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    claims = bot.core.engine.leases.claim(8)
    bot.clock.move(timedelta(seconds=6))
    bot.core.engine.leases.renew(claims)
    assert bot.core.engine.leases.left(id) == timedelta(0)
