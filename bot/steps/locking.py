"""What is offered where a person's lock is in the way: to ask its holder, or to take it over, which its holder is told."""

from __future__ import annotations

from bot.domain.refs import quoted
from bot.domain.reply import Button, Confirm, Style, text
from bot.ports.store import Lock


def ask_to_unlock(lock: Lock) -> Button:
    return Button(
        text("Ask {who} to unlock", who=lock.holder),
        f"handover {lock.holder} unlock {lock.app} to {lock.env}",
        Style.PRIMARY,
        spoken=text("Ask {who} to unlock {app} on {env}", who=lock.holder, app=lock.app, env=lock.env),
    )


def take_over(lock: Lock, reason: str = "") -> Button:
    where = {"app": lock.app, "env": lock.env}
    words = text(
        "{app} on {env} is then locked by you. {who} is told at once, with your name.", who=lock.holder, **where
    )
    said = f" reason={quoted(reason.replace(chr(34), '”'))}" if reason else ""
    return Button(
        text("Take over"),
        f"lock {lock.app} to {lock.env} --take{said}",
        Style.DANGER,
        confirm=Confirm(text("Take over the lock?"), words, yes=text("Take over")),
        spoken=text("Take over the lock of {app} on {env}", **where),
    )
