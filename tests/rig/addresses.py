"""Where the parts of a running rig are: the content of DIR/rig.json, for tests and for people."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "rig.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses and files of a running rig. Paths are absolute."""

    folder: str
    api_server: str
    admin_kubeconfig: str
    bot_kubeconfig: str
    audit_log: str
    registry: str
    """HOST:PORT for pushing and for the registry's API."""
    registry_in_pods: str
    """The name of the same registry in image references."""
    elasticsearch: str
    log_index: str
    prometheus: str
    alertmanager: str
    alertmanager_configuration: str
    node_ports: str
    """The host at which NodePorts are reached."""
    webhook_host: str
    """Address of this machine that both the node and Alertmanager reach; Alertmanager reaches loopback too."""
    processes: dict[str, int]

    def write(self) -> None:
        Path(self.folder, FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


def read(folder: Path) -> Addresses:
    """Raises FileNotFoundError where no rig was started."""
    return Addresses(**json.loads((folder / FILE).read_text()))
