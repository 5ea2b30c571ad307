"""The report of a run in words: how many cells, which failed and why, how long recovery took."""

from __future__ import annotations

import platform
from collections import Counter
from typing import Any


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _is_by_itself(cell: str) -> bool:
    """Before CP8 and after CP13 the next move is a person's, or there is none."""
    return 8 <= int(cell.partition("-")[0].removeprefix("CP")) <= 13


def summary(lines: list[dict[str, Any]], *, command: str) -> str:
    failed = [line for line in lines if line["problems"]]
    unfired = [line for line in lines if not line["problems"] and not line.get("fired", True)]
    phases = Counter(line["phase"] for line in lines)
    recovered = [
        line["recovered"] for line in lines if line.get("recovered") is not None and _is_by_itself(line["cell"])
    ]
    words = [
        f"Command: `python -m tests.faults {command}`, Python {platform.python_version()}.",
        f"{len(lines)} runs: {len(lines) - len(failed)} without a complaint, {len(failed)} with; "
        f"in {len(unfired)} the point was not reached.",
        f"How they ended: {', '.join(f'{n} {phase}' for phase, n in phases.most_common())}.",
    ]
    if recovered:
        words.append(
            f"From a kill to the operation's next move, {len(recovered)} kills: p50 {percentile(recovered, 0.5):.1f} s, "
            f"p99 {percentile(recovered, 0.99):.1f} s (with the pause before the restart)."
        )
    words += [f"- FAILED {line['cell']} (round {line['round']}): {'; '.join(line['problems'])}" for line in failed]
    words += [f"- not reached: {line['cell']} (hit {line.get('hit')})" for line in unfired]
    return "\n".join(words) + "\n"
