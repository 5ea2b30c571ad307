"""Who may decide and what still stands between a yes and the first write, through Slack's own buttons and dialogs."""

from __future__ import annotations

import threading

import pytest

from bot.domain.operation import Phase, SignalKind
from bot.playground.errors import PersonError
from bot.playground.person import PersonAt, labels
from tests.scenarios.office import Office

DEPLOY = "deploy web@1.8.2 to prod"
FREEZE = """
freezes:
  - name: year-end
    reason: Nobody is there to mend it
    env: [prod]
    zone: Europe/Berlin
    from: 2020-12-23 18:00
    to: 2099-01-04 08:00
"""


def at_once(*deeds: object) -> None:
    threads = [threading.Thread(target=deed) for deed in deeds]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_double_click_asks_once(office: Office) -> None:
    plan = office.plan(office.ana, DEPLOY)
    id = office.newest().id
    at_once(*(lambda: office.ana.click(plan, "Ask for approval") for _ in range(4)))
    office.card(id, says="Approval needed")
    asked = [signal for signal in office.operation(id).signals if signal.kind is SignalKind.ASK]
    assert len(asked) == 1
    assert len(office.operations()) == 1
    assert len(office.cards(id)) == 1


def test_a_double_click_on_deploy_deploys_once(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    id = office.newest().id
    at_once(*(lambda: office.ana.click(plan, "Deploy") for _ in range(3)))
    assert office.ends(id).phase is Phase.DONE
    assert [effect.method for effect in office.effects(id)] == ["replace_template"]
    assert len(office.operations()) == 1


def test_a_dialog_that_is_submitted_twice_votes_once(office: Office) -> None:
    id = office.start(office.ana, DEPLOY)
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: office.submittable(office.bo))

    def submit() -> None:
        # The second may find the dialog gone, as in Slack.
        try:
            office.bo.submit(view)
        except PersonError:
            return

    at_once(submit, submit)
    office.reaches(id, Phase.READY, Phase.RUNNING)
    assert len([s for s in office.operation(id).signals if s.kind is SignalKind.APPROVE]) == 1


def test_nobody_approves_their_own(office: Office) -> None:
    id = office.start(office.bo, DEPLOY)
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: review_of(office, office.bo))
    assert "submit" not in view or view["submit"] is None
    assert "someone else approves" in str(view["blocks"])
    refused = office.answer(office.bo, f"approve {id}")
    assert "cannot approve your own" in refused["text"]
    assert office.operation(id).phase is Phase.WAITING
    assert office.records()[-1].record.kind == "denied"
    assert not office.world.effects


def review_of(office: Office, who: PersonAt) -> dict[str, object] | None:
    view = who.modal()
    return view if view is not None and "Everything that changes" in str(view["blocks"]) else None


def test_a_developer_of_another_team_can_neither_approve_nor_deny(office: Office) -> None:
    id = office.start(office.bo, "deploy payments@5.0.3 to prod")
    card = office.card(id, says="Approval needed")
    office.ana.click(card, "Review and approve")
    view = office.see(lambda: review_of(office, office.ana))
    assert not view.get("submit")
    for line in (f"approve {id}", f"deny {id} no", f"cancel {id}"):
        assert "Nothing was changed" in office.answer(office.ana, line)["text"]
    assert office.operation(id).phase is Phase.WAITING
    assert office.card(id)["text"] == card["text"]
    assert [each.record.outcome for each in office.records()][-3:] == ["not-permitted"] * 3


def test_a_guest_is_refused_at_every_button_and_command_that_changes_something(office: Office) -> None:
    id = office.start(office.ana, DEPLOY, channel="team-web")
    card = office.card(id, channel="team-web", says="Approval needed")
    known = {each["ts"] for each in office.slack.ephemerals(office.gus.id)}
    office.gus.click(card, "Withdraw my request")
    assert "Guests may not change anything" in office.next_to(office.gus, known)["text"]
    for line in (f"approve {id}", f"deny {id} no", "deploy web@1.8.2 to staging", "scale web 1 to staging"):
        refused = office.answer(office.gus, line, channel="team-web")
        assert "Guests may not change anything" in refused["text"]
    assert office.operation(id).phase is Phase.WAITING
    assert len(office.operations()) == 1
    office.wait_for(lambda: "*Denied: not-enrolled*" in office.audit())


def test_a_denial_asks_for_words_and_shows_them(office: Office) -> None:
    id = office.start(office.ana, DEPLOY)
    office.bo.click(office.card(id, says="Approval needed"), "Deny")
    view = office.see(lambda: office.submittable(office.bo))
    office.bo.submit(view, {"reason": "Wait for the sale to end <!channel>"})
    card = office.card(id, says="Denied")
    assert "Wait for the sale to end" in card["text"]
    assert "<!channel>" not in card["text"]
    assert "Review and approve" not in labels(card)
    assert office.operation(id).phase is Phase.DENIED
    assert not office.world.effects


