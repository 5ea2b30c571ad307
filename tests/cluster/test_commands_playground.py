"""The playground on a real cluster: namespaces found by their labels, and the rig's own sample apps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bot.app import parts as outside
from bot.app.clock import SystemClock
from bot.app.found_cluster import of_cluster
from bot.app.playground import Playground
from bot.domain.errors import Missing, SettingsBroken
from bot.domain.refs import AppName, EnvName
from bot.road.directory import AppDirectory
from bot.settings import read
from tests.kit import ground
from tests.kit.live import PEOPLE
from tests.rig.registry import image
from tests.rig.rig import Namespace, Rig
from tests.rig.sample import SampleApp


@contextmanager
def labelled(rig: Rig) -> Iterator[Namespace]:
    with rig.namespace() as made:
        made.allow_bot(PEOPLE)
        labels = ("pilothouse.io/env=staging", "pilothouse.io/tenant=team-web")
        rig.kubectl("label", "namespace", made.name, *labels)
        yield made
        rig.kubectl("label", "namespace", made.name, "pilothouse.io/env-")


def test_a_kubeconfig_is_enough_where_namespaces_carry_the_labels(rig: Rig, tmp_path: Path) -> None:
    rig.push_image("web", "1.0")
    with labelled(rig) as made:
        made.deploy(SampleApp("web", image("web", "1.0"), replicas=1))
        file = Path(rig.addresses.admin_kubeconfig)
        playground = Playground(port=0, kubeconfig=file, context="", cluster="", folder=tmp_path / "playground")
        playground.start()
        try:
            assert playground.slack is not None
            ana = playground.slack.person("ana")
            ana.slash("/scale", "web 2 to staging", channel="staging")
            ana.click(playground.slack.wait_for_ephemeral(ana.id, "Plan: scale web", seconds=30), "Scale")
            playground.slack.wait_for_message("staging", "Done: web on staging has 2 pods", seconds=90)
            assert playground.slack.refusals() == []
        finally:
            playground.stop()
        assert rig.kubectl.value("deployment", "web", ".spec.replicas", namespace=made.name) == "2"


def test_a_cluster_without_labelled_namespaces_says_how_to_label_them(rig: Rig) -> None:
    with pytest.raises(SettingsBroken) as caught:
        of_cluster(Path(rig.addresses.admin_kubeconfig), "rig", SystemClock())
    assert "has the labels pilothouse.io/env and pilothouse.io/tenant" in caught.value.what.plain()
    assert caught.value.why is not None
    assert "kubectl label namespace" in caught.value.why.plain()


def test_a_context_that_is_not_there_and_a_file_that_is_none_are_said(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no context other"):
        of_cluster(Path(rig.addresses.admin_kubeconfig), "other", SystemClock())
    with pytest.raises(Missing, match="cannot be used as a kubeconfig"):
        of_cluster(tmp_path / "nothing", "", SystemClock())


def test_the_sample_apps_of_the_rig_are_there_for_a_bot_with_the_settings_that_come_with_them(
    rig: Rig, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        urls = ground.settle(rig, stack)
        assert set(urls) == {(app, env) for app in ("web", "payments") for env in ("staging", "prod")}
        file = tmp_path / "settings.yaml"
        file.write_text(json.dumps(ground.settings(rig)))
        settings, clock = read(file), SystemClock()
        assert settings.problems == ()
        parts = outside.real(settings, clock)
        stack.callback(parts.close)
        apps = AppDirectory(outside.sites(settings), parts.reads, clock)
        for env in ("staging", "prod"):
            assert apps.names(EnvName(env)) == (AppName("payments"), AppName("web"))
        assert outside.alert_webhook(settings) is not None
        assert set(parts.images.tags("registry.test/web")) >= set(ground.VERSIONS["web"])
