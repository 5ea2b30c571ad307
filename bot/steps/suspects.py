"""Which change an alert is likely to come from, what leads back from it, and what people did about it.

Pure: stored operations in, words and command lines out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.codec import UnknownKind
from bot.domain.operation import STARTED, Operation, Phase, SignalKind, last
from bot.domain.reply import Text, span, text
from bot.steps.codec import load_face, load_steps
from bot.steps.records import Silence
from bot.steps.rollout import ReplaceTemplate
from bot.steps.step import Planned

SUSPECT_WITHIN = timedelta(hours=2)
"""After the end of a change."""
CHANGES = ("deploy", "canary", "rollback", "scale", "restart", "autoscale")
SHOWN = (*CHANGES, "silence")
"""The kinds of operations that an alert's card speaks of."""
_ROLLOUTS = frozenset({"deploy", "canary"})


@dataclass(frozen=True, slots=True)
class Versions:
    old: str
    new: str


def suspect(operations: Sequence[Operation], began: datetime) -> Operation | None:
    """The newest change that had begun when the alert did, and ran then or had ended not long before."""
    started = [op for op in operations if op.started is not None and op.started <= began]
    started.sort(key=lambda op: op.started or began, reverse=True)
    return next((op for op in started if began - (op.ended or began) <= SUSPECT_WITHIN), None)


def described(op: Operation, began: datetime) -> str:
    """`deploy web 1.8.2 to prod, by ana, 3 min before it began`."""
    assert op.started is not None
    title = load_face(op.face).title.plain()
    if op.ended is None or op.ended > began:
        return f"{title}, by {op.requester}, which was running"
    return f"{title}, by {op.requester}, {how_long_before(op.started, began)}"


def how_long_before(started: datetime, began: datetime) -> str:
    minutes = int((began - started).total_seconds() // 60)
    return f"{minutes} min before it began" if minutes else "less than a minute before it began"


def versions(op: Operation) -> Versions | None:
    """What a deploy or canary replaces, and by what; None where it is none, or of another version of the product."""
    if op.kind not in _ROLLOUTS:
        return None
    # A step before it may label stable: that one leads from the old version to itself.
    swaps = [(step.do, step.undo) for step in _steps(op)]
    found = [
        Versions(undo.version, do.version)
        for do, undo in swaps
        if isinstance(do, ReplaceTemplate) and isinstance(undo, ReplaceTemplate) and do.version != undo.version
    ]
    return found[0] if found else None


def _steps(op: Operation) -> tuple[Planned, ...]:
    """None where another version of the product wrote them."""
    try:
        return load_steps(op.plan)
    except UnknownKind:
        return ()


def can_stop(op: Operation) -> bool:
    return op.phase in {Phase.RUNNING, Phase.PAUSED} and not op.is_committed


def can_go_back(op: Operation) -> bool:
    return op.phase is Phase.DONE and versions(op) is not None


def was_answered(operations: Sequence[Operation], blamed: Operation) -> bool:
    """A rollback came after it, and stands or is on its way."""
    after = blamed.started
    return any(
        op.kind == "rollback"
        and op.started is not None
        and (after is None or op.started > after)
        and op.phase in STARTED | {Phase.DONE}
        for op in operations
    )


def deeds(operations: Sequence[Operation], began: datetime) -> list[Text]:
    """What was done about it: stopped, rolled back, by whom and when; the first first."""
    found: list[tuple[datetime, Text]] = []
    for op in operations:
        stopped = last(op, SignalKind.ABORT, SignalKind.CANCEL)
        if op.kind == "rollback" and op.phase is Phase.DONE and op.started is not None and op.started >= began:
            title = load_face(op.face).done
            found.append(
                (
                    op.started,
                    text("{done}, by {who} {at} ({id})", done=title, who=op.requester, at=op.started, id=op.id),
                )
            )
        elif op.phase is Phase.UNDONE and op.ended is not None and op.ended >= began:
            back = text(
                "{title} went back by itself {at} ({id})", title=load_face(op.face).title, at=op.ended, id=op.id
            )
            if stopped is not None and op.failed_step is None:
                back = text(
                    "{title} stopped by {who} {at} ({id})",
                    title=load_face(op.face).title,
                    who=stopped.by,
                    at=stopped.at,
                    id=op.id,
                )
            found.append((op.ended, back))
    return [words for _, words in sorted(found, key=lambda each: each[0])]


def silenced(operations: Sequence[Operation], alert: str) -> tuple[Operation, datetime] | None:
    """The silence of this alert that ends last, and when. It may have ended meanwhile: the card says when, not whether."""
    found: list[tuple[Operation, datetime]] = []
    for op in operations:
        if op.kind != "silence" or op.phase is not Phase.DONE or op.ended is None:
            continue
        silences = [step.do for step in _steps(op) if isinstance(step.do, Silence)]
        found += [(op, op.ended + each.time) for each in silences if each.matchers.get("alertname") == alert]
    return max(found, key=lambda each: each[1], default=None)


def how_long(began: datetime, ended: datetime) -> str:
    return span(max(ended - began, timedelta()))
