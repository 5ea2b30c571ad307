"""Reads that a real API server cannot be brought to on demand: pages, silent nodes, too many lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.errors import Missing, Refused, Unavailable
from bot.domain.refs import ObjectRef
from bot.domain.workloads import TroubleKind
from bot.ports.clusters import PodLine, Workloads
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.podlogs import BYTES
from tests.integrations.kubernetes.api_server import Answer, ApiServer, Request, status

WEB = ObjectRef("alpha", "shop", "Deployment", "web", "d")
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "x"}]}}
HASHED = {**TEMPLATE, "metadata": {"labels": {"app": "web", "pod-template-hash": "1"}}}


def deployment(name: str = "web") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": "d"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
    }


def pod(name: str, owner: str = "r", **state: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": [{"uid": owner}]},
        "spec": {"containers": [{"name": "web"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": state or {"running": {}}}]},
    }


class Shop:
    """What stands in the namespace; `logs` are texts, errors or silence by pod."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = pods
        self.logs: dict[str, Answer] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}

    def answer(self, request: Request) -> Answer:
        path = urlsplit(request.path)
        query = parse_qs(path.query)
        match path.path.split("/"):
            case [*_, "deployments", _]:
                return Answer(body=deployment())
            case [*_, "replicasets"]:
                meta = {"name": "web-1", "uid": "r", "ownerReferences": [{"uid": "d"}]}
                return Answer(body={"metadata": {}, "items": [{"metadata": meta, "spec": {"template": HASHED}}]})
            case [*_, "pods"]:
                return Answer(body={"metadata": {}, "items": list(self.pods)})
            case [*_, "pods", name, "log"]:
                return self.logs.get(name, Answer(body=""))
            case [*_, "events"]:
                uid = query["fieldSelector"][0].rpartition("=")[2]
                return Answer(body={"metadata": {}, "items": self.events.get(uid, [])})
            case other:
                raise AssertionError(other)


@pytest.fixture
def reads(cluster: KubernetesCluster) -> Workloads:
    return cluster.reads().workloads


def lines(reads: Workloads, limit: int = 10) -> tuple[PodLine, ...]:
    return reads.logs(WEB, since=timedelta(hours=1), limit=limit)


def test_a_list_goes_on_until_the_last_page(server: ApiServer, reads: Workloads) -> None:
    def answer(request: Request) -> Answer:
        if "/rollouts" in request.path:
            return Answer(404, {"kind": "Status", "message": "the server could not find the requested resource"})
        page = int(parse_qs(urlsplit(request.path).query).get("continue", ["0"])[0])
        more = {"continue": str(page + 1)} if page < 2 else {}
        return Answer(body={"metadata": more, "items": [deployment(f"web-{page}")]})

    server.answer = answer
    assert [each.ref.name for each in reads.list("shop")] == ["web-0", "web-1", "web-2"]


def test_an_empty_list_may_be_null(server: ApiServer, reads: Workloads) -> None:
    server.says(200, {"metadata": {}, "items": None})
    assert reads.list("shop") == ()


def test_what_is_no_kubernetes_is_unavailable(server: ApiServer, reads: Workloads) -> None:
    for body in ("<html>", {"items": "many"}, [1]):
        server.says(200, body)
        with pytest.raises(Unavailable):
            reads.list("shop")


def test_pods_of_another_owner_with_the_same_labels_are_left_out(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(pod("mine"), pod("another", owner="somebody"))
    server.answer = shop.answer
    assert [each.name for each in reads.rollout(WEB).pods] == ["mine"]


def test_events_are_asked_for_pods_in_trouble_and_few_of_them(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(*(pod(f"web-{n}") for n in range(30)))
    shop.events["uid-web-2"] = [
        {
            "involvedObject": {"uid": "uid-web-2", "fieldPath": "spec.containers{web}"},
            "reason": "Unhealthy",
            "message": "Readiness probe failed: 503",
        }
    ]
    server.answer = shop.answer
    assert [(each.kind, each.pod) for each in reads.rollout(WEB).troubles] == [(TroubleKind.NOT_READY, "web-2")]
    assert sum("/events?" in request.path for request in server.requests) == 5


def test_lines_of_several_pods_are_merged_by_time_and_the_newest_kept(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(pod("a"), pod("b"))
    shop.logs["a"] = Answer(body="2026-11-24T11:00:00.1Z one\n2026-11-24T11:00:00.35Z three\n")
    shop.logs["b"] = Answer(body="2026-11-24T11:00:00.2Z two\n2026-11-24T11:00:01Z four \xe4\n")
    server.answer = shop.answer
    assert [(line.pod, line.words) for line in lines(reads)] == [
        ("a", "one"),
        ("b", "two"),
        ("a", "three"),
        ("b", "four ä"),
    ]
    assert [line.words for line in lines(reads, limit=2)] == ["three", "four ä"]


def test_the_whole_answer_is_bounded(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(pod("a"))
    shop.logs["a"] = Answer(body="".join(f"2026-11-24T11:00:{n:02}Z {'x' * 100_000}\n" for n in range(30)))
    server.answer = shop.answer
    found = lines(reads, limit=30)
    assert found[-1].at == "2026-11-24T11:00:29Z"
    assert sum(len(line.words) for line in found) <= BYTES
    assert len(found) == 10


def test_a_node_that_is_silent_does_not_hide_the_other_pods(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(pod("a"), pod("b"))
    shop.logs["a"] = Answer(500, status(500, "InternalError", "dial tcp 10.0.0.9:10250: connect: no route to host"))
    shop.logs["b"] = Answer(body="2026-11-24T11:00:00Z here\n")
    server.answer = shop.answer
    assert [line.words for line in lines(reads)] == ["here"]
    shop.logs["b"] = shop.logs["a"]
    with pytest.raises(Unavailable):
        lines(reads)


def test_containers_that_have_nothing_to_say_yet_are_no_error(server: ApiServer, reads: Workloads) -> None:
    shop = Shop(pod("a"), pod("b"))
    words = 'container "web" in pod "a" is waiting to start: ContainerCreating'
    shop.logs["a"] = Answer(400, status(400, "BadRequest", words))
    shop.logs["b"] = Answer(404, status(404, "NotFound", 'pods "b" not found'))
    server.answer = shop.answer
    assert lines(reads) == ()
    shop.logs["a"] = Answer(403, status(403, "Forbidden", "no logs for you"))
    with pytest.raises(Refused):
        lines(reads)


def test_a_pod_that_is_not_the_workloads_has_no_logs(server: ApiServer, reads: Workloads) -> None:
    server.answer = Shop(pod("a"), pod("other", owner="somebody")).answer
    with pytest.raises(Missing):
        reads.logs(WEB, since=timedelta(hours=1), limit=10, pod="other")


def test_logs_are_read_in_the_service_principals_name(server: ApiServer, reads: Workloads) -> None:
    server.answer = Shop(pod("a")).answer
    lines(reads)
    by_log = {"/log?" in request.path: request.header("Impersonate-User") for request in server.requests}
    assert by_log == {True: ["pilothouse:auto"], False: []}
