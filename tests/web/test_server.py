"""The server in its thread: whoever it serves, nothing of it is left when it has stopped."""

from __future__ import annotations

import fcntl
import gc
import logging
import socket
import sys
import termios
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from bot.playground.server import PlaygroundServer
from bot.web.server import WebServer

MUCH = 8 << 20
"""Bytes: more than the buffers between two sockets hold."""


@contextmanager
def nothing_left_open() -> Iterator[None]:
    gc.collect()
    # What pytest keeps of the log keeps the tracebacks in it, and with them what was on its way.
    logging.disable()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
        gc.collect()
    assert not [str(each.message) for each in found if issubclass(each.category, ResourceWarning)]


async def much(_: Request) -> StreamingResponse:
    async def bytes_() -> AsyncIterator[bytes]:
        for _ in range(MUCH >> 16):
            yield b"x" * (1 << 16)

    return StreamingResponse(bytes_())


def ask_and_read_nothing(port: int, requests: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.setblocking(False)
    while requests:
        try:
            requests = requests[client.send(requests) :]
        except BlockingIOError:
            break
    before, now = -1, 0
    while not now or now != before:
        threading.Event().wait(0.2)
        before, now = now, waiting(client)
    return client


def waiting(client: socket.socket) -> int:
    """Bytes that have come and were not read."""
    return int.from_bytes(fcntl.ioctl(client, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def test_who_does_not_take_its_answer_is_cut_off_when_the_server_stops() -> None:
    with nothing_left_open():
        server = WebServer(Starlette(routes=[Route("/", much)]), host="127.0.0.1", port=0)
        server.start()
        with ask_and_read_nothing(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            server.stop()
        del server


def test_who_does_not_take_its_answers_is_cut_off_when_the_local_slack_stops() -> None:
    with nothing_left_open():
        slack = PlaygroundServer()
        slack.start()
        port = int(slack.url.rpartition(":")[2])
        for _ in range(50):
            httpx.post(f"{slack.api_url}api.test", data={"words": "x" * 4000}, trust_env=False)
        with ask_and_read_nothing(port, b"GET /page/payloads HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500):
            slack.stop()
        del slack
