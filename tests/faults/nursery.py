"""Processes that are forked from one that has imported everything: a bot costs a tenth of a second instead of two.

    python -m tests.faults.nursery SOCKET

Each is a process of its own, with its own signals and exit code; `Child` is what subprocess.Popen is elsewhere.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.app import programs
from bot.domain.failpoints import arm
from tests.faults import jenkins_server, kubernetes_server

ROOT = Path(__file__).parents[2]
Order = dict[str, Any]


class Child:
    """A process of the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = ask({"do": "poll", "pid": self.pid})["code"]
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Raises subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                # Where its threads stand is then in its log.
                self._send(signal.SIGUSR1)
                time.sleep(1)
                raise subprocess.TimeoutExpired(f"child {self.pid}", timeout)
            time.sleep(0.05)
        return code

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        # Until it has been reaped, which `poll` does, the number is nobody else's.
        if self.poll() is None:
            os.kill(self.pid, number)


def bot(settings: Path, points: str, latch: str, log: Path) -> Child:
    """`pilothouse serve` with failpoints armed."""
    order = {"do": "bot", "settings": str(settings), "points": points, "latch": latch, "log": str(log)}
    return Child(ask(order)["pid"])


def kubernetes(port_file: Path, log: Path) -> Child:
    return Child(ask({"do": "kubernetes", "port_file": str(port_file), "log": str(log)})["pid"])


def jenkins(port_file: Path, log: Path) -> Child:
    return Child(ask({"do": "jenkins", "port_file": str(port_file), "log": str(log)})["pid"])


# --- on this side -----------------------------------------------------------------------------------

_guard = threading.Lock()
_address = ""


def ask(order: Order) -> Order:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(_nursery())
        line.sendall(json.dumps(order).encode() + b"\n")
        answer: Order = json.loads(line.makefile().readline())
        return answer


def _nursery() -> str:
    global _address  # noqa: PLW0603 - one for this process, as long as it lives
    with _guard:
        if not _address:
            address = f"{tempfile.mkdtemp(prefix='pilothouse-nursery-')}/socket"
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")}
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery", address],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
            )
            atexit.register(process.terminate)
            until = time.monotonic() + 120
            while not Path(address).exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise TimeoutError("the nursery did not start")
                time.sleep(0.05)
            _address = address
        return _address


# --- on the other -----------------------------------------------------------------------------------


def main(address: str) -> int:
    """Serves orders; in a child, becomes what was ordered, and gives its exit code.

    It ends with whoever began it, however that one ends: then its standard input does.
    """
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(64)
    Path(f"{address}.new").rename(address)
    codes: dict[int, int] = {}
    born: set[int] = set()
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            return _end(born - codes.keys())
        line, _ = listener.accept()
        with line:
            order: Order = json.loads(line.makefile().readline())
            if order["do"] == "poll":
                line.sendall(json.dumps({"code": _reaped(order["pid"], codes)}).encode() + b"\n")
                continue
            pid = os.fork()
            if pid:
                # The number may have been that of one that ended long ago.
                codes.pop(pid, None)
                born.add(pid)
                line.sendall(json.dumps({"pid": pid}).encode() + b"\n")
                continue
        listener.close()
        return _become(order)()


def _end(living: set[int]) -> int:
    for pid in living:
        # Not reaped yet, so the number is nobody else's.
        os.kill(pid, signal.SIGKILL)
    return 0


def _reaped(pid: int, codes: dict[int, int]) -> int | None:
    if pid not in codes:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        codes[pid] = os.waitstatus_to_exitcode(status)
    return codes[pid]


def _become(order: Order) -> Callable[[], int]:
    gc.unfreeze()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)
    faulthandler.register(signal.SIGUSR1)
    servers: dict[str, Callable[[Path], object]] = {
        "kubernetes": kubernetes_server.main,
        "jenkins": jenkins_server.main,
    }
    if serve := servers.get(order["do"]):
        return lambda: int(bool(serve(Path(order["port_file"]))))
    arm(order["points"], latch=order["latch"])
    return lambda: programs.serve(Path(order["settings"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
