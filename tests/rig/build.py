"""What the rig is built of, and the building: the only step that downloads anything."""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.rig.cache import NotBuiltError, Part, root

_VERSION = "k8s.io/component-base/version"
_GO = (("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly -trimpath -buildvcs=false"))


def _go(
    name: str,
    packages: tuple[str, ...],
    binaries: tuple[str, ...],
    *,
    flags: tuple[str, ...] = (),
    ldflags: str = "",
) -> Part:
    return Part(
        name=name,
        commands=(("go", "build", *flags, f"-ldflags=-s -w {ldflags}".rstrip(), "-o", "bin/", *packages),),
        outputs=tuple(f"bin/{binary}" for binary in binaries),
        environment=_GO,
    )


def _with_definitions(part: Part, module: str, files: str) -> Part:
    """Adds custom resource definitions to a part, as crds/: copies out of the source of a Go module."""
    copy = f'mkdir crds && cp "$(go list -m -f "{{{{.Dir}}}}" {module})"/{files} crds/ && chmod u+w crds/*'
    return replace(
        part,
        commands=(*part.commands, ("go", "mod", "download", module), ("sh", "-c", copy)),
        outputs=(*part.outputs, "crds"),
    )


SAMPLE = _go("sample", ("./app", "./pause"), ("app", "pause"))
KUBERNETES = _go(
    "kubernetes",
    (".", "tool"),
    ("kubernetes", "containerd", "containerd-shim-runc-v2", "metrics-server"),
    ldflags=f"-X {_VERSION}.gitVersion=v1.36.3 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36",
)
ELASTICSEARCH = Part(
    name="elasticsearch",
    commands=(("mvn", "--quiet", "--batch-mode", "process-classes"),),
    outputs=("target/classes", "target/lib"),
)
PROMETHEUS = _go(
    "prometheus",
    ("github.com/prometheus/prometheus/cmd/prometheus",),
    ("prometheus",),
    flags=("-tags", "remove_all_sd,enable_kubernetes_sd"),
)
TRAEFIK = _with_definitions(
    _go("traefik", ("github.com/traefik/traefik/v3/cmd/traefik",), ("traefik",)),
    "github.com/traefik/traefik/v3",
    "docs/content/reference/dynamic-configuration/traefik.io_*.yaml",
)
GATEWAY_API = _with_definitions(
    Part("gateway-api", commands=(), outputs=(), environment=_GO),
    "sigs.k8s.io/gateway-api",
    "config/crd/standard/*.yaml",
)
ARGO_ROLLOUTS = _with_definitions(
    _go(
        "argo-rollouts",
        ("github.com/argoproj/argo-rollouts/cmd/rollouts-controller",),
        ("rollouts-controller",),
    ),
    "github.com/argoproj/argo-rollouts",
    "manifests/crds/*-crd.yaml",
)

PARTS = (SAMPLE, KUBERNETES, ELASTICSEARCH, PROMETHEUS, GATEWAY_API, TRAEFIK, ARGO_ROLLOUTS)

PROGRAMS = {
    "runc": "runc",
    "iptables": "iptables",
    "docker-registry": "docker-registry",
    "rsyslogd": "rsyslog rsyslog-elasticsearch",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "java": "openjdk-17-jre-headless",
    "nsenter": "util-linux",
    "ip": "iproute2",
}
FILES = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/lib/x86_64-linux-gnu/rsyslog/omelasticsearch.so": "rsyslog-elasticsearch",
}


def missing_packages() -> list[str]:
    """Debian packages that the rig needs and this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)]
    lacking += [package for file, package in FILES.items() if not os.path.exists(file)]
    return sorted({name for package in lacking for name in package.split()})


def require(parts: Iterable[Part] = PARTS) -> None:
    """Raises NotBuiltError naming every part and package that is missing."""
    missing = [part.name for part in parts if not part.is_built()]
    missing += [f"Debian package {name}" for name in missing_packages()]
    if missing:
        raise NotBuiltError(missing)


def build(part: Part, note: Callable[[str], None]) -> None:
    """Builds a part, unless it is there. Raises CalledProcessError with the builder's own words above it."""
    if part.is_built():
        note(f"{part.name}: is there")
        return
    note(f"{part.name}: building")
    start = time.monotonic()
    workshop = root() / f"{part.name}.building"
    shutil.rmtree(workshop, ignore_errors=True)
    try:
        shutil.copytree(part.source, workshop)
        environment = {**os.environ, **dict(part.environment)}
        for command in part.commands:
            subprocess.run(command, cwd=workshop, env=environment, check=True)
        part.keep(workshop)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    note(f"{part.name}: built in {time.monotonic() - start:.0f} s")


def build_all(note: Callable[[str], None]) -> None:
    """Builds what is missing, one after the other: each of them uses every core. Waits for another build to end.

    Raises NotBuiltError where a compiler is missing.
    """
    compilers = {command[0] for part in PARTS if not part.is_built() for command in part.commands}
    missing = [f"the program {name}" for name in sorted(compilers) if not shutil.which(name)]
    if missing:
        raise NotBuiltError(missing)
    root().mkdir(parents=True, exist_ok=True)
    with (root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in PARTS:
            build(part, note)
