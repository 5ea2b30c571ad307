"""An alert on its own channel, from the bad version to the click that goes back, as people in Slack see it."""

from __future__ import annotations

from bot.domain.operation import Phase
from bot.playground.person import labels
from tests.scenarios.office import Json, Office


def fired(office: Office, state: str = "Firing: HighErrorRate, web on prod") -> Json | None:
    return next((m for m in office.slack.messages("alerts") if m["text"].startswith(state)), None)


def test_one_click_and_a_confirm_on_the_alert_roll_back_the_version_that_it_blames(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.9.0 to prod")
    office.approve(office.bo, id)
    assert office.ends(id).phase is Phase.DONE
    office.wait_for(lambda: fired(office), 60)
    # It may have begun to fire while the deploy was still watched, which offers its stop first.
    office.wait_for(lambda: "Roll back to 1.8.1" in labels(fired(office) or {}), 30)
    card = fired(office)
    assert card is not None
    assert "Likely cause: deploy web 1.9.0 to prod, by ana" in card["text"]
    assert labels(card)[:2] == ["Acknowledge", "Roll back to 1.8.1"]
    office.bo.click(card, "Roll back to 1.8.1")
    office.wait_for(lambda: office.newest().kind == "rollback")
    back = office.newest()
    assert office.ends(back.id).phase is Phase.DONE
    assert {effect.acting.user for effect in office.effects(back.id)} == {"bo@example.com"}
    resolved = "Resolved: HighErrorRate, web on prod"
    # It may have ended while the rollback was still watched; then the card says who went back a moment later.
    office.wait_for(
        lambda: "web on prod is on 1.8.1 again, by bo" in (fired(office, resolved) or {"text": ""})["text"], 60
    )
    over = fired(office, resolved)
    assert over is not None
    assert over["ts"] == card["ts"]
    assert labels(over) == []
    deploy = office.card(id)
    assert any("HighErrorRate" in words for words in office.thread(deploy))
