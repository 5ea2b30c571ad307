"""python -m tests.kit.ground DIR: the rig with two sample apps in staging and prod, for `pilothouse playground --cluster rig`.

Says `ready FILE` on its output: FILE holds the settings of a bot that works on it. Requests go to the apps until its input
ends; then everything is taken away again. A rig that was already up is used, and left up.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bot.app.grounds import READY
from tests.rig import lifecycle, network
from tests.rig.access import NAMESPACE_LABEL, People
from tests.rig.cache import NotBuiltError
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Namespace, Rig, attach
from tests.rig.sample import SampleApp
from tests.rig.servers import ServerEndedError
from tests.rig.waiting import WaitedInVainError

CLUSTER = "rig"
PEOPLE = People(users=("ana@example.com", "bo@example.com", "lee@example.com"), groups=("team-web", "team-pay", "sre"))
"""As the playground's policy names them to the clusters."""
APPS = {"web": "team-web", "payments": "team-pay"}
NAMESPACES = {
    "staging": {"team-web": "web-staging", "team-pay": "pay-staging"},
    "prod": {"team-web": "web-prod", "team-pay": "pay-prod"},
}
PODS = {"staging": 2, "prod": 4}
RATE = {"staging": 1.0, "prod": 5.0}
FIRST = {"web": "1.8.1", "payments": "5.0.2"}
VERSIONS: dict[str, dict[str, dict[str, str]]] = {
    "web": {
        "1.8.1": {},
        "1.8.2": {},
        "1.9.0": {"ERROR_RATE": "0.3"},
        "1.9.1": {"CRASH": "1"},
        "1.9.2": {"FAIL_READY": "1"},
        "1.9.3": {"LEAK_MB": "24"},
        "1.9.4": {"LATENCY_MS": "400"},
        "1.9.5": {"CRASH_AFTER_SECONDS": "5"},
        "1.10.0": {},
    },
    "payments": {"5.0.2": {}, "5.0.3": {}, "5.1.0": {"CRASH_AFTER_SECONDS": "5"}, "5.1.1": {}},
}
"""As in the simulated world: what fails there, fails here in the same way."""


def main(folder: Path) -> int:
    try:
        with rig_at(folder) as rig, ExitStack() as stack:
            urls = settle(rig, stack)
            file = folder.parent / "rig-settings.yaml"
            file.write_text(json.dumps(settings(rig)))
            for (_, env), url in urls.items():
                stack.enter_context(Load(url, rate=RATE[env], threads=2))
            print(f"{READY}{file}", flush=True)
            sys.stdin.read()
    except (
        NotBuiltError,
        lifecycle.RigRunningError,
        network.CannotRunHereError,
        ServerEndedError,
        WaitedInVainError,
        FileExistsError,
        PermissionError,
    ) as error:
        print(" ".join(str(error).split()), flush=True)
        return 1
    return 0


@contextmanager
def rig_at(folder: Path) -> Iterator[Rig]:
    found = lifecycle.running()
    if found is not None and found.owner is not None:
        raise lifecycle.RigRunningError("a test run uses the rig; try again when it has ended")
    if found is not None:
        yield attach(found.folder)
        return
    lifecycle.up(folder, note=lambda words: print(words, file=sys.stderr, flush=True), owner=os.getpid())
    try:
        yield attach(folder)
    finally:
        lifecycle.down(folder)


def settle(rig: Rig, stack: ExitStack) -> dict[tuple[str, str], str]:
    """Namespaces, images and apps; the URL of each app in each env."""
    for name, versions in VERSIONS.items():
        for tag, behaviour in versions.items():
            rig.push_image(name, tag, **behaviour)
    places = [(env, tenant, name) for env, tenants in NAMESPACES.items() for tenant, name in tenants.items()]
    names = [name for _, _, name in places]
    rig.kubectl("delete", "namespace", *names, "--ignore-not-found", "--timeout=90s")
    stack.callback(clear, rig, names)
    urls = {}
    for env, tenant, name in places:
        rig.kubectl("create", "namespace", name)
        rig.kubectl("label", "namespace", name, f"pilothouse.io/env={env}", f"pilothouse.io/tenant={tenant}")
        rig.wait_for(f"{name}'s service account", "serviceaccount", "default", namespace=name)
        made = Namespace(rig, name)
        made.allow_bot(PEOPLE)
        for app in (app for app, owner in APPS.items() if owner == tenant):
            sample = SampleApp(app, image(app, FIRST[app]), replicas=PODS[env])
            urls[app, env] = made.deploy(sample, is_waited_for=False)
    for app, env in urls:
        Namespace(rig, NAMESPACES[env][APPS[app]]).rollout_done(app)
    return urls


def clear(rig: Rig, names: list[str]) -> None:
    for name in names:
        rig.alertmanager.stop_sending(namespace=name)
        rig.kubectl("delete", "clusterroles,clusterrolebindings", "-l", f"{NAMESPACE_LABEL}={name}")
    rig.kubectl("delete", "namespace", *names, "--wait=false")


def settings(rig: Rig) -> dict[str, object]:
    """Of a bot on this rig, and Alertmanager told where it is: JSON is YAML too, with every value a text."""
    port, secret = _free_port(), secrets.token_hex(16)
    for tenants in NAMESPACES.values():
        for name in tenants.values():
            rig.alertmanager.send_to(f"http://127.0.0.1:{port}/hooks/alertmanager", namespace=name, token=secret)
    uid = rig.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    return {
        "clusters": {CLUSTER: {"kubeconfig": rig.addresses.bot_kubeconfig, "context": "rig", "uid": uid}},
        "envs": {env: [{"cluster": CLUSTER, "namespaces": tenants}] for env, tenants in NAMESPACES.items()},
        "registries": [{"prefix": rig.addresses.registry_in_pods, "url": rig.registry.url, "insecure": "yes"}],
        "elasticsearch": {"url": rig.elasticsearch.url},
        "prometheus": {"url": rig.prometheus.url, "window": "30s"},
        "alertmanager": {"url": rig.alertmanager.url, "webhook-secret": secret},
        "web": {"port": str(port)},
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
