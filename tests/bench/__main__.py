"""Ratios against named baselines of the same run:

    python -m tests.bench [NAME...] [--json FILE]

Prints what was found and whether the goal is met. Never fails on time: machines differ, and judging is a person's work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.bench import ack, alerts, charts, first, operations, outbox, record, road, start, storm
from tests.bench.figures import Figure, table

BENCHES: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "ack": ack.figures,
    "road": road.figures,
    "start": start.figures,
    "audit": record.figures,
    "alerts": alerts.figures,
    "first": first.figures,
    "charts": charts.figures,
    "operations": operations.figures,
    "outbox": outbox.figures,
    "storm": storm.figures,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all without one")
    parser.add_argument("--json", type=Path, help="also write it there")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHES)}")
    found: list[Figure] = []
    broken = []
    for name in given.names or BENCHES:
        started = time.monotonic()
        try:
            found += BENCHES[name]()
        except Exception:
            # The others are worth their minutes all the same.
            traceback.print_exc()
            broken.append(name)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(table(found), end="\n\n")
    about = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    if given.json is not None:
        rows = [{**asdict(figure), "verdict": figure.verdict} for figure in found]
        given.json.write_text(json.dumps({"about": about, "figures": rows}, indent=1))
    if broken:
        sys.exit(f"broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
