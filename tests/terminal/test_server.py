"""The local socket of a running bot, over real sockets: who asks is the kernel's word, and everything is bounded."""

from __future__ import annotations

import errno
import json
import os
import pwd
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.road.answers import Answer
from bot.terminal import wire
from bot.terminal.exchange import NotTaken, SocketExchange, Unreachable
from bot.terminal.people import my_name, name_of
from bot.terminal.server import Limits, TerminalServer, is_served
from bot.terminal.service import Ask, Card, Handle, Kind
from bot.terminal.wire import Problem
from tests.terminal.samples import SAMPLES
from tests.terminal.stage import OP, ScriptedBot, StillClock, refused, running, says, stands, started

CLOCK = SystemClock()
SHORT = Limits(read=timedelta(milliseconds=300), write=timedelta(milliseconds=300), grace=timedelta(seconds=5))


@contextmanager
def serving(
    folder: Path,
    handle: Handle,
    *,
    card: Callable[[OperationId], Card | None] = lambda id: None,
    limits: Limits = SHORT,
    user_of: Callable[[int], str | None] = name_of,
) -> Iterator[Path]:
    path = folder / "terminal.sock"
    with TerminalServer(path, handle, card, clock=CLOCK, limits=limits, user_of=user_of):
        yield path


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def read_all(connection: socket.socket) -> bytes:
    read = bytearray()
    while part := connection.recv(65536):
        read += part
    return bytes(read)


def told(path: Path, sent: bytes) -> Problem:
    with connect(path) as connection:
        connection.sendall(sent)
        answer = wire.load_answer(read_all(connection))
    assert isinstance(answer, Problem)
    return answer


def test_a_line_is_answered(tmp_path: Path) -> None:
    bot = ScriptedBot({"status": Answer(SAMPLES["plan"])})
    with serving(tmp_path, bot.handle) as path:
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(SAMPLES["plan"])
    assert bot.asked == [Ask(pwd.getpwuid(os.getuid()).pw_name, "status")]


def test_a_form_carries_its_values(tmp_path: Path) -> None:
    bot = ScriptedBot(forms=lambda values: Answer(says(values["app"])))
    with serving(tmp_path, bot.handle) as path:
        assert SocketExchange(path, clock=CLOCK).ask("scale", values={"app": "web"}) == Answer(says("web"))
    assert bot.asked[0].kind is Kind.FORM


def test_who_asks_is_the_peers_user_whatever_the_client_says(tmp_path: Path) -> None:
    bot = ScriptedBot()
    claims = {"is": "ask", "v": 1, "line": "whoami", "kind": "line", "values": {}, "user": "root"}
    with serving(tmp_path, bot.handle, user_of=lambda uid: f"user-{uid}") as path:
        assert told(path, json.dumps(claims).encode() + b"\n").code == "bad-question"
        SocketExchange(path, clock=CLOCK).ask("whoami")
    assert [ask.user for ask in bot.asked] == [f"user-{os.getuid()}"]


_PEER = """
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(bytes.fromhex(sys.argv[2]))
    sys.exit(0 if connection.recv(10) else 2)
"""


def test_another_process_is_known_by_its_own_user(tmp_path: Path) -> None:
    bot = ScriptedBot({"whoami": Answer(says("you"))})
    peer = pwd.getpwnam("daemon") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with serving(tmp_path, bot.handle) as path:
        path.chmod(0o666)
        tmp_path.chmod(0o755)
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-I", "-c", _PEER, path.name, wire.dump_ask("whoami", Kind.LINE, {}).hex()],
            cwd=tmp_path,
            user=peer.pw_uid if os.getuid() == 0 else None,
            check=False,
            timeout=30,
        )
    assert done.returncode == 0
    assert [ask.user for ask in bot.asked] == [peer.pw_name]


def test_somebody_without_a_name_is_nobody(tmp_path: Path) -> None:
    bot = ScriptedBot()
    with (
        serving(tmp_path, bot.handle, user_of=lambda uid: None) as path,
        pytest.raises(NotTaken, match="no user with the number"),
    ):
        SocketExchange(path, clock=CLOCK).ask("status")
    assert bot.asked == []


def test_users_that_the_kernel_cannot_map_are_nobody() -> None:
    assert name_of(65534) is None
    assert name_of(4_000_000_000) is None
    assert my_name() == pwd.getpwuid(os.getuid()).pw_name


# --- following --------------------------------------------------------------------------------


def test_who_was_named_an_operation_may_follow_it(tmp_path: Path) -> None:
    bot = ScriptedBot({"scale web 5": started()}, [running(1, 2), stands(Phase.DONE)])
    with serving(tmp_path, bot.handle, card=bot.card) as path:
        exchange = SocketExchange(path, clock=CLOCK)
        exchange.ask("scale web 5")
        assert exchange.look(OP) == running(1, 2)
        assert exchange.look(OP) == stands(Phase.DONE)
    assert bot.lines() == ["scale web 5"]


def test_others_may_follow_it_where_the_road_shows_them_its_plan(tmp_path: Path) -> None:
    bot = ScriptedBot({"plan op-7": Answer(says("the plan"))}, [running(1, 2)])
    with serving(tmp_path, bot.handle, card=bot.card) as path:
        exchange = SocketExchange(path, clock=CLOCK)
        assert exchange.look(OP) == running(1, 2)
        assert exchange.look(OP) == running(1, 2)
    assert bot.lines() == ["plan op-7"]


def test_others_see_nothing_where_the_road_refuses_them(tmp_path: Path) -> None:
    bot = ScriptedBot({"plan op-7": refused("You may not read this.")}, [running(1, 2)])
    with serving(tmp_path, bot.handle, card=bot.card) as path:
        assert SocketExchange(path, clock=CLOCK).look(OP) == refused("You may not read this.")


