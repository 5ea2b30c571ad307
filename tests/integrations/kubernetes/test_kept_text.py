"""Checkpoints in a ConfigMap: read back, added to and never overwritten, and missed where the object is gone."""

from __future__ import annotations

import pytest

from bot.domain.errors import Conflict, Missing, Refused
from integrations.kubernetes.cluster import KubernetesCluster
from tests.integrations.kubernetes.api_server import Answer, ApiServer, Request, status
from tests.integrations.kubernetes.conftest import UID

PATH = "/api/v1/namespaces/pilothouse/configmaps/pilothouse-checkpoints"
IDENTITY = "/api/v1/namespaces/kube-system"


class Kept:
    """One ConfigMap that obeys JSON patch's tests; `rivals` writes come in between."""

    def __init__(self, text: str | None = None, *, rivals: int = 0, uid: str = UID) -> None:
        self.text, self.rivals, self.uid, self.version = text, rivals, uid, 1

    def __call__(self, request: Request) -> Answer:
        if request.path.startswith(IDENTITY):
            return Answer(body={"metadata": {"uid": self.uid}})
        if request.method == "GET":
            data = {} if self.text is None else {"data": {"checkpoints": self.text}}
            return Answer(body={"metadata": {"resourceVersion": str(self.version)}, **data})
        if self.rivals:
            self.rivals -= 1
            self.version += 1
            self.text = (self.text or "") + "rival\n"
        assert isinstance(request.body, list)
        test, put = request.body
        if test["value"] != str(self.version):
            return Answer(422, status(422, "Invalid", "the server rejected our request"))
        if put["path"] == "/data":
            assert self.text is None
            self.text = put["value"]["checkpoints"]
        else:
            assert self.text is not None
            self.text = put["value"]
        self.version += 1
        return Answer(body={})


def test_a_text_is_begun_added_to_and_read_back(server: ApiServer, cluster: KubernetesCluster) -> None:
    kept = server.answer = Kept()
    text = cluster.text("pilothouse", "pilothouse-checkpoints")
    assert text.name == "configmap:alpha/pilothouse/pilothouse-checkpoints"
    assert text.read() == ""
    text.change(lambda old: f"{old}one\n")
    text.change(lambda old: f"{old}two\n")
    assert text.read() == kept.text == "one\ntwo\n"
    assert {request.path.partition("?")[0] for request in server.requests} == {PATH, IDENTITY}


def test_what_another_replica_wrote_in_between_stays(server: ApiServer, cluster: KubernetesCluster) -> None:
    kept = server.answer = Kept("one\n", rivals=2)
    cluster.text("pilothouse", "pilothouse-checkpoints").change(lambda old: f"{old}two\n")
    assert kept.text == "one\nrival\nrival\ntwo\n"


def test_it_is_given_up_where_somebody_always_comes_first(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = Kept("one\n", rivals=99)
    with pytest.raises(Conflict):
        cluster.text("pilothouse", "pilothouse-checkpoints").change(lambda old: f"{old}two\n")


def test_an_object_that_is_gone_is_missed_and_not_begun_anew(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.answer = lambda request: (
        Answer(body={"metadata": {"uid": UID}})
        if request.path.startswith(IDENTITY)
        else Answer(404, status(404, "NotFound", "not found"))
    )
    text = cluster.text("pilothouse", "pilothouse-checkpoints")
    for use in (text.read, lambda: text.change(lambda old: f"{old}two\n")):
        with pytest.raises(Missing, match="is not there") as missing:
            use()
        assert missing.value.next is not None
        assert "checkpoints/configmap.yaml" in missing.value.next.plain()
    assert {request.method for request in server.requests} == {"GET"}


def test_nothing_is_written_to_another_cluster_than_the_one_meant(
    server: ApiServer, cluster: KubernetesCluster
) -> None:
    server.answer = Kept("one\n", uid="22222222-2222-4222-8222-222222222222")
    with pytest.raises(Refused):
        cluster.text("pilothouse", "pilothouse-checkpoints").change(lambda old: f"{old}two\n")
    assert "PATCH" not in {request.method for request in server.requests}
