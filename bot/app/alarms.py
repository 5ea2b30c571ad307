"""What whoever runs the bot has to hear of at once: recorded, and said in the channel for alarms."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.audit.records import record
from bot.domain.errors import Unavailable
from bot.domain.reply import Paragraph, Reply, Text, text
from bot.ports.store import MessageClass, Store, Tx
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
            tx.records.append(
                record(
                    at=tx.now,
                    actor="pilothouse",
                    action="operations:clock",
                    target="",
                    op="",
                    kind="alarm",
                    outcome="paused" if why else "resumed",
                    details={"why": why.plain()} if why else {},
                )
            )
            if self.channel:
                words = text("{why} Operations stand still until it is right again.", why=why) if why else _GOES_ON
                reply = Reply(text("Alarm · a clock is off") if why else text("Clock"), (Paragraph(words),))
                tx.outbox.want(
                    f"alarm/clock-{int(tx.now.timestamp())}",
                    channel=self.channel,
                    kind=MessageClass.APPROVAL,
                    body=f'{{"reply":{dump(reply)}}}',
                )

        try:
            self.store.transact(work)
        except Unavailable as error:
            log.warning("an alarm could not be stored", error=str(error))


_GOES_ON = text("The clocks agree again. Operations go on.")