def test_who_asked_can_withdraw(office: Office) -> None:
    id = office.start(office.ana, DEPLOY)
    office.ana.click(office.card(id, says="Approval needed"), "Withdraw my request")
    card = office.card(id, says="Withdrawn")
    assert labels(card) == []
    assert office.operation(id).phase is Phase.WITHDRAWN


def test_what_expired_cannot_be_approved_and_says_the_way_on(office: Office) -> None:
    office.write_policy(lambda words: words.replace("approval-expiry: 15m", "approval-expiry: 5s"))
    office.wait_for(lambda: office.live.bot.core.judge().version and is_short(office))
    id = office.start(office.ana, DEPLOY)
    waiting = office.card(id, says="Approval needed")
    card = office.card(id, says="Expired")
    assert "Plan it again" in labels(card)
    with pytest.raises(PersonError):
        office.bo.click({**card, "blocks": waiting["blocks"]}, "Review and approve")
    refused = office.answer(office.bo, f"approve {id}")
    assert "has expired" in refused["text"]
    assert office.operation(id).phase is Phase.EXPIRED
    assert not office.world.effects
    office.ana.click(card, "Plan it again")
    office.ephemeral(office.ana.id, "Plan: deploy web 1.8.2 to prod")


def is_short(office: Office) -> bool:
    return office.live.bot.core.judge().duration("approval-expiry", None, None).total_seconds() < 10


def test_a_plan_that_changed_between_approval_and_the_first_write_does_not_run(office: Office) -> None:
    id = office.start(office.ana, DEPLOY)
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: office.submittable(office.bo))
    with office.world.entered():
        state = office.world.state("eu-1")
        deployment = state.deployment("web-prod", "web")
        deployment.template = deployment.template.with_image("web", "registry.test/web:1.8.0")
        state.changed(deployment)
    office.wait_for(lambda: is_settled(office))
    office.bo.submit(view)
    card = office.card(id, says="Stopped")
    assert "Image was 1.8.1 → 1.8.2" in card["text"]
    assert "it is now 1.8.0 → 1.8.2" in card["text"]
    assert "See the new plan" in labels(card)
    assert office.operation(id).phase is Phase.REFUSED
    assert not office.effects(id)
    office.wait_for(lambda: any("stopped before anything was changed" in words for words in office.thread(card)))


def is_settled(office: Office) -> bool:
    found = office.live.bot.core.cluster("eu-1").workloads.find("web-prod", "web")
    return found is not None and found.template.images["web"].endswith(":1.8.0") and found.is_settled


def test_a_tag_that_moves_after_the_approval_is_not_deployed(office: Office) -> None:
    id = office.start(office.ana, "deploy web@latest to prod")
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: office.submittable(office.bo))
    with office.world.entered():
        office.world.registry.retag("registry.test/web", "latest", "1.10.0")
    office.bo.submit(view)
    assert office.ends(id).phase is Phase.REFUSED
    assert "Image was" in office.card(id, says="Stopped")["text"]
    assert not office.effects(id)


def test_a_lock_names_its_holder_and_can_be_taken_over_with_notice(office: Office) -> None:
    office.answer(office.lee, "lock web to staging load test until noon", channel="staging")
    office.wait_for(lambda: office.newest().phase is Phase.DONE)
    refused = office.answer(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    assert "load test until noon" in refused["text"]
    assert "lee" in refused["text"]
    assert office.records()[-1].record.outcome == "locked"
    assert not office.world.effects
    take = next(label for label in labels(refused) if "Take" in label)
    office.ana.click(refused, take)
    office.wait_for(lambda: office.newest().requester.id == "ana" and office.newest().phase is Phase.DONE)
    office.ends(office.start(office.ana, "deploy web@1.8.2 to staging", channel="staging"))
    office.card(office.newest().id, channel="staging", says="Done")


def test_one_operation_at_a_time_changes_an_app(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.9.2 to staging", channel="staging")
    office.wait_for(lambda: office.effects(id))
    refused = office.answer(office.lee, "scale web 3 to staging", channel="staging")
    assert f"{id}, deploy by ana" in refused["text"]
    assert "target-busy" in refused["text"]
    office.lee.click(refused, "Show it")
    office.ana.click(office.card(id, channel="staging", says="Running"), "Stop and roll back")
    assert office.ends(id).phase is Phase.UNDONE


def test_a_freeze_that_begins_after_the_approval_was_asked_for_stops_it(office: Office) -> None:
    id = office.start(office.ana, DEPLOY)
    office.write_policy(lambda words: words + FREEZE)
    office.wait_for(lambda: "Frozen" in frozen(office))
    office.approve(office.bo, id)
    card = office.card(id, says="Stopped")
    assert "frozen" in card["text"].lower()
    assert office.operation(id).phase is Phase.REFUSED
    assert not office.effects(id)


def frozen(office: Office) -> str:
    words = office.answer(office.ana, "restart web to prod")["text"]
    return "Frozen" if "frozen" in words.lower() else words
