"""Rollback, scale, autoscale and lock on real pods, from signed Slack requests."""

from __future__ import annotations

import json
from typing import Any

from tests.kit.live import Json, Town
from tests.rig.load import Load, send
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import Autoscaling, SampleApp


def serve(rig: Rig, town: Town, *, replicas: int = 2, autoscaling: Autoscaling | None = None) -> str:
    rig.push_image("web", "1.0")
    app = SampleApp(
        "web", image("web", "1.0"), replicas=replicas, min_ready_seconds=1, autoscaling=autoscaling, cpu_request="100m"
    )
    return town.deploy(app)


def greeting(town: Town) -> tuple[str, str]:
    """The ConfigMap that the pods read, and what stands in it."""
    container = town.deployment("web")["spec"]["template"]["spec"]["containers"][0]
    names = [each["valueFrom"]["configMapKeyRef"]["name"] for each in container["env"] if "valueFrom" in each]
    data = town.rig.kubectl.get("configmap", names[0], namespace=town.staging.name)["data"]
    assert isinstance(data, dict)
    return names[0], str(data["GREETING"])


def configure(town: Town, words: str) -> None:
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web-settings", "namespace": town.staging.name},
        "data": {"GREETING": words},
    }
    town.rig.kubectl.apply(manifest)


def test_a_rollback_brings_back_the_template_and_the_bytes_of_the_config(rig: Rig, town: Town) -> None:
    url = serve(rig, town)
    pushed = rig.push_image("web", "1.0")
    configure(town, "hello\n\twörld")
    rig.kubectl("set", "env", "deployment/web", "--from=configmap/web-settings", "-n", town.staging.name)
    town.staging.rollout_done("web")
    town.settled("web")
    first = town.deployment("web")["spec"]["template"]
    rig.push_image("web", "2.0", LATENCY_MS="1")
    deployed = town.asks("ana", "deploy web@2.0 to staging", "Deploy")
    assert town.ended(deployed)["text"].startswith("Done")
    configure(town, "changed since")

    with Load(url, rate=50) as load:
        id = town.asks("bo", "rollback web to staging", "Roll back now")
        done = town.ended(id)
    assert done["text"].startswith("Done: web on staging is on 1.0 again"), done["text"]
    assert load.result.lost == ()
    name, words = greeting(town)
    assert (name != "web-settings", words) == (True, "hello\n\twörld")
    assert town.rig.kubectl.get("configmap", name, namespace=town.staging.name)["immutable"] is True
    # But for that name, which holds the same bytes, and the image, which is the digest that the tag named when it ran, it is
    # the template that ran before.
    assert town.image("web") == pushed
    back = json.dumps(town.deployment("web")["spec"]["template"]).replace(name, "web-settings")
    back = back.replace(pushed, image("web", "1.0"))
    assert json.loads(back) == first
    assert send(url, total=30).share("1.0") == 1
    events = town.check_who_wrote(id, "bo@example.com")
    assert {(event.verb, event.resource) for event in events} == {("create", "configmaps"), ("patch", "deployments")}
    assert "by `bo`" in town.audited("Outcome: done", id, "rollback")
    town.answer("ana", "deploy web@2.0 to staging", "2.0 is locked out of staging")
    assert town.slack.refusals() == []


def test_scale_runs_another_number_of_pods(rig: Rig, town: Town) -> None:
    url = serve(rig, town)
    with Load(url, rate=50) as load:
        id = town.asks("ana", "scale web 4 to staging", "Scale")
        assert town.ended(id)["text"].startswith("Done: web on staging has 4 pods")
        assert town.deployment("web")["spec"]["replicas"] == 4
        assert len(town.pods("web")) == 4
        down = town.asks("ana", "scale web 1 to staging", "Scale")
        assert town.ended(down)["text"].startswith("Done: web on staging has 1 pods")
    # Pods that are ending are seen until their containers are gone.
    town.slack.wait_for(lambda: len(town.pods("web")) == 1, 60)
    assert load.result.lost == ()
    for each in (id, down):
        town.check_who_wrote(each, "ana@example.com")
        assert town.audited("Outcome: done", each, "scale")
    assert town.slack.refusals() == []


def test_scale_is_refused_where_an_autoscaler_decides_and_offers_its_bounds(rig: Rig, town: Town) -> None:
    serve(rig, town, autoscaling=Autoscaling(2, 4))
    refused = town.answer("ana", "scale web 6 to staging", "The autoscaler sizes web on staging: 2 to 4 pods")
    assert town.writes() == []
    assert "by `ana`" in town.audited("Denied", "scale")

    plan = town.presses("ana", refused, "Allow up to 6", "Plan: autoscale web on staging 2 to 6")
    id = town.goes("ana", plan, "Set the bounds")
    assert town.ended(id)["text"].startswith("Done: web on staging is sized from 2 to 6 pods")
    spec = bounds(town)
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)

    again = town.asks("ana", "autoscale web 3..5 to staging", "Set the bounds")
    assert town.ended(again)["text"].startswith("Done: web on staging is sized from 3 to 5 pods")
    spec = bounds(town)
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 5)
    town.slack.wait_for(lambda: town.deployment("web")["spec"]["replicas"] >= 3, 60)
    for each in (id, again):
        events = town.check_who_wrote(each, "ana@example.com")
        assert {event.resource for event in events} == {"horizontalpodautoscalers"}
        assert town.audited("Outcome: done", each, "autoscale")
    assert town.slack.refusals() == []


def bounds(town: Town) -> Json:
    spec = town.rig.kubectl.get("hpa", "web", namespace=town.staging.name)["spec"]
    assert isinstance(spec, dict)
    return spec


def test_a_lock_keeps_everybody_else_out_until_it_is_taken_off(rig: Rig, town: Town) -> None:
    serve(rig, town, replicas=1)
    town.types("lee", "lock web to staging load test until noon")
    town.slack.wait_for_message("staging", "web on staging is locked by lee", seconds=30)
    told = town.answer("ana", "scale web 2 to staging", "locked")
    assert "load test until noon" in told["text"]
    assert town.deployment("web")["spec"]["replicas"] == 1
    assert town.writes() == []
    assert "by `lee`" in town.audited("Outcome: done", "lock")
    assert "by `ana`" in town.audited("Denied: locked", "scale")

    town.types("lee", "unlock web to staging")
    town.slack.wait_for_message("staging", "web on staging is unlocked", seconds=30)
    id = town.asks("ana", "scale web 2 to staging", "Scale")
    assert town.ended(id)["text"].startswith("Done: web on staging has 2 pods")
    assert town.slack.refusals() == []
