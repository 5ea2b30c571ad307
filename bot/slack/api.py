"""Slack's Web API, one call at a time: what it refused, and what was never answered, as two exceptions of this edge.

A call is sent once: slack_sdk's own repeating is off, because it would post a message twice. Every call has a deadline.
`integration_error` is the one place where these become the product's errors.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.codec import Json
from bot.domain.errors import Conflict, IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import text

Object: TypeAlias = dict[str, Json]

_LOST = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
"""Slack does not say whether it was done."""
_CONFLICTS = frozenset({"hash_conflict", "expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"})
_FORMS = ("conversations.", "users.", "usergroups.", "files.", "auth.", "team.", "bots.")
_LONGEST = 200
_WORD = re.compile(r"[a-z0-9_.:\-]+")
"""Slack's words for what it refuses. Anything else did not come from Slack: a proxy's page, for one."""


class NotOk(Exception):
    """Slack refused: nothing was done. `code` is Slack's word."""

    def __init__(self, method: str, code: str, *, details: tuple[str, ...] = (), retry_after: int = 0) -> None:
        super().__init__(f"{method}: {code}")
        self.method = method
        self.code = code
        self.details = details
        """What is wrong with blocks or a view, with pointers."""
        self.retry_after = retry_after
        """Seconds, where Slack wants us slower."""


class NoReply(Exception):
    """No answer, or one that does not say: it may have been done."""

    def __init__(self, method: str, why: str) -> None:
        super().__init__(f"{method}: {why[:_LONGEST]}")
        self.method = method


def web_client(token: Secret, *, base_url: str, timeout: timedelta) -> WebClient:
    return WebClient(token.reveal(), base_url=base_url, timeout=max(1, int(timeout.total_seconds())), retry_handlers=[])


class Api:
    def __init__(self, client: WebClient) -> None:
        self.client = client

    def call(self, method: str, body: Mapping[str, Json]) -> Object:
        """Raises NotOk or NoReply."""
        return self.answered(method, body)[0]

    def answered(self, method: str, body: Mapping[str, Json]) -> tuple[Object, Mapping[str, str]]:
        """With the answer's headers, their names in lower case. Raises NotOk or NoReply."""
        try:
            if method.startswith(_FORMS):
                response = self.client.api_call(method, data={key: value for key, value in body.items() if value != ""})
            else:
                response = self.client.api_call(method, json={**body})
        except SlackApiError as refusal:
            raise _understood(method, refusal) from refusal
        except (URLError, OSError, http.client.HTTPException, SlackClientError, ValueError) as lost:
            raise NoReply(method, type(lost).__name__) from lost
        data = response.data
        headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
        return data if isinstance(data, dict) else {}, headers


def _understood(method: str, refusal: SlackApiError) -> NotOk | NoReply:
    response = refusal.response
    status = int(getattr(response, "status_code", 200))
    data = response.data if hasattr(response, "data") else response
    body = data if isinstance(data, dict) else {}
    code = str(body.get("error", ""))[:_LONGEST]
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        headers = {str(name).lower(): value for name, value in dict(getattr(response, "headers", {})).items()}
        waits = str(headers.get("retry-after", "1"))
        return NotOk(method, "ratelimited", retry_after=int(waits) if waits.isdigit() else 1)
    if status >= 500 or code in _LOST or not _WORD.fullmatch(code):
        return NoReply(method, f"status {status} {code}")
    metadata = body.get("response_metadata")
    messages = metadata.get("messages", []) if isinstance(metadata, dict) else []
    details = tuple(str(message)[:_LONGEST] for message in messages[:5]) if isinstance(messages, list) else ()
    return NotOk(method, code, details=details)


def integration_error(error: NotOk | NoReply) -> IntegrationError:
    if isinstance(error, NoReply):
        return Unavailable("slack", text("Slack did not answer {method}.", method=error.method))
    said = text("Slack refused {method}: {code}.", method=error.method, code=error.code)
    if error.code == "ratelimited":
        return Unavailable("slack", said, retry_after=timedelta(seconds=error.retry_after))
    if error.code in _CONFLICTS:
        return Conflict("slack", said)
    if error.code.endswith("_not_found") or error.code == "not_found":
        return Missing("slack", said)
    return Refused("slack", said)
