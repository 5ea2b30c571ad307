"""Deadlines, nothing sent twice, and whose name a request bears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.errors import Conflict, IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting
from integrations.kubernetes.cluster import MOST_PEOPLE, KubernetesCluster
from integrations.kubernetes.connection import Connection, InCluster, Kubeconfig, impersonation
from tests.integrations.kubernetes.api_server import Answer, ApiServer, Request, status
from tests.integrations.kubernetes.conftest import UID, TestClock

ANN = Acting("ann", ("devs", "eu"), "op-7")
WEB = ObjectRef("alpha", "shop", "Deployment", "web", "")
MARK = Mark(OperationId("op-7"), "1", 5)
KUBE_SYSTEM = {"metadata": {"name": "kube-system", "uid": UID}}


def connection(cluster: KubernetesCluster) -> Connection:
    return cluster._connect(ANN)


CALLS: tuple[Callable[[Connection], bytes], ...] = (
    lambda c: c.get("/apis/apps/v1/namespaces/shop/deployments/web"),
    lambda c: c.create("/apis/apps/v1/namespaces/shop/deployments", {"a": 1}),
    lambda c: c.patch("/apis/apps/v1/namespaces/shop/deployments/web", [{"op": "remove", "path": "/a"}]),
    lambda c: c.delete("/apis/apps/v1/namespaces/shop/deployments/web", {"propagationPolicy": "Background"}),
)
METHODS = ("GET", "POST", "PATCH", "DELETE")


@pytest.mark.parametrize("call", CALLS, ids=METHODS)
def test_a_lost_reply_is_never_asked_for_again(
    server: ApiServer, cluster: KubernetesCluster, call: Callable[[Connection], bytes]
) -> None:
    server.answer = lambda _: Answer(is_lost=True)
    with pytest.raises(Unavailable):
        call(connection(cluster))
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", CALLS, ids=METHODS)
@pytest.mark.parametrize("seconds", [5, 86_400])
def test_retry_after_is_handed_on_and_never_waited_for(
    server: ApiServer, cluster: KubernetesCluster, call: Callable[[Connection], bytes], seconds: int
) -> None:
    server.says(429, status(429, "TooManyRequests", "please wait"), Retry_After=str(seconds))
    with pytest.raises(Unavailable) as caught:
        call(connection(cluster))
    assert caught.value.retry_after == timedelta(seconds=seconds)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", CALLS, ids=METHODS)
def test_a_server_that_hangs_is_given_up(
    server: ApiServer, cluster: KubernetesCluster, call: Callable[[Connection], bytes]
) -> None:
    server.answer = lambda _: Answer(seconds_before=30)
    with pytest.raises(Unavailable, match="within the time allowed"):
        call(connection(cluster))
    assert len(server.requests) == 1


def test_a_server_that_answers_in_drops_is_given_up(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = lambda _: Answer(body="x" * 1000, seconds_a_byte=0.05)
    with pytest.raises(Unavailable, match="within the time allowed"):
        connection(cluster).get("/version")


def test_an_answer_cut_short_is_no_answer(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = lambda _: Answer(body="{}", headers={"Content-Length": "50", "Connection": "close"})
    with pytest.raises(Unavailable):
        connection(cluster).get("/version")


def test_a_redirect_is_not_followed(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.says(302, "", Location="/elsewhere")
    with pytest.raises(IntegrationError):
        connection(cluster).get("/version")
    assert len(server.requests) == 1


def test_nobody_listening_is_unavailable_and_nothing_was_sent(server: ApiServer, cluster: KubernetesCluster) -> None:
    silent = Kubeconfig(server.kubeconfig.path.replace("kubeconfig", "other"), "test")
    with open(server.kubeconfig.path) as file, open(silent.path, "w") as other:
        text = file.read()
        start = text.index("127.0.0.1:") + len("127.0.0.1:")
        other.write(text[:start] + "9" + text[text.index('"', start) :])
    nobody = KubernetesCluster("alpha", silent, expected_uid=UID, clock=TestClock())
    with pytest.raises(Unavailable) as caught:
        connection(nobody).patch("/apis/apps/v1/namespaces/shop/deployments/web", [])
    assert caught.value.why is None


def test_a_lost_write_says_that_it_may_have_happened(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = lambda _: Answer(is_lost=True)
    with pytest.raises(Unavailable) as caught:
        connection(cluster).patch("/apis/apps/v1/namespaces/shop/deployments/web", [])
    assert caught.value.why is not None
    assert "may have been made" in caught.value.why.plain()
    with pytest.raises(Unavailable) as read:
        connection(cluster).get("/version")
    assert read.value.why is None


def test_a_creation_has_a_deadline_at_the_server_too(server: ApiServer, cluster: KubernetesCluster) -> None:
    """Nothing that it could test would defeat it when it comes late. Ours is 0.8 s here, theirs are whole seconds."""
    connection(cluster).create("/api/v1/namespaces/shop/services", {"kind": "Service"})
    [seen] = server.requests
    assert parse_qs(urlsplit(seen.path).query) == {"fieldManager": ["pilothouse"], "timeout": ["1s"]}


def test_a_request_bears_the_person_every_group_and_the_operation(
    server: ApiServer, cluster: KubernetesCluster
) -> None:
    connection(cluster).patch("/apis/apps/v1/namespaces/shop/deployments/web", [{"op": "remove", "path": "/a"}])
    [seen] = server.requests
    assert seen.header("Impersonate-User") == ["ann"]
    assert seen.header("Impersonate-Group") == ["devs", "eu"]
    assert seen.header("Impersonate-Extra-pilothouse.io%2foperation") == ["op-7"]
    assert seen.header("Authorization") == ["Bearer bot-token"]
    assert seen.header("Content-Type") == ["application/json-patch+json"]
    assert seen.body == [{"op": "remove", "path": "/a"}]
    assert seen.path.endswith("?fieldManager=pilothouse")


def test_the_bots_own_reads_bear_nobodys_name(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.says(200, {"metadata": {}, "items": []})
    cluster.writes(ANN)
    cluster.reads().workloads.list("shop")
    assert server.requests
    assert not [name for seen in server.requests for name, _ in seen.headers if name.lower().startswith("impersonate")]


@pytest.mark.parametrize(
    "acting",
    [
        Acting("", ("devs",)),
        Acting("system:admin", ()),
        Acting("ann", ("system:masters",)),
        Acting("ann\r\nImpersonate-Group: system:masters", ()),
        Acting("ann", ("",)),
        Acting("änn", ()),
        Acting(" ann", ()),
        Acting("ann", (), "op\n7"),
    ],
    ids=str,
)
def test_names_that_mean_more_than_a_person_are_refused(acting: Acting) -> None:
    with pytest.raises(Refused):
        impersonation(acting)


def test_no_connection_is_ever_shared_between_people(cluster: KubernetesCluster) -> None:
    people = [Acting(f"p{n}", ("devs",)) for n in range(MOST_PEOPLE * 2)]
    made = {person: cluster._person(person) for person in people}
    assert len(set(map(id, made.values()))) == len(people)
    assert cluster._person(people[-1]) is made[people[-1]]
    assert cluster._person(people[0]) is not made[people[0]]
    assert cluster._person(replace(people[-1], groups=())) is not made[people[-1]]
    assert len(cluster._people) == MOST_PEOPLE


def test_the_context_is_never_the_current_one(server: ApiServer) -> None:
    with pytest.raises(Refused):
        KubernetesCluster("alpha", Kubeconfig(server.kubeconfig.path, ""), expected_uid=UID, clock=TestClock()).uid()
    with pytest.raises(Refused):
        KubernetesCluster("alpha", Kubeconfig("/nowhere", "test"), expected_uid=UID, clock=TestClock()).uid()


def test_outside_of_a_pod_there_is_no_service_account() -> None:
    with pytest.raises(Refused):
        KubernetesCluster("alpha", InCluster(), expected_uid=UID, clock=TestClock()).uid()


# --- the pinned identity


def of_another_cluster(request: Request) -> Answer:
    if request.path.endswith("/kube-system"):
        return Answer(body={"metadata": {"uid": "another"}})
    return Answer(body={"gitVersion": "v1.36.3", "metadata": {"uid": "x"}, "spec": {"replicas": 1}})


def test_another_cluster_behind_the_same_name_is_refused(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = of_another_cluster
    with pytest.raises(Refused):
        cluster.ping()
    writers = cluster.writes(ANN)
    writes: tuple[Callable[[], object], ...] = (
        lambda: writers.workloads.scale(WEB, before=1, after=2, mark=MARK),
        lambda: writers.workloads.stamp(WEB, mark=MARK),
        lambda: writers.workloads.delete(WEB, mark=MARK),
        lambda: writers.services.select(WEB, before={}, after={}, mark=MARK),
        lambda: writers.autoscalers.bound(WEB, before=(1, 2), after=(1, 3), mark=MARK),
        lambda: writers.autoscalers.hold_scale_down(WEB, before="", after="Disabled", mark=MARK),
        lambda: writers.configs.create("shop", "web", {}, mark=MARK),
    )
    for write in writes:
        with pytest.raises(Refused):
            write()
    assert {request.method for request in server.requests} == {"GET"}


def test_a_cluster_that_is_not_pinned_can_only_be_read(server: ApiServer) -> None:
    server.answer = of_another_cluster
    cluster = KubernetesCluster("alpha", server.kubeconfig, expected_uid="", clock=TestClock())
    assert cluster.ping() == "v1.36.3, uid another"
    with pytest.raises(Refused) as caught:
        cluster.writes(ANN).workloads.scale(WEB, before=1, after=2, mark=MARK)
    assert caught.value.next is not None
    assert "another" in caught.value.next.plain()


def test_the_identity_is_looked_at_once_for_many_writes(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = lambda request: (
        Answer(body=KUBE_SYSTEM)
        if request.path.endswith("/kube-system")
        else Answer(404, status(404, "NotFound", "no"))
    )
    for _ in range(3):
        with pytest.raises(Missing):
            cluster.writes(ANN).workloads.scale(WEB, before=1, after=2, mark=MARK)
    assert [request.path for request in server.requests].count("/api/v1/namespaces/kube-system") == 1


def test_a_write_that_never_succeeds_is_given_up_after_five_tries(
    server: ApiServer, cluster: KubernetesCluster
) -> None:
    web = {
        "metadata": {"name": "web", "uid": "u", "resourceVersion": "1", "labels": {}},
        "spec": {"replicas": 1},
    }

    def answer(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(body=KUBE_SYSTEM if request.path.endswith("/kube-system") else web)
        return Answer(422, status(422, "Invalid", "the server rejected our request due to an error in our request"))

    server.answer = answer
    writers = cluster.writes(ANN)
    with pytest.raises(Conflict):
        writers.workloads.scale(replace(WEB, uid="u"), before=1, after=2, mark=MARK)
    assert [request.method for request in server.requests].count("PATCH") == 5


# --- credentials that run out


def test_a_token_that_was_renewed_in_the_file_is_taken_up(server: ApiServer, cluster: KubernetesCluster) -> None:
    made = connection(cluster)
    with open(server.kubeconfig.path) as file:
        renewed = file.read().replace("bot-token", "new-token")
    with open(server.kubeconfig.path, "w") as file:
        file.write(renewed)
    server.answer = lambda request: (
        Answer() if request.header("Authorization") == ["Bearer new-token"] else Answer(401, status(401, "", "no"))
    )
    made.patch("/apis/apps/v1/namespaces/shop/deployments/web", [])
    assert [request.header("Impersonate-User") for request in server.requests] == [["ann"], ["ann"]]


def test_credentials_that_stay_refused_are_tried_twice_and_no_more(
    server: ApiServer, cluster: KubernetesCluster
) -> None:
    server.says(401, status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(Refused, match="credentials"):
        connection(cluster).get("/version")
    assert len(server.requests) == 2
