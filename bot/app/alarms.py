"""What whoever runs the bot has to hear of at once: recorded, and said in the channel for alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.audit.records import record
from bot.domain.errors import Unavailable
from bot.domain.reply import Paragraph, Reply, Text, text
from bot.operations.timekeeper import LIMIT
from bot.ports.store import MessageClass, RecordFilter, Store, Tx
from bot.steps.codec import dump

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Alarms:
    store: Store
    channel: str
    """Empty: it is only recorded."""

    def clock(self, why: Text | None) -> None:
        """A clock is off, or right again (None). Never raises."""

        def work(tx: Tx) -> None:
            words = text("{why} Operations stand still until it is right again.", why=why) if why else _GOES_ON
            self._raise(tx, "paused" if why else "resumed", why, title=_OFF if why else text("Clock"), words=words)

        self._store_it(work)

    def clock_at_start(self) -> None:
        """The newest record tells the least that it can be. A start takes the time as it is, so that nothing stands still; but
        whoever started it hears of it. That it was set forward meanwhile looks like having been away. Never raises."""

        def work(tx: Tx) -> None:
            newest = tx.records.find(RecordFilter(limit=1))
            back = newest[0].at - tx.now if newest else timedelta(0)
            if back < LIMIT:
                return
            why = text("The newest record is {span} later than this clock says it is.", span=back)
            words = text(
                "{why} It was set back while nothing ran, or was ahead before. This start takes it as it is: "
                "what waits for a time waits longer by that.",
                why=why,
            )
            self._raise(tx, "set-back", why, title=_OFF, words=words)

        self._store_it(work)

    def _raise(self, tx: Tx, outcome: str, why: Text | None, *, title: Text, words: Text) -> None:
        tx.records.append(
            record(
                at=tx.now,
                actor="pilothouse",
                action="operations:clock",
                target="",
                op="",
                kind="alarm",
                outcome=outcome,
                details={"why": why.plain()} if why else {},
            )
        )
        if self.channel:
            tx.outbox.want(
                f"alarm/clock-{int(tx.now.timestamp())}",
                channel=self.channel,
                kind=MessageClass.APPROVAL,
                body=f'{{"reply":{dump(Reply(title, (Paragraph(words),)))}}}',
            )

    def _store_it(self, work: Callable[[Tx], None]) -> None:
        try:
            self.store.transact(work)
        except Unavailable as error:
            log.warning("an alarm could not be stored", error=str(error))


_OFF = text("Alarm · a clock is off")
_GOES_ON = text("The clocks agree again. Operations go on.")
