"""Starting the whole rig and taking it away: one at a time on a machine, and never two by accident."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig import (
    addresses,
    alertmanager,
    build,
    credentials,
    elasticsearch,
    kubernetes,
    logs,
    network,
    prometheus,
    registry,
)
from tests.rig.servers import Servers

_STATE = Path("/run/pilothouse-rig")
_RECORD = _STATE / "running.json"
_MARK = "made-by-the-rig"
# The node has these for itself, so that what stands there on the host is hidden from its processes.
_HIDDEN = (Path("/run"), Path("/var"))


class RigRunningError(Exception):
    """Another rig is running, and somebody may be using it."""


def up(folder: Path, *, note: Callable[[str], None], owner: int | None = None) -> addresses.Addresses:
    """Starts everything, its files under `folder`, which may be there only from a former rig.

    `owner` is the process for which the rig runs: once it is gone, the rig counts as left over and the next `up` clears
    it away. Without an owner it stays until `down`. Raises NotBuiltError, RigRunningError, CannotRunHereError, and what
    a server's failure to start raises; then nothing is left running.
    """
    folder = folder.resolve()
    if any(folder.is_relative_to(hidden) for hidden in _HIDDEN):
        raise network.CannotRunHereError(f"{folder}: choose a folder outside /run and /var, which the node hides")
    build.require()
    with _lock():
        if (running := _running()) is not None:
            raise RigRunningError(
                f"a rig is running in {running.folder}: `python -m tests.rig down {running.folder}` first"
            )
        network.remove()
        _empty(folder)
        _RECORD.write_text(json.dumps({"folder": str(folder), "owner": owner, "owner_start": _start_time(owner)}))
        try:
            return _start(folder, note)
        except BaseException:
            network.remove()
            _RECORD.unlink()
            raise


def down(folder: Path) -> None:
    """Stops the rig of `folder`, or what is left of it; its logs stay. Does nothing where none runs."""
    folder = folder.resolve()
    with _lock():
        record = json.loads(_RECORD.read_text()) if _RECORD.exists() else None
        if record and Path(record["folder"]) != folder and _running() is not None:
            raise RigRunningError(f"the rig that runs is in {record['folder']}, not in {folder}")
        network.remove()
        _RECORD.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Running:
    """A rig that runs and is whole. One with an owner goes when that goes."""

    folder: Path
    owner: int | None


def running() -> Running | None:
    """The rig that runs on this machine, for whoever wants to use it too."""
    with _lock():
        return _running()


def _start(folder: Path, note: Callable[[str], None]) -> addresses.Addresses:
    begin = time.monotonic()
    servers = Servers(folder, lambda text: note(f"{time.monotonic() - begin:5.1f} s  {text}"))
    credentials.write(folder, kubernetes.SERVER)
    network.create()
    kubernetes.start_namespaces(servers)
    elasticsearch.start(servers)
    kubernetes.start_control_plane(servers)
    registry.start(servers)
    kubernetes.start_node(servers)
    prometheus.start(servers)
    alertmanager.start(servers)
    elasticsearch.finish(servers)
    logs.start(servers)
    found = addresses.Addresses(
        folder=str(folder),
        api_server=kubernetes.SERVER,
        admin_kubeconfig=str(credentials.kubeconfig(folder, credentials.ADMIN)),
        bot_kubeconfig=str(credentials.kubeconfig(folder, credentials.BOT)),
        audit_log=str(folder / "audit.log"),
        registry=registry.ADDRESS,
        registry_in_pods=registry.NAME_IN_PODS,
        elasticsearch=elasticsearch.URL,
        log_index=elasticsearch.INDEX,
        prometheus=prometheus.URL,
        alertmanager=alertmanager.URL,
        alertmanager_configuration=str(folder / "alertmanager.json"),
        node_ports=network.NODE_IP,
        webhook_host=network.HOST_IP,
        processes=servers.pids(),
    )
    found.write()
    return found


def _running() -> Running | None:
    if not _RECORD.exists():
        return None
    record = json.loads(_RECORD.read_text())
    folder = Path(record["folder"])
    if record["owner"] is not None and _start_time(record["owner"]) != record["owner_start"]:
        return None
    try:
        started = set(addresses.read(folder).processes.values())
    except FileNotFoundError:
        return None
    return Running(folder, record["owner"]) if started <= network.processes() else None


def _empty(folder: Path) -> None:
    """Removes a former rig's files; refuses to touch a folder that holds anything else."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise FileExistsError(f"{folder} is not empty, and not a former rig's")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _start_time(pid: int | None) -> str:
    """When a process started, as the kernel counts it: with its id, the name of one process for ever. "" if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


@contextmanager
def _lock() -> Iterator[None]:
    _STATE.mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(_STATE / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
