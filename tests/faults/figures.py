"""The report of a run in words: how many cells, which failed and why, how long recovery took."""

from __future__ import annotations

import platform
import sqlite3
from collections import Counter
from typing import Any


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _is_by_itself(cell: str) -> bool:
    """Before CP8 and after CP13 the next move is a person's, or there is none."""
    return 8 <= int(cell.partition("-")[0].removeprefix("CP")) <= 13


def summary(lines: list[dict[str, Any]], *, command: str) -> str:
    """Every run counts, also one that was made again after something was mended: nothing that failed is left out."""
    failed = [line for line in lines if line["problems"]]
    unfired = [line for line in lines if not line["problems"] and not line.get("fired", True)]
    phases = Counter(line["phase"] for line in lines)
    newest = {(line["round"], line["cell"]): line for line in lines}
    cells = {line["cell"] for line in lines}
    open_ones = sorted({line["cell"] for line in newest.values() if line["problems"]})
    recovered = [
        line["recovered"] for line in lines if line.get("recovered") is not None and _is_by_itself(line["cell"])
    ]
    commits = Counter(line.get("commit", "") for line in lines)
    words = [
        f"Command: `python -m tests.faults {command}`, Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, Linux {platform.release()}; commits "
        f"{', '.join(f'{commit} ({count} runs)' for commit, count in commits.items())}.",
        f"{len(cells)} cells, {len(lines)} runs: {len(lines) - len(failed)} without a complaint, {len(failed)} with; "
        f"in {len(unfired)} the point was not reached. Cells whose last run failed: {len(open_ones)}.",
        f"How they ended: {', '.join(f'{n} {phase}' for phase, n in phases.most_common())}.",
    ]
    if recovered:
        words.append(
            f"From a kill to the operation's next move, {len(recovered)} kills: p50 {percentile(recovered, 0.5):.1f} s, "
            f"p99 {percentile(recovered, 0.99):.1f} s (with the pause before the restart)."
        )
    words += [_complaint(line, newest) for line in failed]
    words += [f"- not reached: {line['cell']} (hit {line.get('hit')})" for line in unfired]
    return "\n".join(words) + "\n"


def _complaint(line: dict[str, Any], newest: dict[tuple[int, str], dict[str, Any]]) -> str:
    last = newest[line["round"], line["cell"]]
    again = "" if last["problems"] else f" (none at {last.get('commit', '')})"
    return f"- FAILED {line['cell']} (round {line['round']}): {'; '.join(line['problems'])}{again}"
