"""The rig itself works: what the other tests of this folder stand on."""

from functools import partial

import pytest

from tests.rig.kubectl import KubectlError
from tests.rig.kubernetes import NODE
from tests.rig.load import Load, send
from tests.rig.rig import BOT, Namespace, Rig
from tests.rig.sample import Autoscaling, SampleApp
from tests.rig.waiting import until
from tests.rig.webhooks import receiver


def test_the_node_is_ready_and_runs_containers_that_serve(rig: Rig, namespace: Namespace) -> None:
    assert rig.kubectl("get", "node", NODE, "-o", "jsonpath={.status.nodeInfo.kubeletVersion}") == "v1.36.3"
    url = namespace.deploy(SampleApp("web", rig.push_image("web", "1.0"), replicas=2))
    result = send(url, total=200)
    assert (result.by_version, result.lost) == ({"1.0": 200}, ())


def test_a_log_line_of_a_container_arrives_in_elasticsearch_with_its_origin(rig: Rig, namespace: Namespace) -> None:
    url = namespace.deploy(SampleApp("web", rig.push_image("web", "1.0"), replicas=1, env={"ERROR_RATE": "1"}))
    assert send(url, total=5).errors == 5
    lines = rig.elasticsearch.wait_for_lines(namespace=namespace.name, text="request", level="error", at_least=5)
    pods = rig.kubectl("get", "pods", "-n", namespace.name, "-o", "jsonpath={.items[*].metadata.name}").split()
    assert {(line.namespace, line.pod, line.container, line.level, line.message) for line in lines} == {
        (namespace.name, pods[0], "web", "error", "request")
    }
    assert rig.elasticsearch.wait_for_lines(namespace=namespace.name, pod=pods[0], text="start", level="info")


def test_an_apps_metrics_arrive_in_prometheus_and_its_alert_at_the_webhook(rig: Rig, namespace: Namespace) -> None:
    url = namespace.deploy(SampleApp("web", rig.push_image("web", "1.0"), env={"ERROR_RATE": "0.5"}))
    with receiver() as webhook, Load(url, rate=50, threads=2):
        rig.alertmanager.send_to(webhook.url, namespace=namespace.name)
        series = rig.prometheus.wait_for_series(
            f'http_requests_total{{namespace="{namespace.name}",code="500"}}', at_least=2
        )
        assert {(each.labels["app"], each.labels["version"]) for each in series} == {("web", "1.0")}
        [first] = until("the alert", lambda: webhook.bodies[:1], seconds=60)
    assert first["status"] == "firing"
    assert first["commonLabels"] == {
        "alertname": "HighErrorRate",
        "namespace": namespace.name,
        "app": "web",
        "severity": "critical",
    }


def test_a_rolling_update_loses_no_request_and_the_audit_log_shows_who_did_it(rig: Rig, namespace: Namespace) -> None:
    old, new = rig.push_image("web", "1.0"), rig.push_image("web", "2.0")
    assert "@sha256:" in old
    url = namespace.deploy(SampleApp("web", old))
    since = rig.audit_log.position()
    with Load(url, rate=100) as load:
        rig.kubectl("set", "image", "deployment/web", f"web={new}", "-n", namespace.name)
        namespace.rollout_done("web")
        until("the new version to answer", lambda: load.result.by_version.get("2.0", 0) > 50)
    assert load.result.lost == ()
    assert set(load.result.by_version) == {"1.0", "2.0"}
    [patch] = [
        event
        for event in rig.audit_log.writes(namespace=namespace.name, since=since, user="admin")
        if event.verb == "patch"
    ]
    assert (patch.resource, patch.name, patch.status, patch.person) == ("deployments", "web", 200, "")


def test_the_bot_has_its_shipped_rights_and_no_others(rig: Rig, namespace: Namespace) -> None:
    namespace.deploy(SampleApp("web", rig.push_image("web", "1.0"), replicas=1))
    scope = ("-n", namespace.name)
    assert "web" in rig.bot("get", "deployments", *scope)
    ann = rig.bot.as_person("ann", ["devs"])
    eve = rig.bot.as_person("eve", ["devs"])
    since = rig.audit_log.position()
    for refused in (
        ("get", "secrets", *scope),
        ("scale", "deployment/web", "--replicas=2", *scope),
        ("get", "secrets", *scope, *ann),
        ("create", "configmap", "made-by-eve", *scope, *eve),
    ):
        with pytest.raises(KubectlError, match=r"(?i)forbidden"):
            rig.bot(*refused)
    rig.bot("create", "configmap", "made-by-ann", *scope, *ann)
    [event] = [
        event for event in rig.audit_log.writes(namespace=namespace.name, since=since, user=BOT) if event.is_done
    ]
    assert (event.person, event.verb, event.resource, event.name) == ("ann", "create", "configmaps", "made-by-ann")
    assert "devs" in event.groups


def test_requests_that_nobody_answers_are_counted_as_lost(rig: Rig, namespace: Namespace) -> None:
    url = namespace.deploy(SampleApp("web", rig.push_image("web", "1.0"), replicas=1))
    rig.kubectl("scale", "deployment/web", "--replicas=0", "-n", namespace.name)
    until("the service to have no endpoint", lambda: send(url, total=1).lost)
    result = send(url, total=20)
    assert (result.sent, len(result.lost), result.by_status) == (20, 20, {})


@pytest.mark.parametrize(
    ("behaviour", "state", "reason"),
    [
        ({"CRASH": "1"}, "terminated", "Error"),
        ({"LEAK_MB": "30"}, "terminated", "OOMKilled"),
        ({"FAIL_READY": "1"}, "running", ""),
        (None, "waiting", "ErrImagePull"),
    ],
    ids=["crash", "out of memory", "never ready", "no such image"],
)
def test_an_image_told_to_fail_fails_as_told(
    rig: Rig, namespace: Namespace, behaviour: dict[str, str] | None, state: str, reason: str
) -> None:
    image = rig.push_image("web", "bad", **behaviour) if behaviour else "registry.test/web:never-pushed"
    namespace.deploy(SampleApp("web", image, replicas=1), is_waited_for=False)
    field = f".items[*].status.containerStatuses[*]['lastState','state'].{state}"

    def seen() -> bool:
        pods = rig.kubectl("get", "pods", "-n", namespace.name, "-o", f"jsonpath={{{field}}}")
        return reason in pods and bool(pods)

    until(f"{state} {reason}", seen, seconds=30)
    # A container that ran out of memory is started again, and ready until it has used it up.
    ready = partial(rig.kubectl.value, "deployment", "web", ".status.readyReplicas", namespace=namespace.name)
    until("it to be ready no more", lambda: ready() == "", seconds=30)


def test_an_autoscaler_reads_the_pods_real_use_of_the_processor(rig: Rig, namespace: Namespace) -> None:
    app = SampleApp("web", rig.push_image("web", "1.0"), replicas=1, autoscaling=Autoscaling(2, 4))
    namespace.deploy(app)
    until(
        "the autoscaler's minimum",
        lambda: rig.kubectl.value("deployment", "web", ".spec.replicas", namespace=namespace.name) == "2",
    )
    measured = ".status.currentMetrics[0].resource.current.averageUtilization"
    until("a measured use", lambda: rig.kubectl.value("hpa", "web", measured, namespace=namespace.name), seconds=60)
