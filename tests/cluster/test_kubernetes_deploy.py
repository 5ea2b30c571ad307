"""What deploy/ ships, as a real API server takes it. Helm and image builds are not run here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from bot.domain.refs import OperationId
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting
from tests.cluster.kubernetes_stage import KubectlStage
from tests.rig.kubectl import KubectlError
from tests.rig.rig import Namespace, Rig

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.mark.parametrize("folder", ["kustomize/example", "kustomize/example/namespaces/team-web"])
def test_the_example_is_accepted(rig: Rig, folder: str) -> None:
    rendered = rig.kubectl("kustomize", DEPLOY / folder)
    with rig.namespace() as made:
        for name in ("pilothouse", "web-staging"):
            rendered = rendered.replace(f"namespace: {name}\n", f"namespace: {made.name}\n")
        rig.kubectl("apply", "--dry-run=server", "-f", "-", stdin=rendered)


def test_pods_are_locked_down(rig: Rig) -> None:
    rendered = yaml.safe_load_all(rig.kubectl("kustomize", DEPLOY / "kustomize/example"))
    [pod] = [each["spec"]["template"]["spec"] for each in rendered if each["kind"] == "Deployment"]
    with rig.namespace() as made:
        rig.kubectl("label", "namespace", made.name, "pod-security.kubernetes.io/enforce=restricted")
        pod["serviceAccountName"] = "default"
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": made.name}, "spec": pod}
        rig.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_before_1_36_the_bot_acts_only_for_the_listed_people(namespace: Namespace) -> None:
    rig = namespace.rig
    stage = KubectlStage.of(namespace)
    web = stage.deploy("web")
    wide = f"pilothouse-who-{namespace.name}"
    role = (DEPLOY / "rbac/before-1.36/pilothouse-who.yaml").read_text()
    role = role.replace("name: pilothouse-who", f"name: {wide}").replace("USER,", "ann,").replace("GROUP,", "devs,")
    rig.kubectl.apply_text(role)
    rig.kubectl("delete", "rolebinding", "pilothouse-what", "-n", namespace.name)
    scope = ("-n", namespace.name)
    ann = rig.bot.as_person("ann", ["devs"])
    rig.bot("create", "configmap", "by-ann", *scope, *ann)
    assert stage.cluster.reads().workloads.config(namespace.name, ("by-ann",)) == {"by-ann": {}}
    for user, groups in (("eve", ["devs"]), ("ann", ["admins"]), ("ann", ["system:masters"]), ("admin", [])):
        with pytest.raises(KubectlError, match=r"(?i)forbidden"):
            rig.bot("create", "configmap", "x", *scope, *rig.bot.as_person(user, groups))
    mark = Mark(OperationId("op-7"), "1", 5)
    stage.cluster.writes(Acting("ann", ("devs",), "op-7")).workloads.scale(web.ref, before=2, after=3, mark=mark)
    assert stage.cluster.reads().workloads.rollout(web.ref).workload.mark == mark
