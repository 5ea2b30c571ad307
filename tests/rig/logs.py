"""Shipping the node's container logs to Elasticsearch, with rsyslog."""

from tests.rig import network
from tests.rig.servers import Servers


def start(servers: Servers) -> None:
    """Starts rsyslog. Needs Elasticsearch with its template, else the first lines make an index of guessed types."""
    (servers.folder / "rsyslog").mkdir()
    (servers.folder / "var/log/pods").mkdir(parents=True, exist_ok=True)
    servers.start(
        "rsyslog",
        *("rsyslogd", "-n", "-i", servers.folder / "rsyslog/pid", "-f", servers.configure("rsyslog.conf")),
        inside=network.ENTER_NETWORK,
    )
