"""Everything that is reached over HTTP, as one ASGI application: Slack, webhooks, health, metrics.

Knows none of them: bot.app hands in what verifies and answers. A body is read up to its cap and no further; the work is
done in threads, and what follows an answer follows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.ports.webhooks import HttpAnswer, HttpDoor

SLACK_LIMIT = 1024 * 1024
HOOK_LIMIT = 4 * 1024 * 1024

Check = Callable[[], str]
"""Empty when all is well, else a sentence. Must answer from memory."""


@dataclass(frozen=True, slots=True)
class Doors:
    slack: HttpDoor | None = None
    """None: Socket Mode, or no Slack."""
    hooks: Mapping[str, HttpDoor] = field(default_factory=dict)
    """By name in the path, `/hooks/alertmanager`."""
    ready: Check = lambda: ""
    metrics: Callable[[], str] = lambda: ""
    """In Prometheus' text format."""


def application(doors: Doors, *, more: tuple[BaseRoute, ...] = ()) -> Starlette:
    """`more`: pages of other edges."""

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        missing = await run_in_threadpool(doors.ready)
        return PlainTextResponse(missing or "ready", status_code=503 if missing else 200)

    async def metrics(_: Request) -> Response:
        shown = await run_in_threadpool(doors.metrics)
        return PlainTextResponse(shown, media_type="text/plain; version=0.0.4")

    async def hook(request: Request) -> Response:
        door = doors.hooks.get(request.path_params["name"])
        return await _through(door, request, HOOK_LIMIT) if door is not None else Response(status_code=404)

    routes: list[BaseRoute] = [
        Route("/healthz", healthy, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/hooks/{name}", hook, methods=["POST"]),
    ]
    if doors.slack is not None:
        routes.append(Route("/slack/events", _slack(doors.slack), methods=["POST"]))
    return Starlette(routes=[*routes, *more], lifespan=_warm)


@asynccontextmanager
async def _warm(_: Starlette) -> AsyncIterator[None]:
    """The first use of the threads loads their library, some 50 ms: not while somebody waits for an acknowledgement."""
    await run_in_threadpool(lambda: None)
    yield


def _slack(door: HttpDoor) -> Callable[[Request], Awaitable[Response]]:
    async def slack(request: Request) -> Response:
        return await _through(door, request, SLACK_LIMIT)

    return slack


async def _through(door: HttpDoor, request: Request, limit: int) -> Response:
    body = await _body(request, limit)
    if body is None:
        return Response(status_code=413, headers={"connection": "close"})
    headers = [(bytes(name), bytes(value)) for name, value in request.headers.raw]
    return _response(await run_in_threadpool(door, headers, body))


def _response(answer: HttpAnswer) -> Response:
    after = BackgroundTask(answer.after) if answer.after is not None else None
    # Set as a header: Starlette would add a second charset to a media type that has one.
    return Response(
        answer.body, status_code=answer.status, headers={"content-type": answer.content_type}, background=after
    )


async def _body(request: Request, limit: int) -> bytes | None:
    """None when it is larger than that, whatever its header says; nothing beyond is read."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or len(declared) > 12 or int(declared) > limit:
        return None
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)
