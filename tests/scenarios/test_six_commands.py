"""The six commands from the typed line to the last card: what people see, what the cluster got, what is recorded."""

from __future__ import annotations

import itertools

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.playground.person import labels
from tests.scenarios.office import Json, Office


def outcome_told(office: Office, id: str, words: str = "done") -> None:
    """The audit channel says how it ended."""

    def look() -> bool:
        lines = office.audit().splitlines()
        return any(f"*Outcome: {words}*" in head and f" {id} " in foot for head, foot in itertools.pairwise(lines))

    office.wait_for(look)


def test_deploy_to_staging_needs_nobody_and_ends_as_done(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    assert labels(plan) == ["Deploy", "Full plan", "Cancel"]
    assert not office.world.effects
    assert office.slack.messages("staging") == []
    id = office.newest().id
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE
    card = office.card(id, channel="staging", says="Done: web 1.8.2 is live on staging")
    assert labels(card)[:2] == ["Logs", "Roll back"]
    office.wait_for(lambda: any("done: web 1.8.2 is live" in words for words in office.thread(card)))
    assert "<@U0ANA0001>" in office.thread(card)[-1]
    assert [effect.method for effect in office.effects(id)] == ["replace_template"]
    assert {effect.acting.user for effect in office.effects(id)} == {"ana@example.com"}
    assert "@sha256:" in office.image()
    outcome_told(office, id)


def test_deploy_to_production_is_approved_by_another_and_ends_as_done(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod reason=“Fixes the empty cart”")
    card = office.card(id, says="Approval needed")
    assert "Fixes the empty cart" in card["text"]
    assert labels(card)[:2] == ["Review and approve", "Deny"]
    assert not office.world.effects
    office.approve(office.bo, id)
    running = office.card(id, says="goes back by itself")
    assert "approved by bo" in running["text"]
    assert "Stop and roll back" in labels(running)
    assert office.ends(id).phase is Phase.DONE
    office.card(id, says="Done")
    assert len(office.cards(id)) == 1
    assert {effect.acting.user for effect in office.effects(id)} == {"ana@example.com"}
    outcome_told(office, id)
    assert "*Vote* · deploy · web · prod" in office.audit()


def test_a_bad_version_is_rolled_back_by_itself_and_the_channel_hears_why(office: Office) -> None:
    before = office.image()
    id = office.start(office.ana, "deploy web@1.9.1 to staging", channel="staging")
    assert office.ends(id).phase is Phase.UNDONE
    card = office.card(id, channel="staging", says="Rolled back")
    assert "crashes" in card["text"]
    assert office.image() == before
    office.wait_for(lambda: any("rolled back" in words for words in office.thread(card)))
    ending = next(m for m in office.slack.messages("staging", thread=card["ts"]) if "rolled back:" in m["text"])
    assert ending["subtype"] == "thread_broadcast"
    outcome_told(office, id, "undone")
    refused = office.answer(office.ana, "deploy web@1.9.1 to staging", channel="staging")
    assert "locked out" in refused["text"]


def holding(office: Office, id: OperationId, channel: str) -> Json:
    return office.card(id, channel=channel, says="Waits for a person")


def test_canary_gets_a_share_waits_and_is_promoted(office: Office) -> None:
    id = office.start(office.ana, "canary web@1.8.2 25 to staging", channel="staging")
    holding(office, id, "staging")
    card = office.card(id, channel="staging", says="(1 of 3 pods)")
    assert "Canary at 25 %" in card["text"]
    namespace = office.world.scene("eu-1").namespace("web-staging")
    assert namespace.deployments["web-canary"].replicas == 1
    office.lee.click(card, "Promote to everybody")
    assert office.ends(id).phase is Phase.DONE
    office.card(id, channel="staging", says="Done")
    assert "web-canary" not in office.world.scene("eu-1").namespace("web-staging").deployments
    assert "1.8.2" in office.answer(office.ana, "status web in staging", channel="staging")["text"]


def test_canary_is_aborted_from_its_card_and_leaves_nothing(office: Office) -> None:
    before = office.image()
    id = office.start(office.ana, "canary web@1.8.2 25 to staging", channel="staging")
    office.lee.click(holding(office, id, "staging"), "Abort")
    assert office.ends(id).phase is Phase.UNDONE
    office.card(id, channel="staging", says="Rolled back")
    assert office.image() == before
    assert "web-canary" not in office.world.scene("eu-1").namespace("web-staging").deployments


def test_rollback_goes_back_and_locks_the_version_out(office: Office) -> None:
    office.ends(office.start(office.ana, "deploy web@1.8.2 to staging", channel="staging"))
    plan = office.plan(office.lee, "rollback web to staging", channel="staging")
    assert "1.8.1" in plan["text"]
    assert labels(plan)[0] == "Roll back now"
    id = office.newest().id
    office.lee.click(plan, "Roll back now")
    assert office.ends(id).phase is Phase.DONE
    office.card(id, channel="staging", says="Done: web on staging is on 1.8.1 again")
    kept = office.world.registry.find("registry.test/web", "1.8.1")
    assert kept is not None
    assert office.image() == f"registry.test/web@{kept.digest}"
    assert "locked out" in office.answer(office.ana, "deploy web@1.8.2 to staging", channel="staging")["text"]


def test_scale_sets_the_pods_and_offers_the_way_back(office: Office) -> None:
    id = office.start(office.ana, "scale web 4 to staging", channel="staging")
    assert office.ends(id).phase is Phase.DONE
    card = office.card(id, channel="staging", says="Done: web on staging has 4 pods")
    assert [effect.words for effect in office.effects(id)] == ["replicas 2 -> 4"]
    office.ana.click(card, "Back to 2")
    plan = office.ephemeral(office.ana.id, "scale web on staging to 2")
    assert labels(plan)[0] == "Scale"


def test_scaling_what_an_autoscaler_owns_offers_its_bounds_and_sets_them(office: Office) -> None:
    shown = office.answer(office.bo, "scale checkout 8 to prod")
    assert "autoscaler sizes checkout on prod: 2 to 6 pods" in shown["text"]
    assert "Nothing was changed" in shown["text"]
    office.bo.click(shown, "Allow up to 8")
    plan = office.ephemeral(office.bo.id, "Plan")
    id = office.newest().id
    office.bo.click(plan, labels(plan)[0])
    assert office.ends(id).phase is Phase.DONE
    autoscaler = office.world.scene("eu-1").namespace("web-prod").autoscalers["checkout"]
    assert (autoscaler.minimum, autoscaler.maximum) == (2, 8)


def test_logs_are_shown_to_the_asker_and_shared_on_request(office: Office) -> None:
    shown = office.answer(office.ana, "logs web in prod")
    assert "lines, peak" in shown["text"]
    assert office.slack.messages("prod") == []
    office.ana.click(shown, "Share here")
    shared = office.message("prod", "Logs: web on prod")
    assert shared["user"] != office.ana.id
    office.ana.click(shown, "Newest 500 as a file")
    office.wait_for(lambda: any(m.get("files") for m in office.ana.direct_messages()))


def test_alerts_say_that_nothing_fires(office: Office) -> None:
    assert "Nothing fires" in office.answer(office.ana, "alerts in prod")["text"]
