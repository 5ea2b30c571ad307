"""Shipping the node's container logs to Elasticsearch, with rsyslog."""

import subprocess

from tests.rig import network
from tests.rig.servers import Servers


def start(servers: Servers) -> None:
    """Starts rsyslog. Needs Elasticsearch with its template, else the first lines make an index of guessed types."""
    (servers.folder / "rsyslog").mkdir()
    (servers.folder / "var/log/pods").mkdir(parents=True, exist_ok=True)
    configuration = servers.configure("rsyslog.conf")
    subprocess.run(
        ["rsyslogd", "-N1", "-f", configuration], check=True, capture_output=True
    )  # it would start with half of it
    servers.start(
        "rsyslog",
        *("rsyslogd", "-n", "-i", servers.folder / "rsyslog/pid", "-f", configuration),
        inside=network.ENTER_NETWORK,
    )
