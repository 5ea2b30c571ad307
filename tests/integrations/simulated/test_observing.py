"""Images, logs, metrics and alerts of the simulated world, and that they tell the same story."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.domain.errors import BadArguments, Missing, Unavailable
from bot.ports.observing import Level, LogQuery, Measure, MetricQuery, Scope
from integrations.simulated.alarms import webhook_body
from integrations.simulated.alerts import SimulatedAlerts
from integrations.simulated.faults import How
from integrations.simulated.images import SimulatedImages
from integrations.simulated.logs import SimulatedLogs
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.seed import CLUSTER
from integrations.simulated.words import Wanted, mask
from tests.integrations.simulated.conftest import Scene, mark

WEB = Scope(CLUSTER, "web-prod", "web")
CANARY = Scope(CLUSTER, "web-prod", "web-canary")
REPOSITORY = "registry.test/web"


def measured(scene: Scene, measure: Measure, scope: Scope = WEB, *, last: float = 60.0) -> list[float]:
    now = scene.clock.now()
    query = MetricQuery(measure, scope, now - timedelta(seconds=last), now, timedelta(seconds=15))
    return [value for _, value in SimulatedMetrics(scene.world).range(query).points]


def asked(
    scene: Scene, words: str = "", *, minutes: float = 10, level: Level | None = None, scope: Scope = WEB, pod: str = ""
) -> LogQuery:
    now = scene.clock.now()
    return LogQuery((scope,), now - timedelta(minutes=minutes), now, words=words, level=level, pod=pod)


def canary(scene: Scene, tag: str, *, replicas: int = 1) -> None:
    """Behind the same Service: its labels and one more."""
    web = scene.workload()
    track = {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
    scene.writes.workloads.create_copy(
        web.ref,
        name="web-canary",
        template=web.template.with_image("web", f"{REPOSITORY}:{tag}").with_labels(put=track),
        selector=track,
        replicas=replicas,
        mark=mark(),
    )


# --- images


def test_a_tag_and_its_digest_name_the_same_image(scene: Scene) -> None:
    images = SimulatedImages(scene.world)
    by_tag = images.resolve(REPOSITORY, "1.8.2")
    by_digest = images.resolve(REPOSITORY, by_tag.digest)
    assert (by_tag.tag, by_digest.tag, by_digest.digest) == ("1.8.2", "", by_tag.digest)
    assert images.resolve(REPOSITORY, "latest").digest == by_tag.digest
    assert "1.9.3" in images.tags(REPOSITORY)


def test_a_tag_that_moves_names_another_image_and_the_old_one_stays_by_digest(scene: Scene) -> None:
    images = SimulatedImages(scene.world)
    before = images.resolve(REPOSITORY, "latest")
    scene.world.registry.retag(REPOSITORY, "latest", "1.9.0")
    assert images.resolve(REPOSITORY, "latest").digest != before.digest
    assert images.resolve(REPOSITORY, before.digest).digest == before.digest


def test_what_the_registry_does_not_have_is_missing(scene: Scene) -> None:
    images = SimulatedImages(scene.world)
    with pytest.raises(Missing):
        images.resolve(REPOSITORY, "9.9.9")
    with pytest.raises(Missing):
        images.tags("registry.test/nothing")


def test_a_registry_that_is_down_is_unavailable(scene: Scene) -> None:
    scene.world.registry.is_down = True
    with pytest.raises(Unavailable):
        SimulatedImages(scene.world).resolve(REPOSITORY, "1.8.2")


# --- metrics


def test_a_good_app_has_few_errors_and_is_quick(scene: Scene) -> None:
    scene.clock.sleep(300)
    assert all(40 < each < 56 for each in measured(scene, Measure.REQUESTS))
    assert all(0.002 < each < 0.006 for each in measured(scene, Measure.ERRORS))
    assert all(0.18 < each < 0.23 for each in measured(scene, Measure.LATENCY))
    assert all(0.2 < each < 0.7 for each in measured(scene, Measure.CPU))
    assert all(6 * 150 < each / 2**20 < 6 * 200 for each in measured(scene, Measure.MEMORY))
    assert measured(scene, Measure.RESTARTS) == [0.0] * 5


def test_a_bad_version_shows_in_the_errors_and_a_slow_one_in_the_latency(scene: Scene) -> None:
    scene.deploy("1.9.0")
    scene.clock.sleep(120)
    assert all(0.07 < each < 0.1 for each in measured(scene, Measure.ERRORS))
    scene.deploy("1.9.4")
    scene.clock.sleep(120)
    assert all(1.0 < each < 1.5 for each in measured(scene, Measure.LATENCY))
    assert all(each < 0.006 for each in measured(scene, Measure.ERRORS))


def test_crashes_show_in_the_restarts(scene: Scene) -> None:
    scene.deploy("1.9.1")
    scene.clock.sleep(60)
    assert measured(scene, Measure.RESTARTS)[-1] >= 2


def test_a_canary_gets_its_share_by_ready_pods_behind_the_same_service(scene: Scene) -> None:
    canary(scene, "1.9.0", replicas=2)
    scene.clock.sleep(1)
    assert measured(scene, Measure.REQUESTS, CANARY, last=0.5) in ([], [0.0])
    scene.clock.sleep(120)
    mine, all_of_it = measured(scene, Measure.REQUESTS, CANARY), measured(scene, Measure.REQUESTS)
    for part, rest in zip(mine, all_of_it, strict=True):
        assert part / (part + rest) == pytest.approx(2 / 8)
    assert measured(scene, Measure.ERRORS, CANARY)[-1] > 0.07
    assert measured(scene, Measure.ERRORS)[-1] < 0.006


def test_pods_that_the_service_does_not_select_get_nothing(scene: Scene) -> None:
    web = scene.workload()
    track = {"pilothouse.io/track": "canary"}
    template = web.template.with_labels(put=track, drop=("app.kubernetes.io/name",))
    scene.writes.workloads.create_copy(
        web.ref, name="web-canary", template=template, selector=track, replicas=1, mark=mark()
    )
    scene.clock.sleep(30)
    assert measured(scene, Measure.REQUESTS, CANARY, last=10) == [0.0]
    assert measured(scene, Measure.ERRORS, CANARY, last=10) == []


def test_no_pods_and_no_measuring_are_no_data(scene: Scene) -> None:
    assert measured(scene, Measure.REQUESTS, CANARY) == []
    scene.world.measure(is_on=False)
    scene.clock.sleep(300)
    assert measured(scene, Measure.ERRORS) == []
    scene.world.measure(is_on=True)
    scene.clock.sleep(30)
    assert len(measured(scene, Measure.ERRORS)) == 3


def test_metrics_are_the_same_however_late_they_are_asked_for(scene: Scene) -> None:
    scene.deploy("1.9.0")
    scene.clock.sleep(120)
    then = scene.clock.now()
    query = MetricQuery(Measure.ERRORS, WEB, then - timedelta(minutes=2), then, timedelta(seconds=10))
    first = SimulatedMetrics(scene.world).range(query)
    scene.clock.sleep(600)
    assert SimulatedMetrics(scene.world).range(query) == first


def test_a_span_without_length_cannot_be_measured(scene: Scene) -> None:
    with pytest.raises(BadArguments):
        measured(scene, Measure.ERRORS, last=0)


# --- logs


def test_logs_are_found_by_words_phrases_and_what_they_may_not_hold(scene: Scene) -> None:
    scene.deploy("1.9.0")
    scene.clock.sleep(300)
    logs = SimulatedLogs(scene.world)
    found = logs.search(asked(scene, '"timed out" -cart'))
    assert found.total > 0
    assert all("timed out" in line.message and "cart" not in line.message for line in found.lines)
    assert sum(found.counts) == found.total
    assert len(found.counts) == 12
    assert found.lines == tuple(sorted(found.lines, key=lambda line: line.at))
    assert found.total < logs.search(asked(scene, '"timed out"')).total


def test_a_bad_version_shows_in_levels_and_patterns(scene: Scene) -> None:
    scene.clock.sleep(300)
    logs = SimulatedLogs(scene.world)
    before = logs.search(asked(scene, minutes=5, level=Level.ERROR))
    scene.deploy("1.9.0")
    scene.clock.sleep(300)
    after = logs.search(asked(scene, minutes=5, level=Level.ERROR))
    assert after.total > 4 * max(1, before.total)
    assert after.patterns[0].template == "upstream timed out after <*> ms, host=<*>"
    assert {line.level for line in after.lines} == {"error"}
    both = logs.search(asked(scene, minutes=5, level=Level.WARN))
    assert after.total < both.total < logs.search(asked(scene, minutes=5)).total


def test_logs_stay_with_their_app_and_keep_pods_that_are_gone(scene: Scene) -> None:
    old = scene.reads.rollout(scene.workload().ref).pods[0].name
    scene.deploy("1.8.2")
    scene.clock.sleep(120)
    found = SimulatedLogs(scene.world).search(asked(scene, pod=old))
    assert {line.pod for line in found.lines} == {old}
    assert found.lines[-1].message == "stopped"
    assert SimulatedLogs(scene.world).search(asked(scene, scope=Scope(CLUSTER, "pay-prod", "web"))).total == 0


def test_a_crash_leaves_its_last_words_for_those_who_ask_for_the_run_before(scene: Scene) -> None:
    scene.deploy("1.9.1")
    scene.clock.sleep(30)
    found = scene.reads.rollout(scene.workload().ref)
    pod = next(each.name for each in found.pods if each.restarts)
    lines = scene.reads.logs(found.workload.ref, since=timedelta(minutes=5), limit=50, pod=pod, previous=True)
    said = json.loads(lines[-1].words)
    assert said["level"] == "error"
    assert said["msg"].startswith("panic:")


def test_pod_logs_are_the_newest_oldest_first(scene: Scene) -> None:
    scene.clock.sleep(120)
    ref = scene.workload().ref
    lines = scene.reads.logs(ref, since=timedelta(minutes=1), limit=10)
    assert len(lines) == 10
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    with pytest.raises(Missing):
        scene.reads.logs(ref, since=timedelta(minutes=1), limit=10, pod="web-none")


@pytest.mark.parametrize(
    ("words", "message", "is_found"),
    [
        ("", "anything", True),
        ("timed out", "upstream timed out", True),
        ('"out timed"', "upstream timed out", False),
        ("UPSTREAM", "upstream timed out", True),
        ("-upstream", "upstream timed out", False),
        ("stream", "upstream timed out", False),
        ("host=cart", "timed out, host=cart", True),
        ('timed "', "upstream timed out", True),
    ],
)
def test_words_mean_what_they_say(words: str, message: str, is_found: bool) -> None:
    assert Wanted.parse(words).matches(message) is is_found


def test_messages_of_the_same_making_have_one_pattern() -> None:
    assert mask("retrying payment 3f2a9c01, attempt 2") == mask("retrying payment 00ff12ab, attempt 4")
    assert mask("upstream timed out after 3000 ms") == "upstream timed out after <*> ms"


# --- alerts


def test_an_alert_fires_after_a_while_and_resolves(scene: Scene) -> None:
    alerts = SimulatedAlerts(scene.world)
    before = scene.deploy("1.9.0")
    scene.clock.sleep(30)
    assert alerts.list(("web-prod",)) == ()
    scene.clock.sleep(60)
    (alert,) = alerts.list(("web-prod",))
    assert alert.name == "HighErrorRate"
    assert alert.labels["app"] == "web"
    assert alert.annotations["summary"].startswith("Errors ")
    bad = scene.workload()
    scene.writes.workloads.replace_template(
        before.ref, before=bad.template, after=before.template, min_ready=(0, 0), mark=mark("u1")
    )
    scene.clock.sleep(60)
    assert alerts.list(("web-prod",)) == ()
    fired, resolved = alerts.deliveries()
    assert (fired.group.is_firing, resolved.group.is_firing) == (True, False)
    assert fired.group.key == resolved.group.key == '{}:{alertname="HighErrorRate", app="web", namespace="web-prod"}'
    assert resolved.group.alerts[0].ends is not None
    assert alerts.deliveries(fired.number) == (resolved,)


def test_alerts_are_listed_for_the_namespaces_asked_for_only(scene: Scene) -> None:
    scene.deploy("1.9.0")
    scene.clock.sleep(120)
    alerts = SimulatedAlerts(scene.world)
    assert alerts.list(()) == ()
    assert alerts.list(("pay-prod",)) == ()
    assert len(alerts.list(("pay-prod", "web-prod"))) == 1


def test_a_silenced_alert_is_listed_but_not_told(scene: Scene) -> None:
    alerts = SimulatedAlerts(scene.world)
    matchers = {"alertname": "HighErrorRate", "namespace": "web-prod", "app": "web"}
    made = alerts.silence(matchers, time=timedelta(minutes=10), by="ana", comment="op-7")
    assert alerts.silence(matchers, time=timedelta(hours=1), by="ana", comment="op-7") == made
    assert alerts.silenced("op-7")
    assert not alerts.silenced("op-8")
    scene.deploy("1.9.0")
    scene.clock.sleep(300)
    (alert,) = alerts.list(("web-prod",))
    assert alert.silenced_by == (made,)
    assert alerts.deliveries() == ()
    scene.clock.sleep(360)
    assert not alerts.silenced("op-7")
    assert [each.group.is_firing for each in alerts.deliveries()] == [True]


def test_a_silence_whose_answer_was_lost_is_there(scene: Scene) -> None:
    alerts = SimulatedAlerts(scene.world)
    scene.world.faults.put("alerts.silence", How.AFTER)
    with pytest.raises(Unavailable):
        alerts.silence({"app": "web"}, time=timedelta(hours=1), by="ana", comment="op-7")
    assert alerts.silenced("op-7")


@pytest.mark.parametrize(
    ("tag", "name"), [("1.9.1", "PodCrashLooping"), ("1.9.4", "HighLatency"), ("1.9.2", "PodsMissing")]
)
def test_other_failures_have_alerts_of_their_own(scene: Scene, tag: str, name: str) -> None:
    scene.deploy(tag)
    scene.clock.sleep(240)
    assert name in {alert.name for alert in SimulatedAlerts(scene.world).list(("web-prod",))}


def test_a_delivery_can_be_posted_as_alertmanager_does(scene: Scene) -> None:
    scene.deploy("1.9.0")
    scene.clock.sleep(120)
    (delivery,) = SimulatedAlerts(scene.world).deliveries()
    body = json.loads(webhook_body(delivery.group))
    assert (body["version"], body["status"], body["groupKey"]) == ("4", "firing", delivery.group.key)
    assert body["alerts"][0]["labels"]["alertname"] == "HighErrorRate"
    assert body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
