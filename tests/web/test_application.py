"""What is reached over HTTP, without any of the systems behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bot.domain.errors import BadArguments, Unavailable
from bot.domain.reply import text
from bot.ports.webhooks import HttpAnswer, RawHeaders
from bot.web.application import HOOK_LIMIT, SLACK_LIMIT, Doors, application
from bot.web.hooks import Hook


class Told:
    """A webhook whose secret is a header."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.is_down = False

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        return headers.get("x-secret") == "right"

    def decode(self, body: bytes) -> str:
        if not body:
            raise BadArguments(text("There is nothing in it."))
        return body.decode()

    def take(self, told: str, body: bytes) -> None:
        if self.is_down:
            raise Unavailable("database", text("It is down."))
        self.taken.append(told)


@pytest.fixture
def told() -> Told:
    return Told()


@dataclass(frozen=True)
class Client:
    doors: Doors

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self._sent("POST", path, given)

    def get(self, path: str) -> httpx.Response:
        return self._sent("GET", path, {})

    def _sent(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        # In a thread: a browser test of the same run leaves a running loop in this one (Playwright's).
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, self._send(method, path, given)).result()

    async def _send(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        content = given.pop("content", None)
        if content is not None and not isinstance(content, bytes):
            content = _stream(content)
        transport = httpx.ASGITransport(application(self.doors), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://pilothouse.test") as client:
            return await client.request(method, path, content=content, **given)


async def _stream(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def client(doors: Doors) -> Client:
    return Client(doors)


@pytest.fixture
def hooks(told: Told) -> Client:
    return client(Doors(hooks={"alerts": Hook("alerts", told, told.take)}))


RIGHT = {"x-secret": "right"}


def test_a_delivery_is_taken_before_it_is_answered(hooks: Client, told: Told) -> None:
    assert hooks.post("/hooks/alerts", content=b"fire", headers=RIGHT).status_code == 200
    assert told.taken == ["fire"]


@pytest.mark.parametrize("headers", [[], [("x-secret", "wrong")], [("x-secret", "right"), ("X-Secret", "right")]])
def test_a_delivery_that_is_not_verified_is_not_decoded(
    hooks: Client, told: Told, headers: list[tuple[str, str]]
) -> None:
    assert hooks.post("/hooks/alerts", content=b"fire", headers=headers).status_code == 401
    assert told.taken == []


def test_a_delivery_that_makes_no_sense_is_not_sent_again(hooks: Client) -> None:
    assert hooks.post("/hooks/alerts", content=b"", headers=RIGHT).status_code == 400


def test_a_delivery_that_cannot_be_stored_is_sent_again(hooks: Client, told: Told) -> None:
    told.is_down = True
    assert hooks.post("/hooks/alerts", content=b"fire", headers=RIGHT).status_code == 503
    told.is_down = False
    assert hooks.post("/hooks/alerts", content=b"fire", headers=RIGHT).status_code == 200


def test_a_hook_that_nobody_set_up_is_not_there(hooks: Client) -> None:
    assert hooks.post("/hooks/jenkins", content=b"x").status_code == 404
    assert hooks.get("/hooks/alerts").status_code == 405


def test_a_body_over_its_cap_is_refused_whatever_its_header_says(hooks: Client, told: Told) -> None:
    assert hooks.post("/hooks/alerts", content=b"x" * (HOOK_LIMIT + 1), headers=RIGHT).status_code == 413
    assert hooks.post("/hooks/alerts", content=(b"x" * 65_536 for _ in range(65)), headers=RIGHT).status_code == 413
    assert hooks.post("/hooks/alerts", content=b"x", headers={**RIGHT, "content-length": "many"}).status_code == 413
    assert told.taken == []


def test_slack_is_there_only_where_it_has_a_door() -> None:
    assert client(Doors()).post("/slack/events", content=b"").status_code == 404


def test_what_follows_an_answer_follows_it() -> None:
    seen: list[str] = []

    def door(headers: RawHeaders, body: bytes) -> HttpAnswer:
        seen.append("answered")
        return HttpAnswer(200, b'{"ok":true}', "application/json", after=lambda: seen.append("after"))

    answer = client(Doors(slack=door)).post("/slack/events", content=b"x" * SLACK_LIMIT)
    assert (answer.json(), answer.headers["content-type"], seen) == (
        {"ok": True},
        "application/json",
        ["answered", "after"],
    )


def test_health_is_of_the_process_and_readiness_of_what_it_needs() -> None:
    broken = client(Doors(ready=lambda: "no signing secret", metrics=lambda: "up 1\n"))
    assert broken.get("/healthz").status_code == 200
    assert (broken.get("/readyz").status_code, broken.get("/readyz").text) == (503, "no signing secret")
    assert client(Doors()).get("/readyz").status_code == 200
    assert broken.get("/metrics").text == "up 1\n"
