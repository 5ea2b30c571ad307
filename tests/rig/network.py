"""Addresses of the rig, and the network namespace and control groups that hold all of it.

Everything that the rig starts is in one control group, so that stopping needs no list of processes: what is in the
group is ours, also after a crash or when somebody deleted the rig's folder.
"""

import os
import signal
import subprocess
from pathlib import Path

from tests.rig.waiting import until

NAME = "rig"
HOST_IP = "10.199.0.1"
NODE_IP = "10.199.0.2"
SERVICE_RANGE = "10.197.0.0/24"
KUBERNETES_SERVICE_IP = "10.197.0.1"

_GROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio", "systemd")
_SERVERS = _GROUPS / "pids" / NAME / "servers"
# Puts a command into the group before it runs, so that no child of it can slip out.
ENTER_GROUP = ("sh", "-c", f'echo $$ >{_SERVERS}/cgroup.procs && exec "$@"', "sh")
ENTER_NETWORK = ("nsenter", f"--net=/run/netns/{NAME}")


class CannotRunHereError(Exception):
    """This machine lacks what the rig needs."""


def create() -> None:
    """Makes the groups, the namespace and the cable to it. Nothing of them may be there yet."""
    if os.geteuid() != 0:
        raise CannotRunHereError("the rig needs root: it makes network namespaces, mounts and control groups")
    if not (_GROUPS / "pids").is_dir():
        raise CannotRunHereError("the rig needs version 1 control groups under /sys/fs/cgroup")
    for controller in _CONTROLLERS:
        group = _GROUPS / controller / NAME
        group.mkdir()
        if controller == "cpuset":
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((group.parent / file).read_text())
    _SERVERS.mkdir()
    for command in (
        f"ip netns add {NAME}",
        f"ip link add {NAME}-host type veth peer name eth0 netns {NAME}",
        f"ip addr add {HOST_IP}/30 dev {NAME}-host",
        f"ip link set {NAME}-host up",
    ):
        subprocess.run(command.split(), check=True)


def processes() -> set[int]:
    """The ids of all processes of the rig, containers too."""
    found: set[int] = set()
    for file in (_GROUPS / "pids" / NAME).rglob("cgroup.procs"):
        try:
            found.update(int(line) for line in file.read_text().split())
        except OSError:  # the group went away, and its processes with it
            continue
    return found


def resident_memory() -> int:
    """Bytes of memory that the rig's processes hold; pages that they share count once for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in processes():
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        except OSError:
            continue
    return total


def remove() -> None:
    """Ends every process of the rig and takes its namespace and groups away; does nothing where there are none."""
    until("the rig's processes to end", _killed, seconds=30)
    if Path(f"/run/netns/{NAME}").exists():
        subprocess.run(["ip", "netns", "del", NAME], check=True)  # takes the cable along
    if Path("/run/netns").is_dir() and not os.listdir("/run/netns"):
        # `ip netns` had bound it to itself; not so where another tool made it.
        subprocess.run(["umount", "/run/netns"], check=False, capture_output=True)
    until("the rig's control groups to go", _groups_removed, seconds=10)


def _killed() -> bool:
    left = processes()
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return not left


def _groups_removed() -> bool:
    groups = [
        group
        for controller in _GROUPS.iterdir()
        for group in (controller / NAME, *(controller / NAME).rglob("*"))
        if group.is_dir()
    ]
    for group in sorted(groups, key=lambda path: -len(path.parts)):
        try:
            group.rmdir()
        except OSError:  # the kernel has not let go of it yet
            return False
    return True
