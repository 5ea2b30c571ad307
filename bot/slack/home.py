"""The Home tab: a Reply, published when it is opened or has changed, and never over something newer."""

from __future__ import annotations

import hashlib
import threading

import structlog

from bot.domain.codec import canonical
from bot.domain.reply import Reply
from bot.slack.answer import Ways
from bot.slack.api import NoReply, NotOk
from bot.slack.blocks import Block
from bot.slack.render import Surface, render

log = structlog.get_logger(__name__)

_MOST = 10_000


class Home:
    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._shown: dict[str, tuple[str, str]] = {}
        """By user: digest of what was published, and Slack's hash of it."""
        self._lock = threading.Lock()

    def publish(self, user: str, reply: Reply, *, is_open: bool = True) -> bool:
        """Whether Slack shows it now. `is_open`: Slack asks for it; else only a change is published."""
        view = self._view(reply)
        digest = hashlib.sha256(canonical(view).encode()).hexdigest()
        with self._lock:
            known = self._shown.get(user)
        if known is not None and known[0] == digest and not is_open:
            return True
        return self._send(user, view, digest, known[1] if known is not None else "")

    def _view(self, reply: Reply) -> Block:
        ways = self._ways
        drawn = render(reply, names=ways.names(), macs=ways.macs, surface=Surface.HOME, now=ways.clock.now())
        return {"type": "home", "callback_id": "ph.home", "blocks": [*drawn.blocks]}

    def _send(self, user: str, view: Block, digest: str, hash: str) -> bool:
        for known in (hash, "") if hash else ("",):
            body: Block = {"user_id": user, "view": view}
            if known:
                body["hash"] = known
            try:
                shown = self._ways.api.call("views.publish", body).get("view")
            except NotOk as refusal:
                # Another replica was faster: what is drawn now is from the stored state, so it may go over it.
                if refusal.code == "hash_conflict" and known:
                    continue
                log.warning("Home was not published", trouble=str(refusal), details=refusal.details)
                return False
            except NoReply as lost:
                log.warning("Home was not published", trouble=str(lost))
                return False
            self._remember(user, digest, shown.get("hash") if isinstance(shown, dict) else None)
            return True
        return False

    def _remember(self, user: str, digest: str, hash: object) -> None:
        with self._lock:
            if len(self._shown) >= _MOST:
                self._shown.clear()
            self._shown[user] = (digest, hash if isinstance(hash, str) else "")
