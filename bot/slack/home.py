"""The Home tab: a Reply, published when it is opened or has changed, and never over something newer."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.domain.codec import canonical
from bot.domain.reply import Reply, text
from bot.ports.people import Identity
from bot.slack import blocks
from bot.slack.answer import Ways
from bot.slack.api import NoReply, NotOk
from bot.slack.blocks import Block
from bot.slack.budgets import PUBLISH, Budgets
from bot.slack.mrkdwn import Ink, mrkdwn
from bot.slack.render import Surface, render

log = structlog.get_logger(__name__)

_MOST = 1_000
"""People whose Home is kept up to date: those who opened it last."""
_LOCKS = 64


@dataclass(frozen=True, slots=True)
class _Shown:
    identity: Identity
    digest: str = ""
    """Of what was published, without the time of it."""
    hash: str = ""
    """Slack's own of the view: a publication that names an older one is refused."""


class Home:
    def __init__(self, ways: Ways, *, a_minute: int = 100) -> None:
        """`a_minute`: how many publications the workspace allows."""
        self._ways = ways
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        """By user, who opened it last at the end."""
        self._lock = threading.Lock()
        self._publishing = tuple(threading.Lock() for _ in range(_LOCKS))
        """One at a time for each person, from the drawing to the publication: what is drawn later is published later."""
        self._budgets = Budgets(ways.clock.elapsed, publications=a_minute)

    def watched(self) -> tuple[Identity, ...]:
        """Who has opened it, newest first."""
        with self._lock:
            return tuple(shown.identity for shown in reversed(self._shown.values()))

    def opened(self, identity: Identity, draw: Callable[[], Reply]) -> bool:
        """Slack asks for it: it is published whether it changed or not. Whether Slack shows it now. `draw`: from what is
        stored when it is called, and called once more where another replica published meanwhile."""
        with self._lock:
            known = self._shown.pop(identity.user, _Shown(identity))
            self._shown[identity.user] = replace(known, identity=identity)
            while len(self._shown) > _MOST:
                self._shown.popitem(last=False)
        self._budgets.take(PUBLISH)
        with self._turn(identity.user):
            return self._publish(identity.user, draw, self._drawn(draw()))

    def changed(self, identity: Identity, draw: Callable[[], Reply]) -> float:
        """Published where it differs from what is shown. 0.0: it is up to date; else to be tried again after so many
        seconds."""
        with self._turn(identity.user):
            with self._lock:
                known = self._shown.get(identity.user)
            if known is None:
                return 0.0
            drawn = self._drawn(draw())
            if known.digest == _digest(drawn):
                return 0.0
            # Who opens their Home waits for it; who merely has it open does not.
            if (wait := self._budgets.take(PUBLISH, is_low=True)) > 0:
                return wait
            self._publish(identity.user, draw, drawn)
            return 0.0

    def _turn(self, user: str) -> threading.Lock:
        return self._publishing[hash(user) % _LOCKS]

    def _drawn(self, reply: Reply) -> list[Block]:
        ways = self._ways
        # Slack writes "Home" above it.
        untitled = replace(reply, title=None)
        drawn = render(untitled, names=ways.names(), macs=ways.macs, surface=Surface.HOME, now=ways.clock.now())
        return [*drawn.blocks]

    def _publish(self, user: str, draw: Callable[[], Reply], drawn: list[Block]) -> bool:
        with self._lock:
            hash = self._shown[user].hash if user in self._shown else ""
        for known in (hash, "") if hash else ("",):
            now = self._ways.clock.now()
            updated = blocks.context(mrkdwn(text("Updated {at}.", at=now), Ink(now=now)))
            view: Block = {"type": "home", "callback_id": "ph.home", "blocks": [*drawn, updated]}
            body: Block = {"user_id": user, "view": view}
            if known:
                body["hash"] = known
            try:
                shown = self._ways.api.call("views.publish", body).get("view")
            except NotOk as refusal:
                # Another replica was faster: what it drew may be newer than ours, what is stored now is not older.
                if refusal.code == "hash_conflict" and known:
                    drawn = self._drawn(draw())
                    continue
                if refusal.retry_after:
                    self._budgets.pause(PUBLISH, "", refusal.retry_after)
                log.warning("Home was not published", trouble=str(refusal), details=refusal.details)
                return False
            except NoReply as lost:
                log.warning("Home was not published", trouble=str(lost))
                return False
            self._remember(user, _digest(drawn), shown.get("hash") if isinstance(shown, dict) else None)
            return True
        return False

    def _remember(self, user: str, digest: str, hash: object) -> None:
        with self._lock:
            if user in self._shown:
                found = hash if isinstance(hash, str) else ""
                self._shown[user] = replace(self._shown[user], digest=digest, hash=found)


def _digest(drawn: list[Block]) -> str:
    return hashlib.sha256(canonical([*drawn]).encode()).hexdigest()
