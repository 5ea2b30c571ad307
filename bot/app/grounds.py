"""What the playground's bot works on when it is not the simulated world: a real cluster by its kubeconfig, or the rig.

Both end in settings, as an operator would have written them, from which the real adapters are made.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bot.domain.clock import Clock
from bot.domain.errors import SettingsBroken
from bot.domain.reply import text
from bot.settings import ClusterPlace, EnvPlace, Settings, read
from integrations.kubernetes.connection import Kubeconfig
from integrations.kubernetes.discovery import ENV_LABEL, TENANT_LABEL, LabelledNamespace, context_of, discover

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
RIG = "rig"
CLUSTER = "cluster"
"""What a cluster is called that only a kubeconfig names."""
CHECKOUT = Path(__file__).resolve().parents[2]
PROVIDER = "tests.kit.ground"
READY = "ready "
PATIENCE = 30.0
"""Seconds that the rig has to be taken down."""


def of_cluster(kubeconfig: Path, context: str, clock: Clock) -> Settings:
    """The settings file's clusters and envs or, where it names none, those found by label. Raises PilothouseError."""
    settings = read()
    if settings.envs:
        return settings
    named = context_of(str(kubeconfig), context)
    found = discover(CLUSTER, Kubeconfig(str(kubeconfig), named), clock)
    envs = _envs(found.namespaces)
    if not envs:
        raise SettingsBroken(
            text(
                "No namespace of {context} has the labels {env} and {tenant}.",
                context=named,
                env=ENV_LABEL,
                tenant=TENANT_LABEL,
            ),
            why=text(
                "Label some: kubectl label namespace web-staging {env}=staging {tenant}=team-web; or name them under "
                "`envs:` in a file, and that file in PILOTHOUSE_SETTINGS.",
                env=ENV_LABEL,
                tenant=TENANT_LABEL,
            ),
        )
    place = ClusterPlace(kubeconfig=kubeconfig, context=named, uid=found.uid)
    return settings.model_copy(update={"clusters": {CLUSTER: place}, "envs": envs})


def _envs(found: tuple[LabelledNamespace, ...]) -> Mapping[str, tuple[EnvPlace, ...]]:
    """A tenant that has several namespaces in one env has several places there."""
    places: dict[str, list[dict[str, str]]] = {}
    for each in sorted(found, key=lambda each: (each.env, each.name)):
        if not (_NAME.fullmatch(each.env) and _NAME.fullmatch(each.tenant)):
            raise SettingsBroken(
                text(
                    "Namespace {name} is labelled {env} and {tenant}.", name=each.name, env=each.env, tenant=each.tenant
                ),
                why=text("Names of envs and tenants have small letters, digits and dashes."),
            )
        rows = places.setdefault(each.env, [])
        row = next((row for row in rows if each.tenant not in row), None)
        if row is None:
            row = {}
            rows.append(row)
        row[each.tenant] = each.name
    return {env: tuple(EnvPlace(cluster=CLUSTER, namespaces=row) for row in rows) for env, rows in places.items()}


class RigGround:
    """The rig with sample apps, kept by a process of its own, which takes it down when we end, however we end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Settings:
        """Raises SettingsBroken where there is no rig to be had, with the provider's own words."""
        if not (CHECKOUT / "tests" / "kit" / "ground.py").exists():
            raise SettingsBroken(
                text("The rig is not part of an installation."),
                why=text("Run `make run CLUSTER=rig` in a checkout of the source."),
            )
        # A session of its own: Ctrl-C is for us, and we tell it to end by closing its input.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", PROVIDER, str(self._folder)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        last = ""
        for line in self._process.stdout:
            if line.startswith(READY):
                return read(Path(line.removeprefix(READY).strip()))
            last = line.strip() or last
        self.stop()
        raise SettingsBroken(text("The rig did not start."), why=text("{why}", why=last))

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        process.stdout.close()
