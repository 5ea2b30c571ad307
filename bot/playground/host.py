"""The local Slack server, assembled and run in a thread of its own on a loopback port.

Everything in it happens on one event loop, so that the workspace needs no locks; other threads come in through `run` and
`run_async`. What people do and what tests ask is in `server.py`.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.playground.delivery import Connection, Delivery
from bot.playground.events import Events
from bot.playground.interactions import Interactions
from bot.playground.page_api import PageApi
from bot.playground.page_feed import PageFeed
from bot.playground.response_urls import ResponseUrls
from bot.playground.seed import Conduct, Seed, default_manifest, default_seed
from bot.playground.slack import Slack
from bot.playground.web_api import WebApi
from bot.playground.workspace import Change, ChangeKind
from bot.playground.world import World

Json = dict[str, Any]
T = TypeVar("T")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PATIENCE = 30.0
"""Seconds until what a test waits for is given up: a machine that is busy takes its time."""


class Host:
    """Slack on `http://host:port`; the bot's Web API base is `api_url`.

    `request_url`: the app is reached over signed HTTP there; without it over Socket Mode, where the manifest says so. `port`
    0 takes a free one. `now` is the wall clock, which tests may replace.
    """

    def __init__(
        self,
        *,
        manifest: Mapping[str, Any] | None = None,
        seed: Seed | None = None,
        conduct: Conduct | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        request_url: str | None = None,
        allowed_hosts: frozenset[str] = frozenset(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self.slack = Slack(
            seed=seed or default_seed(),
            manifest=manifest if manifest is not None else default_manifest(),
            conduct=conduct or Conduct(),
            now=now,
            schedule=self._schedule,
        )
        self.slack.request_url = request_url
        self._delivery = Delivery(self.slack)
        self._events = Events(self.slack, self._delivery)
        self._urls = ResponseUrls(self.slack)
        self.interactions = Interactions(self.slack, self._delivery, self._events, self._urls)
        self.world = World(self.slack, self._delivery)
        self._feed = PageFeed(self.slack, self._delivery)
        self._hosts = _LOOPBACK | {host} | allowed_hosts
        self._bound = (host, port)
        self._thread: threading.Thread | None = None
        self._uvicorn: uvicorn.Server | None = None
        self._changed = threading.Condition()
        self._changes = 0
        self.slack.workspace.listeners.append(lambda _: self._wake())
        self.slack.log.listeners.append(lambda _: self._wake())

    # Life -----------------------------------------------------------------------------------------------------------------
    def start(self) -> Self:
        """Listen; on return the server answers. Raises OSError where the port is taken."""
        # Without the protocol asyncio does not switch Nagle's delay off, which costs 40 ms a call.
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(self._bound)
            bound.listen(128)
        except OSError:
            bound.close()
            raise
        host, port = bound.getsockname()[:2]
        self.slack.base_url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound
        config = uvicorn.Config(
            self._application(),
            ws="websockets-sansio",
            http="h11",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            ws_ping_interval=20,
        )
        self._uvicorn = uvicorn.Server(config)
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(self._uvicorn, bound, ready), name="slack", daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def _serve(self, server: uvicorn.Server, bound: socket.socket, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(ready.set)
        try:
            self._loop.run_until_complete(server.serve(sockets=[bound]))
            self._events.stop()
            self._loop.run_until_complete(self._delivery.close())
            # uvicorn leaves open whoever did not take its answer in time.
            for connection in tuple(server.server_state.connections):
                connection.transport.abort()
            self._loop.run_until_complete(_finish_tasks())
        finally:
            bound.close()
            asyncio.set_event_loop(None)
            self._loop.close()

    def stop(self) -> None:
        """Close every connection and end the thread. Harmless when not running."""
        if self._thread is None or self._uvicorn is None:
            if not self._loop.is_closed():
                self._loop.close()
            return
        self.run(self._feed.end)
        self._uvicorn.should_exit = True
        self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Addresses ------------------------------------------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """Where a browser opens the page."""
        return self.slack.base_url

    @property
    def api_url(self) -> str:
        """`base_url` for slack_sdk's WebClient."""
        return f"{self.slack.base_url}/api/"

    # From other threads -----------------------------------------------------------------------------------------------------
    def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop and answer its result, or raise what it raised. Works before `start`, too."""
        if self._thread is None:
            if self._loop.is_closed():
                work.close()
                raise RuntimeError("the Slack server has stopped")
            return self._loop.run_until_complete(work)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def run(self, work: Callable[[], T]) -> T:
        """Run a function on the server's loop: the only way to touch the workspace."""

        async def on_loop() -> T:
            return work()

        return self.run_async(on_loop())

    def deliver_to(self, request_url: str | None) -> None:
        """Reach the app over signed HTTP at this address from now on; None: Socket Mode again."""

        def change() -> None:
            self.slack.request_url = request_url
            self.slack.workspace.tell(Change(ChangeKind.APP))

        self.run(change)

    def verify_request_url(self) -> bool:
        return self.run_async(self._delivery.verify_request_url())

    def wait_for(self, wanted: Callable[[], T | None], seconds: float = PATIENCE) -> T:
        """The first truthy answer of `wanted`, asked again whenever anything changed. Raises TimeoutError with the last calls."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self._changes
            if found := wanted():
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                break
            with self._changed:
                if self._changes == seen:
                    self._changed.wait(min(left, 0.05))  # what is waited for may lie outside Slack
        last = [f"{entry.name}: {entry.status}" for entry in self.run(lambda: list(self.slack.log.entries))[-8:]]
        raise TimeoutError(f"not seen within {seconds} s; last exchanges: {'; '.join(last) or 'none'}")

    def wait_for_app(self, seconds: float = PATIENCE) -> None:
        """Until the app is connected."""
        self.wait_for(lambda: self.run(lambda: self._delivery.is_connected), seconds)

    def _wake(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        self._loop.call_later(seconds, action)

    # HTTP -----------------------------------------------------------------------------------------------------------------
    def _application(self) -> Starlette:
        api = WebApi(self.slack, self._urls)
        page = PageApi(self.slack, feed=self._feed, interactions=self.interactions, world=self.world, hosts=self._hosts)
        return Starlette(
            routes=[
                Route("/api/{method}", api.call, methods=["GET", "POST"]),
                Route("/actions/{team}/{token}", api.respond, methods=["POST"]),
                Route("/upload/v1/{file_id}", api.upload, methods=["POST"]),
                WebSocketRoute("/link/", self._link),
                WebSocketRoute("/page/ws", page.socket),
                Route("/page/{path:path}", page.post, methods=["POST"]),
                Route("/page/{path:path}", page.get, methods=["GET"]),
                Route("/healthz", _healthy, methods=["GET"]),
                Route("/", page.index, methods=["GET"]),
            ]
        )

    async def _link(self, websocket: WebSocket) -> None:
        """One Socket Mode connection, with a ticket that serves once."""
        if self.slack.tickets.pop(websocket.query_params.get("ticket", ""), None) is None:
            await websocket.close(4401)
            return
        await websocket.accept()
        connection = Connection(websocket.send_json, websocket.close)
        try:
            if not await self._delivery.open_connection(connection):
                await websocket.close()
                return
            while True:
                message = json.loads(await websocket.receive_text())
                if isinstance(message, dict):
                    self._delivery.receive(connection, message)
        except (WebSocketDisconnect, ValueError, RuntimeError):
            # RuntimeError is Starlette's way of saying that the other side closed while we did.
            return
        finally:
            self._delivery.drop_connection(connection)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"ok": True})


async def _finish_tasks() -> None:
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not current]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
