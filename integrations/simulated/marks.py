"""Our marks on simulated objects: the same labels, read and written by the same rules, as on real ones."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.refs import OperationId
from bot.domain.workloads import FENCE_LABEL, OPERATION_LABEL, STEP_LABEL, Mark


def labels_of(mark: Mark) -> dict[str, str]:
    return {OPERATION_LABEL: mark.operation, STEP_LABEL: mark.step, FENCE_LABEL: str(mark.fence)}


def fence_of(labels: Mapping[str, str]) -> int:
    """0 without one."""
    fence = labels.get(FENCE_LABEL, "")
    return int(fence) if fence.isascii() and fence.isdecimal() else 0


def mark_of(labels: Mapping[str, str]) -> Mark | None:
    """None where no whole mark stands."""
    fence = labels.get(FENCE_LABEL, "")
    if not (fence.isascii() and fence.isdecimal()) or OPERATION_LABEL not in labels or STEP_LABEL not in labels:
        return None
    return Mark(OperationId(labels[OPERATION_LABEL]), labels[STEP_LABEL], int(fence))


def as_read(labels: Mapping[str, str]) -> tuple[str | None, ...]:
    """What a write tests beside the value: equal only while nobody has put another mark there."""
    return tuple(labels.get(each) for each in (OPERATION_LABEL, STEP_LABEL, FENCE_LABEL))
