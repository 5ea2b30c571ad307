"""Who sits at the other end of a local socket: asked of the kernel, never of the client.

Linux only (SO_PEERCRED). Knows no policy: whether the user of the operating system is anybody here is for the road.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct

_CREDENTIALS = struct.Struct("=iII")
"""struct ucred: pid, uid, gid (unix(7))."""
_UNMAPPED = 65534
"""What the kernel says of a user that has no number here, such as one of another user namespace (user_namespaces(7)):
it stands for many people, so it is nobody."""


def peer_uid(connection: socket.socket) -> int:
    """Of the process that connected, as it was when it did."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


def name_of(uid: int) -> str | None:
    """The user's name, None where the operating system has none for the number."""
    if uid == _UNMAPPED:
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def my_name() -> str | None:
    """Of whoever runs this process; the environment has no say."""
    return name_of(os.getuid())
