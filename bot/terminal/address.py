"""The address of a local socket: its path, or a shorter way to the same place where the path is too long for one.

Does nothing but name it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 100
"""Bytes; the kernel takes 107 (unix(7))."""


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Holds until the end of the block. Raises OSError where the folder cannot be reached."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
