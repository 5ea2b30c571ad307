"""The whole matrix, or a part of it, as a report that goes on where it was broken off.

    python -m tests.faults --seed 1                      # 16 points x 8 kinds x 4 faults, on SQLite
    python -m tests.faults --seed 1 --quick              # one cell a point
    python -m tests.faults --seed 1 --points CP10,CP11 --kinds deploy --faults kill,stop --rounds 3
    python -m tests.faults --seed 1 --failed             # once more those that failed, after something was mended
    python -m tests.faults --seed 1 --postgres           # two replicas on a PostgreSQL server of its own

The report is FOLDER/report.jsonl (one line a cell) and FOLDER/report.md; the histories of failed cells stay beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import httpx

from bot.domain.errors import PilothouseError
from tests.faults.cells import Cell, matrix
from tests.faults.figures import summary
from tests.faults.run import run
from tests.integrations.database.postgres_server import Server

OUT = Path(".pilothouse/faults")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each cell, each with another timing")
    parser.add_argument("--quick", action="store_true", help="one cell a point")
    parser.add_argument("--points", default="")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--faults", default="")
    parser.add_argument("--failed", action="store_true", help="those again whose last run failed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="two replicas on PostgreSQL")
    parser.add_argument("--folder", type=Path, default=None)
    return parser.parse_args()


def chosen(args: argparse.Namespace) -> Iterator[tuple[int, Cell]]:
    wanted = [set(filter(None, words.split(","))) for words in (args.points, args.kinds, args.faults)]
    for index, (round, cell) in enumerate(matrix(args.seed, rounds=args.rounds)):
        names = (cell.point, cell.kind.name, str(cell.fault))
        if any(want and name not in want for want, name in zip(wanted, names, strict=True)):
            continue
        # One of each point's 32, every time of another kind and another fault.
        if args.quick and index % 32 != (int(cell.point[2:]) * 5) % 32:
            continue
        yield round, cell


def main() -> int:
    args = arguments()
    folder: Path = args.folder or OUT / f"{'postgres' if args.postgres else 'sqlite'}-{args.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.jsonl"
    lines = {(line["round"], line["cell"]): line for line in lines_of(report)}
    known = {key for key, line in lines.items() if not (args.failed and line["problems"])}
    todo = [(round, cell) for round, cell in chosen(args) if (round, cell.name) not in known]
    # A run that is broken off has then seen something of everything.
    random.Random(args.seed).shuffle(todo)
    print(f"{len(todo)} cells to run, {len(known)} in {report} already", flush=True)
    server = Server() if args.postgres else None
    commit = version()
    guard = Lock()

    def one(item: tuple[int, Cell]) -> None:
        round, cell = item
        place = folder / f"{round}-{cell.name}"
        shutil.rmtree(place, ignore_errors=True)
        with guard:
            database = server.fresh() if server else ""
        try:
            line = run(cell, place, database=database, replicas=2 if server else 1).to_json()
        except ConnectionRefusedError:
            # Who starts the bots is gone: nothing more can be tried, and this cell was not.
            raise
        except (OSError, AssertionError, PilothouseError, httpx.HTTPError) as error:
            line = {"cell": cell.name, "problems": [f"the harness: {error}"], "fired": False, "phase": ""}
        with guard:
            with report.open("a") as file:
                file.write(json.dumps({"round": round, "commit": commit, **line}) + "\n")
            (folder / "report.md").write_text(summary(lines_of(report), command=" ".join(sys.argv[1:])))
            print(f"{cell.name}: {'; '.join(line['problems']) or 'ok'}", flush=True)
        if not line["problems"]:
            shutil.rmtree(place, ignore_errors=True)

    try:
        with ThreadPoolExecutor(args.jobs) as pool:
            try:
                list(pool.map(one, todo))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        if server:
            server.remove()
    print(summary(lines_of(report), command=" ".join(sys.argv[1:])))
    return int(any(line["problems"] for line in {(n["round"], n["cell"]): n for n in lines_of(report)}.values()))


def version() -> str:
    """The commit that is run; `+` where the work tree is not it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    is_dirty = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode != 0
    return f"{commit.strip()}{'+' if is_dirty else ''}"


def lines_of(report: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []


if __name__ == "__main__":
    sys.exit(main())
