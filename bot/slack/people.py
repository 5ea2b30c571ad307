"""bot.ports.people.People by users.info, at most 60 seconds old. A failed look-up is an error, never a guess."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog

from bot.domain.clock import Clock
from bot.domain.codec import Json
from bot.ports.people import Identity, Standing, Status
from bot.slack.api import Api, NoReply, NotOk, integration_error

log = structlog.get_logger(__name__)

FRESH = timedelta(seconds=60)
_MOST = 10_000
_PAGE = 999
_PAGES = 5
_UNKNOWN = frozenset({"user_not_found", "user_not_visible", "users_not_found"})


class SlackPeople:
    def __init__(self, api: Api, clock: Clock, *, team: str, fresh: timedelta = FRESH) -> None:
        """`team` is our workspace: people of another are strangers, whatever Slack says of them."""
        self._api = api
        self._clock = clock
        self._team = team
        self._fresh = fresh.total_seconds()
        self._known: dict[str, tuple[float, Standing]] = {}
        self._lock = threading.Lock()

    def standing(self, identity: Identity) -> Standing:
        if identity.team != self._team or not identity.user:
            return Standing(identity, Status.STRANGER, self._clock.now())
        asked = self._clock.elapsed()
        with self._lock:
            known = self._known.get(identity.user)
        if known is not None and asked - known[0] < self._fresh and known[1].identity == identity:
            return known[1]
        standing = Standing(identity, self._ask(identity.user), self._clock.now())
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            # As old as the question, not as the answer.
            self._known[identity.user] = (asked, standing)
        return standing

    def is_reading(self, user: str, channel: str) -> bool:
        """By conversations.members, a thousand a page. True where Slack does not say, or the channel is very large."""
        body: dict[str, Json] = {"channel": channel, "limit": _PAGE}
        for _ in range(_PAGES):
            try:
                page = self._api.call("conversations.members", body)
            except (NotOk, NoReply) as trouble:
                log.info("who reads a channel is not known", channel=channel, trouble=str(trouble))
                return True
            members = page.get("members")
            if isinstance(members, list) and user in members:
                return True
            match page.get("response_metadata"):
                case {"next_cursor": str(cursor)} if cursor:
                    body["cursor"] = cursor
                case _:
                    return False
        return True

    def forget(self, user: str) -> None:
        """Slack says that this person changed."""
        with self._lock:
            self._known.pop(user, None)

    def _ask(self, user: str) -> Status:
        try:
            found = self._api.call("users.info", {"user": user})
        except NotOk as refusal:
            if refusal.code in _UNKNOWN:
                return Status.GONE
            raise integration_error(refusal) from refusal
        except NoReply as lost:
            raise integration_error(lost) from lost
        return self._status(found.get("user"))

    def _status(self, user: Json) -> Status:
        match user:
            case {"deleted": True}:
                return Status.GONE
            case {"team_id": str(team)} if team != self._team:
                return Status.STRANGER
            case {"is_stranger": True}:
                return Status.STRANGER
            case {"is_bot": True} | {"is_workflow_bot": True}:
                return Status.BOT
            case {"is_restricted": True} | {"is_ultra_restricted": True}:
                return Status.GUEST
            case {"id": str(), "team_id": str()}:
                return Status.ACTIVE
            case _:
                # An answer that does not say who this is vouches for nobody.
                return Status.GONE
