"""A canary by replicas on real pods: the share that it really gets, promoted and aborted while requests go on."""

from __future__ import annotations

from bot.domain.refs import OperationId
from tests.kit.live import Json, Town
from tests.rig.load import Load, send
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp

REQUESTS = 2000


def started(rig: Rig, town: Town, share: int, *, replicas: int) -> tuple[str, OperationId, Json]:
    """The URL, the operation, and its card while the canary holds its share."""
    rig.push_image("web", "1.0")
    rig.push_image("web", "2.0")
    url = town.deploy(SampleApp("web", image("web", "1.0"), replicas=replicas, min_ready_seconds=1))
    id = town.asks("ana", f"canary web@2.0 {share} to staging", "Start the canary")
    card = town.slack.wait_for(lambda: _holding(town, id), 150)
    return url, id, card


def _holding(town: Town, id: OperationId) -> Json | None:
    card = town.shown(id)
    return card if card is not None and "getting" in card["text"] else None


def stable_digests(town: Town) -> set[str]:
    pods = town.pods("web", label="pilothouse.io/app")
    return {
        pod["spec"]["containers"][0]["image"] for pod in pods if "pilothouse.io/track" not in pod["metadata"]["labels"]
    }


def test_one_canary_beside_nine_gets_a_tenth_and_is_promoted_without_a_loss(rig: Rig, town: Town) -> None:
    url, id, card = started(rig, town, 10, replicas=9)
    assert "getting 10 %" in card["text"], card["text"]
    canary = town.deployment("web-canary")
    assert canary["spec"]["replicas"] == 1
    assert canary["metadata"]["labels"]["pilothouse.io/operation"] == id
    assert len(town.pods("canary", label="pilothouse.io/track")) == 1
    found = send(url, total=REQUESTS, rate=300)
    print(f"\ncanary of 10 %: {found.by_version} of {found.sent}, {len(found.lost)} lost")
    assert found.lost == ()
    assert 0.07 <= found.share("2.0") <= 0.13

    with Load(url, rate=50) as load:
        town.slack.person("ana").click(card, "Promote to everybody")
        done = town.ended(id)
    print(f"promote: {len(load.result.lost)} of {load.result.sent} lost")
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    assert load.result.lost == ()
    assert town.image("web") == image("web", rig.registry.digest("web", "2.0"))
    assert not rig.kubectl.succeeds("get", "deployment", "web-canary", "-n", town.staging.name)
    assert send(url, total=50).share("2.0") == 1
    events = town.check_who_wrote(id, "ana@example.com")
    assert {("create", "deployments"), ("patch", "services"), ("delete", "deployments")} <= {
        (event.verb, event.resource) for event in events
    }
    assert "by `ana`" in town.audited("Signal", id, "promote")
    assert town.audited("Outcome: done", id, "canary")
    assert town.slack.refusals() == []


def test_an_aborted_canary_leaves_what_was_and_loses_nothing(rig: Rig, town: Town) -> None:
    url, id, card = started(rig, town, 25, replicas=3)
    assert send(url, total=200).share("2.0") > 0
    with Load(url, rate=50) as load:
        town.slack.person("ana").click(card, "Abort")
        ended = town.ended(id)
    print(f"\nabort: {len(load.result.lost)} of {load.result.sent} lost")
    assert ended["text"].startswith("Rolled back: canary of web 2.0 on staging"), ended["text"]
    assert "ana stopped it" in ended["text"].replace("@", "").lower()
    assert load.result.lost == ()
    assert town.image("web") == image("web", "1.0")
    assert not rig.kubectl.succeeds("get", "deployment", "web-canary", "-n", town.staging.name)
    service = rig.kubectl.get("service", "web", namespace=town.staging.name)["spec"]
    assert service == {**service, "selector": {"app.kubernetes.io/name": "web"}}  # type: ignore[dict-item]
    assert send(url, total=50).share("1.0") == 1
    town.check_who_wrote(id, "ana@example.com")
    assert town.audited("Outcome: undone", id, "canary")
    assert town.slack.refusals() == []
