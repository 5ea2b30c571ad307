"""What goes wrong between us and a real API server; its own audit log is the witness."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Conflict, IntegrationError, Refused, Unavailable
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting, ClusterWrites
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Deadlines, Kubeconfig
from tests.cluster.kubernetes_stage import CONTEXT, KubectlStage, access_through, cluster, uid_of
from tests.cluster.proxy import Proxy, Wire, proxy
from tests.rig.access import People
from tests.rig.kubectl import KubectlError
from tests.rig.rig import BOT, Namespace, Rig
from tests.rig.waiting import until

ANN = Acting("ann", ("devs",), "op-7")


def mark(step: str = "1", *, op: int = 7, fence: int = 5) -> Mark:
    return Mark(OperationId(f"op-{op}"), step, fence)


@pytest.fixture
def stage(namespace: Namespace) -> KubectlStage:
    return KubectlStage.of(namespace)


@contextmanager
def far_away(namespace: Namespace, folder: Path) -> Iterator[tuple[KubernetesCluster, Proxy]]:
    """Our cluster by way of the proxy."""
    with proxy("10.199.0.2", 6443) as between:
        access = access_through(namespace.rig.addresses.bot_kubeconfig, folder, between.port)
        deadlines = Deadlines(read=timedelta(seconds=8), whole=timedelta(seconds=10))
        far = cluster(access, uid_of(namespace.rig.kubectl), deadlines=deadlines)
        try:
            yield far, between
        finally:
            far.close()


def wire_of(between: Proxy, writes: ClusterWrites, ref: ObjectRef) -> Wire:
    """The acting person's connection, told by the fact that it is opened for the first write, after the bot's."""
    known = len(between.wires)
    writes.workloads.stamp(ref, mark=mark("0"))
    assert len(between.wires) == known + 2, "the bot's for reading, the person's for writing"
    return between.wires[-1]


def writes_of(namespace: Namespace, since: int) -> list[tuple[str, int]]:
    return [
        (event.verb, event.status)
        for event in namespace.rig.audit_log.writes(namespace=namespace.name, since=since, user=BOT)
    ]


def test_a_lost_reply_is_recognised_by_its_marks(namespace: Namespace, stage: KubectlStage, tmp_path: Path) -> None:
    web = stage.deploy("web")
    with far_away(namespace, tmp_path) as (far, between):
        writes = far.writes(ANN)
        wire = wire_of(between, writes, web.ref)
        since = namespace.rig.audit_log.position()
        wire.loses.set()
        with pytest.raises(Unavailable) as caught:
            writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        assert caught.value.why is not None
        assert wire.is_lost.is_set()
        assert stage.cluster.reads().workloads.rollout(web.ref).workload.replicas == 3
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
    assert writes_of(namespace, since) == [("patch", 200)]


def test_a_copy_whose_reply_was_lost_is_made_once(namespace: Namespace, stage: KubectlStage, tmp_path: Path) -> None:
    web = stage.deploy("web")
    labels = {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
    with far_away(namespace, tmp_path) as (far, between):
        writes = far.writes(ANN)
        wire = wire_of(between, writes, web.ref)
        since = namespace.rig.audit_log.position()

        def create() -> ObjectRef:
            template = web.template.with_labels(put=labels, drop=("app.kubernetes.io/name",))
            return writes.workloads.create_copy(
                web.ref, name="web-canary", template=template, selector=labels, replicas=1, mark=mark()
            )

        wire.loses.set()
        with pytest.raises(Unavailable):
            create()
        made = create()
        again = far.writes(ANN).workloads
        again.delete(made, mark=mark("2"))
    assert writes_of(namespace, since) == [("create", 201), ("create", 409), ("delete", 200)]


@pytest.mark.parametrize("late", ["scale", "delete"])
def test_a_stamp_defeats_a_write_that_was_sent_before_it(
    namespace: Namespace, stage: KubectlStage, tmp_path: Path, late: str
) -> None:
    web = stage.deploy("web")
    with far_away(namespace, tmp_path) as (far, between), ThreadPoolExecutor() as pool:
        writes = far.writes(ANN)
        wire = wire_of(between, writes, web.ref)
        wire.is_open.clear()
        since = namespace.rig.audit_log.position()

        def send() -> None:
            if late == "scale":
                writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
            else:
                writes.workloads.delete(web.ref, mark=mark())

        sent = pool.submit(send)
        until("the late write to be on its way", wire.is_held.is_set)
        stage.cluster.writes(ANN).workloads.stamp(web.ref, mark=mark(fence=6))
        wire.is_open.set()
        with pytest.raises(Conflict):
            sent.result()
    left = stage.cluster.reads().workloads.rollout(web.ref).workload
    assert (left.replicas, left.mark) == (2, mark(fence=6))
    refused = {"scale": ("patch", 422), "delete": ("delete", 409)}[late]
    assert writes_of(namespace, since) == [("patch", 200), refused]


def test_of_many_who_change_the_same_value_one_does(stage: KubectlStage) -> None:
    web = stage.deploy("web")
    rounds, writers = 5, 6

    def change(n: int, before: int, after: int, fence: int) -> bool:
        try:
            stage.cluster.writes(Acting("ann", ("devs",), f"op-{n}")).workloads.scale(
                web.ref, before=before, after=after, mark=mark(op=n, fence=fence)
            )
        except Conflict:
            return False
        return True

    value = 2
    with ThreadPoolExecutor(writers) as pool:
        for turn in range(rounds):
            goals = [10 + turn * writers + n for n in range(writers)]
            futures = [pool.submit(change, n + 1, value, goal, turn + 1) for n, goal in enumerate(goals)]
            won = [goal for goal, future in zip(goals, futures, strict=True) if future.result()]
            value = stage.cluster.reads().workloads.rollout(web.ref).workload.replicas
            assert won == [value]


def test_every_request_bears_its_own_persons_name(rig: Rig) -> None:
    people = tuple(f"p{n}" for n in range(20))
    with rig.namespace() as made:
        made.allow_bot(People(users=people))
        stage = KubectlStage.of(made)
        since = rig.audit_log.position()

        def work(person: str) -> None:
            acting = Acting(person, ("devs",), f"op-{person[1:]}1")
            for n in range(10):
                writes = stage.cluster.writes(acting)
                writes.configs.create(made.name, f"{person}-{n}", {"by": person}, mark=mark(str(n)))

        with ThreadPoolExecutor(len(people)) as pool:
            for done in [pool.submit(work, person) for person in people]:
                done.result()
        seen = [event for event in rig.audit_log.writes(namespace=made.name, since=since, user=BOT) if event.is_done]
    assert len(seen) == 200
    for event in seen:
        assert event.name.rpartition("-")[0] == event.person
        assert event.extra == {"pilothouse.io/operation": (f"op-{event.person[1:]}1",)}
        assert "devs" in event.groups


def test_a_cluster_of_another_uid_is_not_written(namespace: Namespace, stage: KubectlStage) -> None:
    web = stage.deploy("web")
    access = Kubeconfig(namespace.rig.addresses.bot_kubeconfig, CONTEXT)
    other = cluster(access, "00000000-0000-4000-8000-000000000000")
    since = namespace.rig.audit_log.position()
    with pytest.raises(Refused):
        other.ping()
    with pytest.raises(Refused):
        other.writes(ANN).workloads.scale(web.ref, before=2, after=3, mark=mark())
    assert writes_of(namespace, since) == []


def test_a_person_without_rights_changes_nothing(namespace: Namespace, stage: KubectlStage) -> None:
    web = stage.deploy("web")
    namespace.rig.kubectl("delete", "rolebinding", "people", "-n", namespace.name)
    writes = stage.cluster.writes(ANN)
    calls: tuple[Callable[[], object], ...] = (
        lambda: writes.workloads.scale(web.ref, before=2, after=3, mark=mark()),
        lambda: writes.workloads.stamp(web.ref, mark=mark()),
        lambda: writes.workloads.delete(web.ref, mark=mark()),
        lambda: writes.configs.create(namespace.name, "web", {}, mark=mark()),
        lambda: stage.cluster.writes(Acting("eve", ("devs",))).workloads.stamp(web.ref, mark=mark()),
        lambda: stage.cluster.reads().workloads.config(namespace.name, ("web",)),
    )
    for call in calls:
        with pytest.raises(Refused):
            call()
    left = stage.cluster.reads().workloads.rollout(web.ref).workload
    assert (left.replicas, left.mark, left.generation) == (2, None, web.generation)


def test_a_quota_that_refuses_is_said_in_the_clusters_words(namespace: Namespace, stage: KubectlStage) -> None:
    namespace.rig.kubectl("create", "quota", "small", "--hard=configmaps=0", "-n", namespace.name)
    until(
        "the quota to be counted",
        lambda: stage.kubectl.value("quota", "small", ".status.hard", namespace=stage.namespace),
    )
    with pytest.raises(Refused, match="exceeded quota: small"):
        stage.cluster.writes(ANN).configs.create(namespace.name, "web", {}, mark=mark())


def test_a_value_that_the_server_does_not_accept_is_refused_and_not_tried_again(
    namespace: Namespace, stage: KubectlStage
) -> None:
    web = stage.deploy("web")
    since = namespace.rig.audit_log.position()
    with pytest.raises(Refused, match="must be greater than or equal to 0"):
        stage.cluster.writes(ANN).workloads.scale(web.ref, before=2, after=-1, mark=mark())
    assert writes_of(namespace, since) == [("patch", 422)]


FORBIDDEN = (
    # As itself the bot changes nothing and sees no contents.
    "get secrets",
    "get configmaps",
    "get serviceaccounts",
    "create configmap x",
    "delete deployment web",
    "scale deployment web --replicas=0",
    "patch service web -p {}",
    "label deployment web a=b",
    "logs deployment/web",
    "create job x --image=y",
    "create token default",
    "delete pods --all",
    "create rolebinding x --clusterrole=admin --user=bot",
    "get roles",
    "run x --image=y",
    # In the name of a person it does only what it is for, whatever the person may.
    "get secrets --as=ann --as-group=devs",
    "create secret generic x --as=ann --as-group=devs",
    "delete secret x --as=ann --as-group=devs",
    "get pods --as=ann --as-group=devs",
    "delete pods --all --as=ann --as-group=devs",
    "exec deployment/web --as=ann --as-group=devs -- id",
    "create job x --image=y --as=ann --as-group=devs",
    "create token default --as=ann --as-group=devs",
    "delete configmap kube-root-ca.crt --as=ann --as-group=devs",
    "create deployment x --image=y --as=eve --as-group=devs",
    "create configmap x --as=ann --as-group=admins",
    "create configmap x --as=admin --as-group=system:masters",
    "create configmap x --as=ann --as-group=system:masters",
    "create configmap x --as=system:serviceaccount:kube-system:default",
    "create configmap x -n default --as=ann --as-group=devs",
    "get namespaces",
    "get nodes",
)


def test_what_is_forbidden_to_the_bot_stays_forbidden(namespace: Namespace, stage: KubectlStage) -> None:
    stage.deploy("web")
    rig = namespace.rig
    allowed = []
    for words in FORBIDDEN:
        where = () if " -n " in words else ("-n", namespace.name)
        verb, *rest = words.split()
        try:
            rig.bot(verb, *where, *rest)
        except KubectlError as error:
            if "forbidden" not in str(error).lower():
                allowed.append(f"{words}: {error}")
        else:
            allowed.append(words)
    assert allowed == []
    assert len(FORBIDDEN) >= 30


def test_a_wrong_authority_is_not_trusted(namespace: Namespace, tmp_path: Path) -> None:
    text = Path(namespace.rig.addresses.bot_kubeconfig).read_text()
    folder = namespace.rig.addresses.folder
    file = tmp_path / "kubeconfig"
    file.write_text(text.replace(f"{folder}/ca.crt", f"{folder}/front-proxy.crt"))
    with pytest.raises(Refused, match="certificate"):
        cluster(Kubeconfig(str(file), CONTEXT), "").uid()


def test_credentials_that_ran_out_are_refused(namespace: Namespace, tmp_path: Path) -> None:
    text = Path(namespace.rig.addresses.bot_kubeconfig).read_text()
    start = text.index('"token": "') + len('"token": "')
    file = tmp_path / "kubeconfig"
    file.write_text(text[:start] + "0" * 32 + text[start + 32 :])
    with pytest.raises(IntegrationError) as caught:
        cluster(Kubeconfig(str(file), CONTEXT), "").uid()
    assert caught.value.code == "refused"
