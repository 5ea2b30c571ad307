"""Running kubectl as one user of the rig's cluster."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Manifest = Mapping[str, object]


class KubectlError(Exception):
    """kubectl refused; the text is its own."""


def program() -> Path:
    """The kubectl of the virtual environment, which has the cluster's version, else the machine's."""
    beside = Path(sys.executable).parent / "kubectl"
    found = beside if beside.exists() else shutil.which("kubectl")
    if not found:
        raise KubectlError("kubectl is missing: install the project's development dependencies")
    return Path(found)


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig: `kubectl("get", "pods", "-n", "shop")`."""

    kubeconfig: Path

    def __call__(self, *arguments: str | Path, stdin: str | None = None, timeout: float = 120) -> str:
        """What kubectl printed. Raises KubectlError with its complaint."""
        done = subprocess.run(
            [program(), "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "KUBECACHEDIR": str(self.kubeconfig.parent / "kubectl-cache")},
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def succeeds(self, *arguments: str | Path) -> bool:
        try:
            self(*arguments)
        except KubectlError:
            return False
        return True

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Mapping[str, object]:
        """One object, as the API gives it."""
        scope = ("-n", namespace) if namespace else ()
        found: Mapping[str, object] = json.loads(self("get", kind, name, *scope, "-o", "json"))
        return found

    def list(self, kind: str, *, namespace: str, selector: str = "") -> "list[Mapping[str, object]]":
        found: list[Mapping[str, object]] = json.loads(
            self("get", kind, "-n", namespace, "-l", selector, "-o", "json")
        )["items"]
        return found

    def value(self, kind: str, name: str, path: str, *, namespace: str) -> str:
        """One field by its JSONPath: `value("deployment", "web", ".spec.replicas", namespace="shop")`; "" if absent."""
        return self("get", kind, name, "-n", namespace, "-o", f"jsonpath={{{path}}}")

    def apply(self, *manifests: Manifest) -> None:
        self.apply_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))

    def apply_text(self, text: str) -> None:
        self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def as_person(self, user: str, groups: Iterable[str]) -> tuple[str, ...]:
        """Flags that make a call in another's name."""
        return (f"--as={user}", *(f"--as-group={group}" for group in groups))
