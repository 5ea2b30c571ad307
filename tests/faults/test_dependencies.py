"""Twelve dependencies, each down, slow and wrong: what then becomes of a change, a read and an alert.

Changes fail closed: refused with the reason, or done exactly once. Alerts fail open: none is lost. The table of
docs/reliability.md is these cells.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from bot.domain.operation import Phase
from tests.faults.dependencies import PATIENCE, Town, mend, town
from tests.faults.expected import ASKED, CELLS, Alert, Asked, Cell, Change
from tests.faults.tables import NAMES, PAGE, filled
from tests.faults.ways import How
from tests.integrations.database.postgres_server import Server, name_of

SHORT = 6.0
"""Seconds, where nothing is to be heard."""
LATER = 120.0
"""Seconds. What was stored and could not be worked on is taken up again after a minute."""


def named(cell: Cell) -> str:
    return f"{cell.dependency}-{cell.how}"


def cells(*, is_postgres: bool) -> list[Cell]:
    return [cell for cell in CELLS if (cell.dependency == "database") is is_postgres]


# --- what can be the matter -----------------------------------------------------------------------


def break_policy(found: Town, how: How) -> None:
    whole = found.policy.read_text()
    match how:
        case How.DOWN:
            found.policy.unlink()
        case How.SLOW:
            found.policy.write_text(whole[: whole.index("grants")])
        case _:
            found.policy.write_text("<html>Please sign in</html>")


def break_audit(found: Town, how: How) -> None:
    match how:
        case How.DOWN:
            found.lines.unlink(missing_ok=True)
            found.lines.symlink_to("/dev/full")
        case How.SLOW:
            found.lines.unlink(missing_ok=True)
            os.mkfifo(found.lines)
        case _:
            found.slack.run(lambda: found.slack.world.remove_bot("paas-audit"))


def break_checkpoints(found: Town, how: How) -> None:
    if how is not How.WRONG:
        found.place.how = how
        return
    newest = found.bot.store.read(found.signer.at_head)
    ahead = replace(newest, size=newest.size + 50, hash="ab" * 32)
    found.place.kept.append(found.signer.sign(ahead))
    found.bot.sealer.forget()
    found.wait_for(lambda: found.bot.sealer.wrong)


def break_clock(found: Town, how: How) -> None:
    hour = timedelta(hours=1)
    found.clock.offset = {How.DOWN: -hour, How.SLOW: timedelta(seconds=-20), How.WRONG: hour}[how]
    found.wait_for(lambda: found.bot.core.engine.timekeeper.why_off)


BREAK: dict[str, Callable[[Town, How], None]] = {
    "policy": break_policy,
    "audit": break_audit,
    "checkpoints": break_checkpoints,
    "clock": break_clock,
}


def breaks(found: Town, cell: Cell) -> None:
    if found.breaks is not None:
        found.breaks()
    elif cell.dependency in BREAK:
        BREAK[cell.dependency](found, cell.how)
    else:
        found.ways[cell.dependency].be(cell.how)


def mends(found: Town, cell: Cell) -> None:
    mend(found)
    if found.mends is not None:
        found.mends()
    match cell.dependency:
        case "policy":
            found.restore_policy()
        case "checkpoints" if cell.how is How.WRONG:
            found.adopt()
        case "audit" if cell.how is How.WRONG:
            found.slack.run(lambda: found.slack.world.invite_bot("paas-audit"))
        case "audit":
            drained = threading.Thread(target=drain, args=(found.lines,), daemon=True)
            drained.start()
        case _:
            return


def drain(pipe: Path) -> None:
    """Lets go who hangs in opening it, and puts a file in its place."""
    if pipe.is_fifo():
        with pipe.open() as end:
            kept = end.read()
        pipe.unlink()
        pipe.write_text(kept)
    else:
        pipe.unlink()


# --- one cell -------------------------------------------------------------------------------------


def check(found: Town, cell: Cell) -> None:
    asked = ASKED.get(cell.dependency, Asked())
    breaks(found, cell)
    seconds = SHORT if cell.told == "nothing" else PATIENCE
    assert cell.told in found.ask(asked.change, seconds=seconds)
    if cell.change is not Change.REFUSED:
        started(found)
    if cell.change is Change.DONE:
        found.wait_for(lambda: (op := found.newest()) and op.is_final)
    if cell.dependency == "checkpoints" and cell.how is not How.WRONG:
        found.wait_for(found.bot.sealer.behind)
    assert cell.read in found.ask(asked.read, seconds=seconds)
    name, answered = found.fires()
    assert found.is_shown(name, seconds=PATIENCE if cell.alert is Alert.SHOWN else 2) is (cell.alert is Alert.SHOWN)
    assert (answered == 200) is (cell.alert is not Alert.AGAIN)
    mends(found, cell)
    if cell.alert is Alert.AGAIN:
        found.wait_for(lambda: found.deliver(name) == 200)
    assert found.is_shown(name, seconds=LATER), "an alert was lost"
    ended(found, cell)
    assert found.cards_of(name) == 1


def started(found: Town) -> None:
    op = found.newest()
    assert op is not None
    if op.phase is Phase.DRAFT:
        found.ask(f"ask {op.id}")


def ended(found: Town, cell: Cell) -> None:
    """Exactly once, or not at all."""
    begun = [op for op in found.operations() if op.phase is not Phase.DRAFT]
    if cell.change is Change.REFUSED:
        assert begun == []
        assert found.effects() == []
        return
    (op,) = begun
    found.wait_for(lambda: found.operation(op.id).is_final)
    assert found.operation(op.id).phase is Phase.DONE
    assert [(write.verb, write.operation) for write in found.effects()] == [("PATCH", op.id)]


@pytest.mark.parametrize("cell", cells(is_postgres=False), ids=named)
def test_while_it_is_so_changes_are_refused_or_done_once_and_no_alert_is_lost(cell: Cell, tmp_path: Path) -> None:
    with town(tmp_path) as found:
        check(found, cell)


def test_all_twelve_are_tried_in_three_ways_and_the_page_says_what_is_tested() -> None:
    assert {(cell.dependency, cell.how) for cell in CELLS} == set(product(NAMES, set(How) - {How.WELL}))
    assert len(CELLS) == 36
    assert filled(PAGE.read_text()) == PAGE.read_text()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.remove()


@pytest.mark.postgres
@pytest.mark.parametrize("cell", cells(is_postgres=True), ids=named)
def test_while_the_database_is_so_nothing_is_changed_and_no_alert_is_lost(
    cell: Cell, tmp_path: Path, server: Server
) -> None:
    database = server.fresh()
    with town(tmp_path, database=database) as found:
        if cell.how is not How.WRONG:
            check(found, cell)
            return
        name = name_of(database)
        found.breaks = lambda: set_read_only(server, name, "on")
        found.mends = lambda: set_read_only(server, name, "off")
        check(found, cell)


def set_read_only(server: Server, name: str, wanted: str) -> None:
    """As a server that failed over to a standby: connections end, and the next ones may only read."""
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {wanted}")
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
