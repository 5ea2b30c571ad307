"""Starting the rig's servers: each in the rig's control group, writing to a log file of its own."""

import os
import string
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.rig import network, waiting

T = TypeVar("T")
CONFIG = Path(__file__).resolve().parent / "config"


class ServerEndedError(Exception):
    """A server of the rig ended by itself."""


@dataclass(slots=True)
class Servers:
    """The servers of one rig, whose files are all under `folder`."""

    folder: Path
    note: Callable[[str], None]
    inside: tuple[str, ...] = ()
    """What puts a command into the namespaces of the node."""
    _started: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(
        self,
        name: str,
        *command: str | Path,
        inside: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        path: Sequence[Path] = (),
    ) -> int:
        """Starts a server and returns its process id. `path` comes before the machine's own in PATH."""
        search = ":".join([*map(str, path), os.environ["PATH"], "/usr/sbin:/sbin"])
        prefix = self.inside if inside is None else inside
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*network.ENTER_GROUP, *prefix, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env={**os.environ, **(environment or {}), "PATH": search},
            )
        self._started[name] = process
        return process.pid

    def until(self, what: str, ready: Callable[[], T | None], *, seconds: float = 120) -> T:
        """Waits for something that the servers do. Raises ServerEndedError as soon as one of them is gone."""

        def check() -> T | None:
            for name, process in self._started.items():
                if process.poll() is not None:
                    raise ServerEndedError(f"{name} ended with {process.returncode} before {what}: {self.tail(name)}")
            return ready()

        value = waiting.until(what, check, seconds=seconds, detail=lambda: f"logs are under {self.folder}")
        self.note(what)
        return value

    def tail(self, name: str) -> str:
        """The end of a server's log, for error messages."""
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else "no log"

    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._started.items()}

    def configure(self, name: str, **values: str | int) -> Path:
        """Fills in a file of config/ and returns where the result stands."""
        template = string.Template((CONFIG / name).read_text())
        filled = self.folder / name
        filled.write_text(
            template.substitute(
                DIR=self.folder, NAME=network.NAME, NODE_IP=network.NODE_IP, HOST_IP=network.HOST_IP, **values
            )
        )
        return filled
