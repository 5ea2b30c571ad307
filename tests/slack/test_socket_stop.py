"""Socket Mode stops, whatever its threads are at: slack_sdk's own `close` can wait for ever for the one that receives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from socket import create_server

import pytest

from bot.app.clock import SystemClock
from bot.domain.refs import Secret
from bot.playground.server import PlaygroundServer
from bot.slack.connect import Edge, Line, Product, Socket
from tests.slack.stage import MACS, NAMES, Scripted, account, our_manifest

PATIENCE = 30.0


@pytest.fixture
def slack() -> Iterator[PlaygroundServer]:
    with PlaygroundServer(manifest=our_manifest()) as server:
        yield server


@pytest.fixture
def socket(slack: PlaygroundServer) -> Iterator[Socket]:
    """Connected."""
    clock = SystemClock()
    line = Line(account(slack), clock)
    scripted = Scripted()
    edge = Edge(line, Product(scripted, scripted, scripted, lambda: NAMES, MACS, ()), clock)
    made = edge.socket(Secret(slack.app_token), ping_interval=0.2)
    made.connect()  # type: ignore[no-untyped-call]
    slack.wait_for_app()
    yield made
    edge.close()
    line.close()


def stops(socket: Socket, *, before_it_is_shut: Callable[[], None]) -> bool:
    """`before_it_is_shut`: what other threads do while the one that stops waits to shut the connection."""
    session = socket.client.current_session
    assert session is not None
    shut = session.disconnect

    def late() -> None:
        if threading.current_thread() is stopping:
            before_it_is_shut()
        shut()

    session.disconnect = late  # type: ignore[method-assign]
    stopping = threading.Thread(target=socket.stop, daemon=True)
    stopping.start()
    stopping.join(PATIENCE)
    return not stopping.is_alive()


def test_the_receiver_comes_round_before_the_connection_is_shut(socket: Socket) -> None:
    """It leaves its loop, and where it is let it enters it once more: a machine that is busy gives it the time."""
    client, receiver = socket.client, socket.client.current_session_runner.thread

    def wait() -> None:
        while receiver.is_alive() and client.current_session_state.terminated:
            receiver.join(0.01)

    assert stops(socket, before_it_is_shut=wait)
    assert not socket.client.is_connected()


def test_a_connection_that_is_made_while_it_stops_is_shut_too(socket: Socket, slack: PlaygroundServer) -> None:
    client, receiver = socket.client, socket.client.current_session_runner.thread
    done = threading.Event()

    def reconnect() -> None:
        if done.is_set():
            return
        done.set()
        client.connect_to_new_endpoint(force=True)
        while receiver.is_alive() and client.current_session_state.terminated:
            receiver.join(0.01)
        # Received from, where it is let.
        receiver.join(1.0)

    assert stops(socket, before_it_is_shut=reconnect)
    assert not socket.client.is_connected()
    slack.wait_for(lambda: not slack._delivery.connections)


def test_after_a_handshake_that_failed_it_connects_when_told_again(slack: PlaygroundServer) -> None:
    clock = SystemClock()
    line = Line(account(slack), clock)
    scripted = Scripted()
    edge = Edge(line, Product(scripted, scripted, scripted, lambda: NAMES, MACS, ()), clock)
    with create_server(("127.0.0.1", 0)) as deaf:

        def hang_up() -> None:
            deaf.accept()[0].close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        made = edge.socket(Secret(slack.app_token), ping_interval=0.2)
        made.client.wss_uri = f"ws://127.0.0.1:{deaf.getsockname()[1]}/"
        made.client.default_auto_reconnect_enabled = False
        made.connect()  # type: ignore[no-untyped-call]
        hanging_up.join()
    assert not made.client.is_connected()
    made.client.connect_to_new_endpoint()
    slack.wait_for_app(PATIENCE)
    made.ping()
    slack.hang_up()
    made.stop()
    edge.close()
    line.close()
