"""Checkpoints in a ConfigMap of the real API server, with exactly the rights of deploy/rbac/checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.audit.checkpoint import Keys, Signer
from bot.audit.sinks import KEPT, TextSink
from bot.domain.errors import Missing
from integrations.kubernetes.kept_text import ConfigMapText
from tests.audit.test_checkpoint import PLAIN
from tests.cluster.kubernetes_stage import KubectlStage
from tests.contracts.store.stage import in_threads
from tests.rig.kubectl import KubectlError
from tests.rig.rig import Namespace

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "rbac" / "checkpoints" / "configmap.yaml"
NAME = "pilothouse-checkpoints"


@pytest.fixture
def place(namespace: Namespace) -> ConfigMapText:
    rig = namespace.rig
    bot = rig.bot("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()
    rig.kubectl.apply_text(SHIPPED.read_text().replace("NAMESPACE", namespace.name).replace("BOT", bot))
    return KubectlStage.of(namespace).cluster.text(namespace.name, NAME)


def sink_of(place: ConfigMapText) -> TextSink:
    return TextSink(place.name, read=place.read, change=place.change)


def test_checkpoints_are_kept_and_read_back_as_genuine(place: ConfigMapText) -> None:
    signer, sink = Signer(b"s" * 32), sink_of(place)
    assert sink.read() == ()
    put = [signer.sign(replace(PLAIN, size=size)) for size in (1, 2, 3)]
    for each in put:
        sink.put(each)
    assert sink.read() == tuple(put)
    assert all(Keys((signer.public,)).is_genuine(each) for each in sink.read())


def test_replicas_that_write_at_once_lose_none(place: ConfigMapText) -> None:
    signer = Signer(b"s" * 32)
    writes: list[Callable[[], None]] = [
        lambda size=size: sink_of(place).put(signer.sign(replace(PLAIN, size=size)))  # type: ignore[misc]
        for size in range(1, 4)
    ]
    in_threads(writes)
    assert sorted(each.size for each in sink_of(place).read()) == [1, 2, 3]
    assert len(sink_of(place).read()) <= KEPT


def test_the_bot_may_touch_this_object_and_no_other_and_cannot_make_it_again(
    namespace: Namespace, place: ConfigMapText
) -> None:
    scope = ("-n", namespace.name)
    namespace.rig.kubectl("create", "configmap", "other", *scope)
    for forbidden in (
        ("get", "configmap", "other", *scope),
        ("get", "configmaps", *scope),
        ("create", "configmap", "mine", *scope),
        ("delete", "configmap", NAME, *scope),
        ("patch", "configmap", "other", "-p", '{"data": {"x": "y"}}', *scope),
    ):
        with pytest.raises(KubectlError, match=r"(?i)forbidden"):
            namespace.rig.bot(*forbidden)
    namespace.rig.kubectl("delete", "configmap", NAME, *scope)
    with pytest.raises(Missing):
        sink_of(place).put(Signer(b"s" * 32).sign(PLAIN))
