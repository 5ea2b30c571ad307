"""The audit record, as audit.py measures it: appended durably, and verified. Here with the goals."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from integrations.database.store import open_store
from tests.bench import audit
from tests.bench.figures import Figure, Goal
from tests.integrations.database.postgres_server import Server, binaries
from tests.kit.clocks import RealClock

SECONDS, RECORDS = 3.0, 50_000
Row = Mapping[str, object]

APPENDED = {1: Goal(0.75, least=True), 32: Goal(0.85, least=True)}
"""Of a plain synced INSERT, by writers."""
KINDS = {"append": "append with a change", "note": "append alone"}
VERIFIED = {"sqlite": Goal(300_000, "/s", least=True), "postgresql": Goal(200_000, "/s", least=True)}


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:///{folder}/pilothouse.db", clock=RealClock())
        with audit.plain_sqlite(folder) as plain:
            rows: list[Row] = [*audit.writes("sqlite", plain, store, SECONDS)]
        rows += audit.verifying("sqlite", store, RECORDS)
        store.close()
    if binaries() is not None:
        server = Server()
        url = server.fresh()
        store = open_store(url, clock=RealClock())
        with audit.plain_postgres(url) as plain:
            rows += audit.writes("postgresql", plain, store, SECONDS)
        rows += audit.verifying("postgresql", store, RECORDS)
        store.close()
        server.remove()
    yield from _appended(rows)
    yield from _verified(rows)


def _appended(rows: list[Row]) -> Iterator[Figure]:
    plain = {(row["database"], row["writers"]): row for row in rows if row["what"] == audit.PLAIN}
    appends = {(row["database"], row["writers"]): row for row in rows if row["what"] == "append"}
    for row in rows:
        if row["what"] not in KINDS:
            continue
        database, writers = row["database"], row["writers"]
        ours, base = _number(row, "per_second"), _number(plain[database, writers], "per_second")
        said = f"plain synced INSERT, {writers} at once: {base:.0f}/s"
        goal = APPENDED[int(str(writers))] if database == "postgresql" else None
        what = f"{KINDS[str(row['what'])]}, {database}, {writers} at once"
        yield Figure("audit", what, f"{ours:.0f}/s", said, ours / base, goal)
    if ("sqlite", 32) in appends:
        many, one = (_number(appends["sqlite", writers], "per_second") for writers in (32, 1))
        said = f"one at once: {one:.0f}/s"
        yield Figure(
            "audit", "append with a change, sqlite, 32 at once", f"{many:.0f}/s", said, many / one, Goal(3, least=True)
        )


def _verified(rows: list[Row]) -> Iterator[Figure]:
    for row in rows:
        if "records_per_second" not in row:
            continue
        what, database = str(row["what"]), str(row["database"])
        rate = _number(row, "records_per_second")
        goal = VERIFIED[database] if what.startswith("audit verify") else None
        yield Figure("audit", f"{what}, {database}", f"{rate:.0f}/s", "", rate, goal)
        if "records_per_cpu_second" in row:
            busy = _number(row, "records_per_cpu_second")
            yield Figure("audit", f"{what}, {database}, a second of our CPU", f"{busy:.0f}/s", "", busy)


def _number(row: Row, name: str) -> float:
    return float(str(row[name]))
