"""Steering a canary from its card, by buttons and the form behind one of them; each click is asked again whether it may."""

from __future__ import annotations

import json

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.playground.person import labels
from tests.scenarios.office import Json, Office

WAITS = "Waits for a person"


def started(office: Office) -> OperationId:
    return office.start(office.ana, "canary web@1.8.2 25 to staging", channel="staging")


def card(office: Office, id: OperationId, says: str = WAITS) -> Json:
    return office.card(id, channel="staging", says=says)


def _showing(office: Office, button: str) -> Json | None:
    view = office.lee.modal()
    return view if view is not None and button in labels(view) else None


def test_the_buttons_of_a_canary_pause_resume_and_wait_longer(office: Office) -> None:
    id = started(office)
    office.lee.click(card(office, id), "Pause")
    office.reaches(id, Phase.PAUSED)
    office.bo.click(card(office, id, "Paused at 25 %"), "Resume")
    office.reaches(id, Phase.RUNNING)
    office.lee.click(card(office, id), "Wait 15 min more")
    office.wait_for(lambda: "extend" in {signal.kind.value for signal in office.operation(id).signals})
    assert [signal.by.id for signal in office.operation(id).signals] == ["ana", "lee", "bo", "lee"]


def test_another_percentage_is_asked_for_in_a_form_and_taken_over(office: Office) -> None:
    old = started(office)
    office.lee.click(card(office, old), "Set another percentage")
    form = office.see(lambda: office.submittable(office.lee))
    office.lee.submit(form, {"percent": "50"})
    plan = office.see(lambda: _showing(office, "Change the share"))
    shown = json.dumps(plan, ensure_ascii=False)
    assert "50 % for canary web 1.8.2 on staging" in shown
    assert "now 25 %" in shown
    assert office.operation(old).phase is Phase.RUNNING
    new = office.newest().id
    office.lee.click(plan, "Change the share")
    office.reaches(old, Phase.TAKEN_OVER)
    taken = card(office, old, f"Taken over by {new}")
    assert f"Show {new}" in labels(taken)
    assert "Abort" not in labels(taken)
    assert "Canary at 50 %" in card(office, new)["text"]
    office.bo.click(card(office, new), "Abort")
    assert office.ends(new).phase is Phase.UNDONE
    assert "web-canary" not in office.world.scene("eu-1").namespace("web-staging").deployments


def test_who_may_not_steer_is_told_so_at_the_click(office: Office) -> None:
    id = started(office)
    shown = card(office, id)
    for button in ("Pause", "Promote to everybody", "Abort"):
        known = {each["ts"] for each in office.slack.ephemerals(office.gus.id)}
        office.gus.click(shown, button)
        assert "may not" in office.next_to(office.gus, known)["text"]
    assert office.operation(id).phase is Phase.RUNNING
    assert len(office.operation(id).signals) == 1
