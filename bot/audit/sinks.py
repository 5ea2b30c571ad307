"""Places outside the database where checkpoints are kept, so that a record written anew can be told from the true one.

A sink adds and reads back; it never changes what it has. The audit channel is one too: its messages carry checkpoints
(bot/audit/feed.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bot.audit.checkpoint import dump, load
from bot.domain.errors import Unavailable
from bot.domain.reply import text
from bot.ports.store import Checkpoint

KEPT = 100
"""In a place of limited size (a ConfigMap holds 1 MiB): the newest."""


class Sink(Protocol):
    @property
    def name(self) -> str: ...

    def put(self, checkpoint: Checkpoint) -> None:
        """Durable when it returns. Raises IntegrationError."""
        ...

    def read(self) -> tuple[Checkpoint, ...]:
        """What is kept there. What is no checkpoint is left out. Raises IntegrationError."""
        ...


class FileSink:
    """A file on another volume, one line a checkpoint, only ever appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return f"file:{self._path}"

    def put(self, checkpoint: Checkpoint) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # A line of its own even behind one that a power cut left unfinished.
                line = f"\n{dump(checkpoint)}\n".encode()
                if os.write(file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise _unavailable(self.name, error) from error

    def read(self) -> tuple[Checkpoint, ...]:
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unavailable(self.name, error) from error
        return parse(lines)


class TextSink:
    """Any place that keeps one text under a name: a ConfigMap, an annotation, an object in a bucket."""

    def __init__(self, name: str, *, read: Callable[[], str], change: Callable[[Callable[[str], str]], None]) -> None:
        """`read` gives an empty text where there is nothing yet; `change` puts what the function makes of the text in its
        place, unless somebody else did meanwhile. Both raise IntegrationError."""
        self._name = name
        self._read = read
        self._change = change

    @property
    def name(self) -> str:
        return self._name

    def put(self, checkpoint: Checkpoint) -> None:
        def added(words: str) -> str:
            kept = words.splitlines()[-(KEPT - 1) :]
            return "\n".join((*kept, dump(checkpoint))) + "\n"

        self._change(added)

    def read(self) -> tuple[Checkpoint, ...]:
        return parse(self._read().splitlines())


def parse(lines: list[str]) -> tuple[Checkpoint, ...]:
    found = []
    for line in lines:
        try:
            found.append(load(line))
        except ValueError:
            continue
    return tuple(found)


def _unavailable(name: str, error: OSError) -> Unavailable:
    return Unavailable(
        "audit", text("{name} cannot be used.", name=name), why=text("{why}", why=error.strerror or "unknown")
    )
