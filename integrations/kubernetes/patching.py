"""The one way in which an existing object is changed: read, compare, one JSON patch that tests what was read, read again.

A failed test and a conflict are answered alike and unexplained (422, 409), and a lost reply not at all: only the marks
together with the after-value prove that a change was ours and was made. Nothing here knows what the change is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from integrations.kubernetes import marks
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.errors import SYSTEM

Object = dict[str, Any]
Operations = list[dict[str, Any]]
TRIES = 5


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` say whether the object has the old, the new value; `operations` tests the old, as read, and
    puts the new."""

    before: Callable[[Object], bool]
    after: Callable[[Object], bool]
    operations: Callable[[Object], Operations]


STAMP = Change(before=lambda _: True, after=lambda _: True, operations=lambda _: [])
"""The marks alone: what was sent before them fails its test of the marks."""


@dataclass(frozen=True, slots=True)
class Patcher:
    reads: Connection
    """As the bot: people may change things that only the bot may look at."""
    writes: Connection
    """As the acting person."""

    def apply(self, ref: ObjectRef, change: Change, mark: Mark) -> None:
        """Raises Conflict, Refused, Missing, and Unavailable, after which the change may have been made."""
        for _ in range(TRIES):
            found = self.find(ref)
            if found is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(ref)))
            refuse_higher_fence(found, ref, mark)
            standing = marks.mark_of(labels(found))
            is_made = standing is not None and standing.operation == mark.operation and change.after(found)
            if is_made and standing == mark:
                return
            if not is_made and not change.before(found):
                raise Conflict(SYSTEM, _changed(ref))
            try:
                self.writes.patch(place(ref.kind, ref.namespace, ref.name), _patch(found, change, mark))
            except Conflict:
                continue
            return
        raise Conflict(SYSTEM, text("{target} was changed by others again and again.", target=str(ref)))

    def delete(self, ref: ObjectRef, mark: Mark) -> None:
        """What is gone, or stands there anew under another uid, needs no deleting."""
        for _ in range(TRIES):
            try:
                found = self.find(ref)
            except Missing:
                return
            if found is None:
                return
            refuse_higher_fence(found, ref, mark)
            meta = found["metadata"]
            # The version too: a stamp between our look and a late delete must defeat it.
            preconditions = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
            options = {"propagationPolicy": "Background", "preconditions": preconditions}
            try:
                self.writes.delete(place(ref.kind, ref.namespace, ref.name), options)
            except Missing:
                return
            except Conflict:
                continue
            return
        raise Conflict(SYSTEM, text("{target} was changed by others again and again.", target=str(ref)))

    def find(self, ref: ObjectRef) -> Object | None:
        """The object that `ref` means; None where there is none of that name.

        Raises Missing where another one stands in its place, and for a ref without uid Conflict where it is not the
        operation's own: see `refuse_stranger`.
        """
        try:
            data = self.reads.get(place(ref.kind, ref.namespace, ref.name))
        except Missing:
            return None
        found: Object = msgspec.json.decode(data, type=dict[str, Any])
        if ref.uid and found["metadata"]["uid"] != ref.uid:
            raise Missing(SYSTEM, text("Another {target} stands there now.", target=str(ref)))
        return found


def refuse_higher_fence(found: Object, ref: ObjectRef, mark: Mark) -> None:
    """And, for a ref without uid, an object that another operation made."""
    standing = marks.mark_of(labels(found))
    if marks.fence_of(labels(found)) > mark.fence:
        raise Conflict(SYSTEM, text("A later operation has taken over {target}.", target=str(ref)))
    if not ref.uid and (standing is None or standing.operation != mark.operation):
        raise Conflict(SYSTEM, text("{target} was not made by {op}.", target=str(ref), op=mark.operation))


def labels(found: Object) -> dict[str, str] | None:
    standing: dict[str, str] | None = found["metadata"].get("labels")
    return standing


def _patch(found: Object, change: Change, mark: Mark) -> Operations:
    standing = labels(found)
    return [
        {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
        *marks.tests(standing),
        *change.operations(found),
        *marks.puts(standing, mark),
    ]


def _changed(ref: ObjectRef) -> Text:
    return text("Somebody else changed {target} meanwhile.", target=str(ref))