# --- hostile peers ----------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\n", b'{"v":1}\n', b'{"v":9}\n'])
def test_garbage_is_told_so_and_the_next_one_is_served(tmp_path: Path, sent: bytes) -> None:
    bot = ScriptedBot({"status": Answer(says("fine"))})
    with serving(tmp_path, bot.handle) as path:
        assert told(path, sent).code == "bad-question"
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("fine"))
    assert bot.lines() == ["status"]


def test_a_huge_line_is_cut_off(tmp_path: Path) -> None:
    bot = ScriptedBot()
    with serving(tmp_path, bot.handle) as path, connect(path) as connection:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(b"x" * 64_000_000)
        answer = wire.load_answer(connection.recv(65536))
    assert isinstance(answer, Problem)
    assert "too long" in answer.words
    assert bot.asked == []


def test_a_slow_client_is_dropped_and_shuts_nobody_out(tmp_path: Path) -> None:
    bot = ScriptedBot({"status": Answer(says("fine"))})
    with serving(tmp_path, bot.handle) as path, connect(path) as slow:
        slow.sendall(b'{"v":1,')
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("fine"))
        assert read_all(slow) == b""
    assert bot.lines() == ["status"]


def test_a_client_that_never_reads_is_dropped(tmp_path: Path) -> None:
    big = Answer(says("x" * 4_000_000))
    bot = ScriptedBot({"logs": big, "status": Answer(says("fine"))})
    with serving(tmp_path, bot.handle) as path:
        with connect(path) as deaf:
            deaf.sendall(wire.dump_ask("logs", Kind.LINE, {}))
            assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("fine"))
        assert SocketExchange(path, clock=CLOCK).ask("logs") == big


def test_a_client_that_goes_away_harms_nobody(tmp_path: Path) -> None:
    bot = ScriptedBot({"status": Answer(says("fine"))})
    with serving(tmp_path, bot.handle) as path:
        for _ in range(20):
            connect(path).close()
            with connect(path) as gone:
                gone.sendall(wire.dump_ask("status", Kind.LINE, {}))
        assert _until_answered(SocketExchange(path, clock=CLOCK)) == Answer(says("fine"))


def _until_answered(exchange: SocketExchange) -> Answer:
    for _ in range(100):
        try:
            return exchange.ask("status")
        except Unreachable:
            CLOCK.sleep(0.05)
    raise AssertionError("never answered")


def test_one_user_has_a_bounded_number_of_connections(tmp_path: Path) -> None:
    bot = ScriptedBot()
    patient = Limits(per_user=2, read=timedelta(seconds=30), grace=timedelta(seconds=5))
    with (
        serving(tmp_path, bot.handle, limits=patient) as path,
        connect(path),
        connect(path),
        pytest.raises(Unreachable, match="Too many"),
    ):
        SocketExchange(path, clock=StillClock()).ask("status")
    assert bot.asked == []


# --- the socket itself ------------------------------------------------------------------------


def test_the_socket_is_for_its_user_and_group_alone_and_goes_with_the_bot(tmp_path: Path) -> None:
    with serving(tmp_path, ScriptedBot().handle) as path:
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert is_served(path)
        assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert list(tmp_path.iterdir()) == []
    assert not is_served(path)


def test_a_second_bot_does_not_take_a_live_socket(tmp_path: Path) -> None:
    bot = ScriptedBot({"status": Answer(says("first"))})
    with serving(tmp_path, bot.handle) as path:
        second = TerminalServer(path, bot.handle, bot.card, clock=CLOCK)
        with pytest.raises(OSError, match="another bot") as refusal:
            second.start()
        assert refusal.value.errno == errno.EADDRINUSE
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("first"))


def test_a_socket_that_a_killed_bot_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "terminal.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with serving(tmp_path, ScriptedBot({"status": Answer(says("new"))}).handle):
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("new"))


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "terminal.sock").write_text("precious")
    server = TerminalServer(tmp_path / "terminal.sock", ScriptedBot().handle, lambda id: None, clock=CLOCK)
    with pytest.raises(FileExistsError):
        server.start()
    assert (tmp_path / "terminal.sock").read_text() == "precious"


def test_a_folder_deeper_than_an_address_is_long_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 120)
    folder.mkdir()
    with serving(folder, ScriptedBot({"status": Answer(says("deep"))}).handle) as path:
        assert SocketExchange(path, clock=CLOCK).ask("status") == Answer(says("deep"))


def test_closing_waits_for_the_answer_under_way(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def handle(ask: Ask) -> Answer:
        entered.set()
        assert go_on.wait(10)
        return Answer(says("late"))

    found: list[Answer] = []
    path = tmp_path / "terminal.sock"
    server = TerminalServer(path, handle, lambda id: None, clock=CLOCK)
    server.start()
    asking = threading.Thread(target=lambda: found.append(SocketExchange(path, clock=CLOCK).ask("status")))
    asking.start()
    assert entered.wait(10)
    closing = threading.Thread(target=server.close)
    closing.start()
    go_on.set()
    closing.join(10)
    asking.join(10)
    assert found == [Answer(says("late"))]
    server.close()


def test_no_bot_is_told_with_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as nobody:
        SocketExchange(tmp_path / "none.sock", clock=CLOCK).ask("status")
    assert nobody.value.why is not None
    assert "none.sock" in nobody.value.why.plain()


def test_a_bot_that_never_answers_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "terminal.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(Unreachable) as lost:
            SocketExchange(path, clock=CLOCK, patience=timedelta(milliseconds=100)).ask("deploy web to prod")
    assert lost.value.next is not None
    assert "may have been taken" in lost.value.next.plain()
