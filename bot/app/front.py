"""What the Slack edge asks of the bot below it: durable acceptance, the road, forms from memory, Home, deleted cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bot.app.core import Core
from bot.audit.records import record
from bot.command import Changes
from bot.domain.errors import BadArguments, IntegrationError, UnknownName
from bot.domain.failpoints import failpoint
from bot.domain.forms import Form
from bot.domain.operation import Place
from bot.domain.reply import Paragraph, Reply, Text, text
from bot.ports.people import Identity
from bot.ports.store import Arrival, MessageClass, OperationFilter, Tx
from bot.road.answers import Answer
from bot.road.params import build, partial
from bot.road.request import Origin, Request
from bot.slack.front import Disturbed
from bot.steps.codec import dump

log = structlog.get_logger(__name__)

SUGGESTIONS = 25


@dataclass(frozen=True, slots=True)
class Front:
    """bot.slack.front: Front, Forms and Views."""

    core: Core
    audit_channel: str
    alarm_channel: str
    wake: Callable[[], None]
    """Tells the sender that the outbox has something."""

    # --- Front --------------------------------------------------------------------------------

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        failpoint("CP1")
        stored = self.core.store.accept(arrivals)
        failpoint("CP2")
        return stored

    def work(self, request: Request) -> Answer:
        failpoint("CP3")
        answer = self.core.walk(request)
        self.wake()
        return answer

    # --- Forms --------------------------------------------------------------------------------

    def wants_form(self, line: str) -> bool:
        try:
            shape, words = self.core.catalogue.find(line)
        except UnknownName:
            return False
        is_change = isinstance(shape.command.does, Changes) and bool(shape.slots)
        return not words.strip() and (is_change or any(slot.is_required for slot in shape.slots))

    def mistakes(self, request: Request) -> Mapping[str, Text]:
        try:
            shape, words = self.core.catalogue.find(request.line)
            build(shape, {**partial(shape, words), **request.values})
        except (BadArguments, UnknownName) as error:
            return {error.field: error.what} if error.field else {}
        return {}

    def form(self, request: Request) -> Form | None:
        known = self.core.store.read(lambda tx: tx.defaults.get(request.place))
        try:
            return self.core.road.form(request.line, {**known, **request.values})
        except (UnknownName, IntegrationError):
            return None

    def suggest(self, identity: Identity, field: str, typed: str) -> tuple[str, ...]:
        try:
            names = [str(name) for name in self.core.apps.names()]
        except IntegrationError:
            return ()
        wanted = typed.lower().partition("@")[0]
        first = [name for name in names if name.startswith(wanted)]
        return tuple([*first, *(name for name in names if wanted in name and name not in first)][:SUGGESTIONS])

    # --- Views --------------------------------------------------------------------------------

    def home(self, identity: Identity, *, is_open: bool) -> Reply:
        origin = Origin.CLICKED if is_open else Origin.REFRESHED
        return self.core.walk(Request(origin, identity, "home", Place(""))).reply

    def pulse(self) -> str:
        def work(tx: Tx) -> str:
            open_ones = tx.operations.find(OperationFilter(is_final=False, limit=200))
            steps = [f"{op.id} {op.phase} {op.cursor} {len(op.signals)}" for op in open_ones]
            held = [lock for lock in tx.locks.list() if lock.until is None or lock.until > tx.now]
            locks = [f"{lock.app} {lock.env} {lock.holder} {lock.at}" for lock in held]
            return "\n".join((*steps, *locks))

        return self.core.store.read(work)

    def disturbed(self, what: Disturbed) -> None:
        self.core.store.transact(lambda tx: self._disturbed(tx, what))
        self.wake()

    def _disturbed(self, tx: Tx, what: Disturbed) -> None:
        message = tx.outbox.by_ts(what.channel, what.ts)
        if what.channel == self.audit_channel:
            self._alarm(tx, what, message.key if message else "")
            return
        if message is not None and what.is_deleted:
            tx.outbox.gone(message.key)

    def _alarm(self, tx: Tx, what: Disturbed, key: str) -> None:
        """Nobody edits or deletes what was said in the audit channel: it is recorded, and told where it is seen."""
        deed = "deleted" if what.is_deleted else "edited"
        log.error("an audit message was tampered with", deed=deed, channel=what.channel, ts=what.ts)
        tx.records.append(
            record(
                at=tx.now,
                actor=f"slack:{what.by}" if what.by else "slack:unknown",
                action="audit:tamper",
                target=key,
                op="",
                kind="alarm",
                outcome=deed,
                details={"channel": what.channel, "ts": what.ts},
            )
        )
        words = text(
            "A message of the audit channel was {deed}. The record itself is checked with `audit verify`.", deed=deed
        )
        if self.alarm_channel:
            tx.outbox.want(
                f"alarm/{what.ts}-{deed}",
                channel=self.alarm_channel,
                kind=MessageClass.APPROVAL,
                body=_said(words),
            )


def _said(words: Text) -> str:
    return f'{{"reply":{dump(Reply(text("Alarm · audit channel"), (Paragraph(words),)))}}}'
