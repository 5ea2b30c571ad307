"""A lock is one person's: what was planned before another took it neither overwrites nor drops theirs."""

from __future__ import annotations

from bot.domain.operation import Phase
from bot.domain.refs import Principal
from bot.ports.store import Lock
from tests.kit.bench import Bench


def lock(bot: Bench) -> Lock | None:
    return bot.core.store.read(lambda tx: tx.locks.get("web", "staging"))


def put(bot: Bench, who: str) -> None:
    """As somebody else's operation does in between."""

    def work(tx) -> bool:  # type: ignore[no-untyped-def]
        return bool(tx.locks.put(Lock("web", "staging", Principal(who), "load test", tx.now, None), over=None))

    assert bot.core.store.transact(work)


def begun(bot: Bench, who: str, line: str):  # type: ignore[no-untyped-def]
    """Past its check, before its act."""
    id = bot.start(who, line)
    while bot.operation(id).phase is Phase.READY:
        assert bot.core.engine.run_due(limit=1)
    return id


def test_two_who_lock_at_once_are_not_both_told_that_they_hold_it(bot: Bench) -> None:
    first = begun(bot, "ana", "lock web to staging mine")
    put(bot, "bo")
    ended = bot.run(first)
    assert ended.phase is Phase.UNDONE
    assert ended.why is not None
    assert "bo" in ended.why.plain()
    held = lock(bot)
    assert held is not None
    assert held.holder == Principal("bo")


def test_a_take_over_takes_from_whom_it_said_and_from_nobody_else(bot: Bench) -> None:
    put(bot, "lee")
    id = begun(bot, "ana", "lock web to staging --take")
    bot.core.store.transact(
        lambda tx: tx.locks.put(
            Lock("web", "staging", Principal("bo"), "mine now", tx.now, None), over=Principal("lee")
        )
    )
    assert bot.run(id).phase is Phase.UNDONE
    held = lock(bot)
    assert held is not None
    assert held.holder == Principal("bo")


def test_an_unlock_drops_no_lock_of_somebody_else(bot: Bench) -> None:
    bot.run(bot.start("ana", "lock web to staging mine"))
    id = begun(bot, "ana", "unlock web to staging")
    bot.core.store.transact(
        lambda tx: tx.locks.put(
            Lock("web", "staging", Principal("bo"), "mine now", tx.now, None), over=Principal("ana")
        )
    )
    bot.run(id)
    held = lock(bot)
    assert held is not None
    assert held.holder == Principal("bo")
