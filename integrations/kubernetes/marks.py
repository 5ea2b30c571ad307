"""Our marks on an object: read from its labels, and the JSON patch operations that test and set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.refs import OperationId
from bot.domain.workloads import FENCE_LABEL, OPERATION_LABEL, STEP_LABEL, Mark


def labels_of(mark: Mark) -> dict[str, str]:
    return {OPERATION_LABEL: mark.operation, STEP_LABEL: mark.step, FENCE_LABEL: str(mark.fence)}


def mark_of(labels: Mapping[str, str] | None) -> Mark | None:
    """None where no whole mark stands: a label that somebody wrote by hand is no mark of ours."""
    found = labels or {}
    fence = found.get(FENCE_LABEL, "")
    if not (fence.isascii() and fence.isdecimal()) or OPERATION_LABEL not in found or STEP_LABEL not in found:
        return None
    return Mark(OperationId(found[OPERATION_LABEL]), found[STEP_LABEL], int(fence))


def fence_of(labels: Mapping[str, str] | None) -> int:
    """The fence that stands there, also where the other two labels are gone; 0 without one."""
    fence = (labels or {}).get(FENCE_LABEL, "")
    return int(fence) if fence.isascii() and fence.isdecimal() else 0


def tests(labels: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """That the marks are as they were read. A test for null passes where nothing stands.

    Operation and step are tested beside the fence: what an earlier step of the same operation sent must not land late.
    """
    if labels is None:
        return [{"op": "test", "path": "/metadata/labels", "value": None}]
    return [
        {"op": "test", "path": _path(label), "value": labels.get(label)}
        for label in (FENCE_LABEL, OPERATION_LABEL, STEP_LABEL)
    ]


def puts(labels: Mapping[str, str] | None, mark: Mark) -> list[dict[str, Any]]:
    if labels is None:
        return [{"op": "add", "path": "/metadata/labels", "value": labels_of(mark)}]
    return [{"op": "add", "path": _path(label), "value": value} for label, value in labels_of(mark).items()]


def _path(label: str) -> str:
    return "/metadata/labels/" + label.replace("~", "~0").replace("/", "~1")
