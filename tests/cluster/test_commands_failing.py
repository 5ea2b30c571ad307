"""Versions that fail on a real node: each is rolled back by itself, with its reason, while requests go on."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx
import pytest

from tests.kit.live import Town
from tests.rig.build import SAMPLE
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp

WAYS: dict[str, tuple[dict[str, str], str]] = {
    "crash": ({"CRASH": "1"}, "crashes"),
    "crash-later": ({"CRASH_AFTER_SECONDS": "3"}, "crashes"),
    "never-ready": ({"FAIL_READY": "1"}, "never became ready"),
    "memory": ({"LEAK_MB": "24"}, "killed for memory"),
}


def check_rolled_back(town: Town, version: str, why: str, *, more: str = "") -> None:
    """Deploys it, and looks at everything that says what became of it."""
    before = town.image("web")
    with Load(town.namespace("staging").url("web"), rate=50) as load:
        id = town.asks("ana", f"deploy web@{version} to staging{more}", "Deploy")
        ended = town.ended(id)
    found = load.result
    print(f"\n{version}: {len(found.lost)} of {found.sent} requests lost, {found.share(version):.1%} answered by it")
    assert ended["text"].startswith("Rolled back: web on staging is on 1.0 again"), ended["text"]
    assert why in ended["text"], ended["text"]
    assert len(found.lost) <= found.sent * 0.1, found.lost
    assert town.image("web") == before
    town.settled("web")
    running = {pod["spec"]["containers"][0]["image"] for pod in town.pods("web")}
    assert running == {before}
    told = next(line for line in town.thread(ended) if "rolled back" in line)
    assert why in told
    assert town.audited("Outcome: undone", id)
    # Rolling back was approved with the plan, and is done in the same name.
    town.check_who_wrote(id, "ana@example.com")
    town.answer("ana", f"deploy web@{version} to staging", f"{version} is locked out of staging")
    assert town.slack.refusals() == []


def serve(rig: Rig, town: Town) -> None:
    rig.push_image("web", "1.0")
    town.deploy(SampleApp("web", image("web", "1.0"), min_ready_seconds=5))


@pytest.mark.parametrize("way", WAYS)
def test_a_version_that_fails_is_rolled_back_with_its_reason(rig: Rig, town: Town, way: str) -> None:
    env, why = WAYS[way]
    rig.push_image("web", f"2.0-{way}", **env)
    serve(rig, town)
    check_rolled_back(town, f"2.0-{way}", why, more=" deadline=20s" if way == "never-ready" else "")


def test_an_image_that_cannot_be_pulled_is_rolled_back_with_its_reason(rig: Rig, town: Town, tmp_path: Path) -> None:
    serve(rig, town)
    push_without_a_layer(rig, "web", "2.0-torn", tmp_path)
    check_rolled_back(town, "2.0-torn", "cannot be pulled")


def push_without_a_layer(rig: Rig, name: str, tag: str, folder: Path) -> None:
    """The manifest is there, so that the tag can be resolved; the layer that it names is not, so that no node can pull it."""
    unlike_any = folder / "unlike-any-other"
    unlike_any.write_bytes(secrets.token_bytes(64))
    rig.registry.push_files(name, tag, {"/app": SAMPLE.path("bin/app"), "/other": unlike_any}, {"VERSION": tag})
    kind = "application/vnd.oci.image.manifest.v1+json"
    with httpx.Client(base_url=rig.registry.url, trust_env=False) as client:
        manifest = client.get(f"/v2/{name}/manifests/{tag}", headers={"Accept": kind}).raise_for_status().json()
        client.delete(f"/v2/{name}/blobs/{manifest['layers'][0]['digest']}").raise_for_status()
