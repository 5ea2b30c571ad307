"""Bringing payloads to the app, over Socket Mode or signed HTTP, and its acknowledgements back.

Knows nothing of what a payload says. A payload is sent once here; `events.py` decides about retries.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from bot.playground import constants as c
from bot.playground.slack import Slack
from bot.playground.workspace import Change, ChangeKind

Json = dict[str, Any]
Send = Callable[[Json], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ack:
    """What the app answered. `error` is what a person would see; `body` the answer's content, {} where empty."""

    error: str = ""
    body: Json = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True)
class Retry:
    attempt: int
    reason: str


@dataclass(eq=False, slots=True)
class Connection:
    """One Socket Mode connection; `close` ends it from Slack's side."""

    send: Send
    close: Callable[[], Awaitable[None]]
    pending: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    is_leaving: bool = False  # warned: gets payloads only while there is no other


class Delivery:
    """One way to the app at a time: a request URL if there is one, else the open Socket Mode connections in turn."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.connections: list[Connection] = []
        self._client: httpx.AsyncClient | None = None
        self._turn = 0
        self._background: set[asyncio.Task[Ack]] = set()

    @property
    def is_connected(self) -> bool:
        return bool(self.connections) if self._slack.is_socket_mode else self._slack.request_url is not None

    async def close(self) -> None:
        for task in tuple(self._background):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def deliver(
        self, kind: str, name: str, payload: Json, *, takes_answer: bool, retry: Retry | None = None
    ) -> Ack:
        """Send and wait for the acknowledgement, at most three seconds. `kind` is Socket Mode's type of envelope."""
        if self._slack.faults.take_lost_delivery():
            self._log(kind, name, payload, Ack("operation_timeout"), 0.0)
            return Ack("operation_timeout")
        if self._slack.faults.take_duplicate():
            extra = asyncio.get_running_loop().create_task(self._once(kind, name, payload, takes_answer, retry))
            self._background.add(extra)
            extra.add_done_callback(self._background.discard)
        ack = await self._once(kind, name, payload, takes_answer, retry)
        if ack.is_ok and self._slack.faults.take_lost_ack():
            return Ack("operation_timeout")
        if seconds := self._slack.faults.take_slow_ack():
            await asyncio.sleep(seconds)
        return ack

    async def _once(self, kind: str, name: str, payload: Json, takes_answer: bool, retry: Retry | None) -> Ack:
        began = time.perf_counter()
        if self._slack.request_url is not None:
            ack = await self._post(self._slack.request_url, kind, payload, retry)
        else:
            ack = await self._send(kind, payload, takes_answer, retry)
        self._log(kind, name, payload, ack, (time.perf_counter() - began) * 1000)
        return ack

    def _log(self, kind: str, name: str, payload: Json, ack: Ack, ms: float) -> None:
        status = "acked" if ack.is_ok else ack.error
        self._slack.log.add("to_app", kind, name, request=payload, response=ack.body or None, status=status, ms=ms)

    # Socket Mode ------------------------------------------------------------------------------------------------------
    async def _send(self, kind: str, payload: Json, takes_answer: bool, retry: Retry | None) -> Ack:
        if not self.connections:
            return Ack("dispatch_failed")
        self._turn += 1
        staying = [connection for connection in self.connections if not connection.is_leaving] or self.connections
        connection = staying[self._turn % len(staying)]
        envelope = str(uuid4())
        message: Json = {
            "envelope_id": envelope,
            "type": kind,
            "accepts_response_payload": takes_answer,
            "payload": payload,
        }
        if kind == "events_api":
            message |= {"retry_attempt": retry.attempt if retry else 0, "retry_reason": retry.reason if retry else ""}
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        connection.pending[envelope] = answer
        try:
            await connection.send(message)
            body = await asyncio.wait_for(answer, self._slack.conduct.ack_seconds)
        except (TimeoutError, ConnectionError):
            return Ack("operation_timeout")
        finally:
            connection.pending.pop(envelope, None)
        return Ack(body=body)

    async def open_connection(self, connection: Connection) -> bool:
        """Greet a new connection; False where there are too many already."""
        if len(self.connections) >= c.SOCKET_CONNECTIONS:
            await connection.send({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            return False
        self.connections.append(connection)
        await connection.send(
            {
                "type": "hello",
                "num_connections": len(self.connections),
                "connection_info": {"app_id": self._slack.workspace.app.id},
                "debug_info": {"host": "playground", "approximate_connection_time": 18060},
            }
        )
        self._slack.workspace.tell(Change(ChangeKind.APP))
        return True

    def drop_connection(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self._slack.workspace.tell(Change(ChangeKind.APP))

    def receive(self, connection: Connection, message: Json) -> None:
        """An acknowledgement. One for an unknown or late envelope is ignored, as in Slack."""
        answer = connection.pending.get(str(message.get("envelope_id")))
        if answer is not None and not answer.done():
            payload = message.get("payload")
            answer.set_result(payload if isinstance(payload, dict) else {})

    async def disconnect(self, reason: str) -> None:
        """Ask every connection to go: a warning leaves it open for some seconds, the other reasons end it."""
        for connection in tuple(self.connections):
            await connection.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}})
            if reason == "warning":
                connection.is_leaving = True
            else:
                self.drop_connection(connection)
                await connection.close()

    async def hang_up(self) -> None:
        """Close every connection without a word."""
        for connection in tuple(self.connections):
            self.drop_connection(connection)
            await connection.close()

    # HTTP -------------------------------------------------------------------------------------------------------------
    async def _post(self, url: str, kind: str, payload: Json, retry: Retry | None) -> Ack:
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        else:
            form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(form), "application/x-www-form-urlencoded"
        stamp = str(int(self._slack.now()))
        secret = self._slack.workspace.app.signing_secret.encode()
        digest = hmac.new(secret, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry.attempt), "X-Slack-Retry-Reason": retry.reason}
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False)
        try:
            response = await asyncio.wait_for(
                self._client.post(url, content=body.encode(), headers=headers, timeout=None),
                self._slack.conduct.ack_seconds,
            )
        except TimeoutError:
            return Ack("operation_timeout")
        except httpx.HTTPError:
            return Ack("dispatch_failed")
        if not response.is_success:
            return Ack("dispatch_failed")
        return Ack(body=_body(response))

    async def verify_request_url(self) -> bool:
        """The challenge that Slack sends when a request URL is set: whether the app returned it."""
        challenge = uuid4().hex
        payload = {
            "token": self._slack.workspace.app.verification_token,
            "challenge": challenge,
            "type": "url_verification",
        }
        ack = await self._once("events_api", "url_verification", payload, True, None)
        return ack.body.get("challenge") == challenge


def _body(response: httpx.Response) -> Json:
    if not response.content:
        return {}
    if "json" in response.headers.get("content-type", ""):
        data = response.json()
        return data if isinstance(data, dict) else {}
    return {"text": response.text}
