"""Deploy, from a slash command to running containers: signed HTTP and Socket Mode, with and without an approval."""

from __future__ import annotations

from tests.kit.live import Town
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp


def web(rig: Rig, *, replicas: int = 2) -> SampleApp:
    rig.push_image("web", "1.0")
    return SampleApp("web", image("web", "1.0"), replicas=replicas, min_ready_seconds=1)


def test_a_deploy_to_staging_runs_the_new_digest_as_the_person_who_asked(rig: Rig, town: Town) -> None:
    new = rig.push_image("web", "2.0")
    url = town.deploy(web(rig))
    with Load(url, rate=50) as load:
        id = town.asks("ana", "deploy web@2.0 to staging", "Deploy")
        done = town.ended(id)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    assert town.image("web") == new
    assert load.result.lost == ()
    assert load.result.share("1.0") > 0
    assert load.result.share("2.0") > 0
    events = town.check_who_wrote(id, "ana@example.com")
    assert {(event.verb, event.resource) for event in events} == {("patch", "deployments")}
    assert all("team-web" in event.groups for event in events)
    assert "ana" in town.audited("Outcome: done", id)
    assert town.audited("Intent", id)
    assert any("done: web 2.0 is live" in line for line in town.thread(done))
    assert town.slack.refusals() == []


def test_a_deploy_to_prod_waits_for_the_approval_of_somebody_else(rig: Rig, town: Town) -> None:
    old, new = image("web", "1.0"), rig.push_image("web", "2.0")
    town.deploy(web(rig, replicas=1), env="prod")
    id = town.asks("ana", "deploy web@2.0 to prod", "Ask for approval", channel="prod")
    asked = town.card(id, "Approval needed")
    ana = town.slack.person("ana")
    ana.click(asked, "Review and approve")
    own = town.slack.wait_for(lambda: view if (view := ana.modal()) and "someone else approves" in str(view) else None)
    assert not own.get("submit")
    assert town.image("web", env="prod") == old
    assert town.writes(env="prod") == []

    town.approves("bo", id)
    done = town.ended(id)
    assert done["text"].startswith("Done: web 2.0 is live on prod"), done["text"]
    assert town.image("web", env="prod") == new
    # Who approved is in the record; who did it is who asked.
    town.check_who_wrote(id, "ana@example.com", env="prod")
    assert "approved by bo" in town.audited("Intent", id)
    assert "by `bo`" in town.audited("Vote", id)
    assert "by `ana`" in town.audited("Outcome: done", id)
    assert town.slack.refusals() == []
