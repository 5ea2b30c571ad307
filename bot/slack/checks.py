"""What doctor asks of Slack: who we are, what we may, whether our clocks agree, and whether the audit channel takes our words.

Each check returns a word or two, or raises an IntegrationError whose next step mends it. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.domain.clock import Clock
from bot.domain.codec import Json
from bot.domain.errors import Refused
from bot.domain.reply import Channel, text
from bot.slack.api import Api, NoReply, NotOk, Object, integration_error
from bot.slack.manifest import SCOPES
from bot.slack.payloads import inner, part

APART = timedelta(seconds=20)
"""Slack's requests count for 30 s of the future and 5 minutes of the past."""
_MANIFEST = text("reinstall the app from the manifest that `pilothouse manifest` prints")

Ping = tuple[str, Callable[[], str]]


@dataclass(frozen=True, slots=True)
class Checks:
    api: Api
    clock: Clock
    audit_channel: str = ""
    """Empty: none is wanted."""

    def all(self) -> tuple[Ping, ...]:
        found: list[Ping] = [("slack", self.account), ("slack scopes", self.scopes), ("clock", self.clocks)]
        if self.audit_channel:
            found.append(("audit channel", self.channel))
        return tuple(found)

    def account(self) -> str:
        found, _ = self._ask("auth.test")
        return f"{part(found, 'team')}, as {part(found, 'user')}"

    def scopes(self) -> str:
        _, headers = self._ask("auth.test")
        given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
        if missing := sorted({*SCOPES} - given):
            raise Refused("slack", text("Scopes are missing: {names}.", names=", ".join(missing)), next=_MANIFEST)
        if more := sorted(given - {*SCOPES}):
            what = text("The token may more than I need: {names}.", names=", ".join(more))
            raise Refused("slack", what, next=_MANIFEST)
        return f"{len(given)} as wanted"

    def clocks(self) -> str:
        before = self.clock.now()
        _, headers = self._ask("auth.test")
        theirs = _moment(headers.get("date", ""))
        if theirs is None:
            return "Slack did not say its time"
        apart = abs(before - theirs)
        if apart > APART:
            raise Refused(
                "slack",
                text("This machine's clock is {apart} off Slack's.", apart=apart),
                why=text("Signed requests of another time are refused."),
                next=text("set the clock right, with `chronyc makestep` or `timedatectl set-ntp true`"),
            )
        return f"within {max(1, int(apart.total_seconds()) + 1)} s of Slack's"

    def channel(self) -> str:
        found, _ = self._ask("conversations.info", {"channel": self.audit_channel})
        if inner(found, "channel").get("is_member") is not True:
            raise Refused(
                "slack",
                text("I am no member of {channel}.", channel=Channel(self.audit_channel)),
                why=text("What belongs there waits; the record itself is complete."),
                next=text("write `/invite @pilothouse` in {channel}", channel=Channel(self.audit_channel)),
            )
        return "a member"

    def _ask(self, method: str, body: dict[str, Json] | None = None) -> tuple[Object, Mapping[str, str]]:
        try:
            return self.api.answered(method, body or {})
        except (NotOk, NoReply) as trouble:
            raise integration_error(trouble) from trouble


def _moment(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, TypeError):
        return None
