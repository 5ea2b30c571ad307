"""An app that is an Argo Rollout, from the typed line to the last card."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from bot.domain.progressive import StepList
from bot.playground.person import labels
from integrations.simulated.rollouts import SimulatedRollout
from tests.scenarios.office import Office

OWN = StepList.of([{"setWeight": 25}, {"pause": {}}])
NAMESPACE = "web-staging"


@pytest.fixture
def shop(office: Office) -> Office:
    """web on staging is a Rollout of four pods with a router, whose own analysis gives up at 5 % of errors."""
    with office.world.entered():
        state = office.world.state("eu-1")
        template = state.deployment(NAMESPACE, "web").template
        state.add_rollout(NAMESPACE, "web", template, replicas=4, steps=OWN, is_routed=True, error_limit=0.05)
        state.traffic.put(NAMESPACE, "web", 40.0)
    office.wait_for(lambda: rollout(office).stable)
    return office


def rollout(office: Office) -> SimulatedRollout:
    found = office.world.scene("eu-1").deployment(NAMESPACE, "web")
    assert isinstance(found, SimulatedRollout)
    return found


def is_share_said(words: str) -> bool:
    return "traffic weight" in words or "not known" in words


def test_a_canary_is_promoted_from_its_card_and_the_rollout_has_its_own_steps_again(shop: Office) -> None:
    assert "all steps done" in shop.answer(shop.ana, "status web in staging", channel="staging")["text"]
    id = shop.start(shop.ana, "canary web@1.8.2 25 to staging", channel="staging")
    card = shop.card(id, channel="staging", says="Waits for a person")
    assert "Canary at 25 %" in card["text"]
    # The first look at this share may still be on its way.
    shop.wait_for(lambda: is_share_said(shop.card(id, channel="staging", says="Waits for a person")["text"]))
    shop.lee.click(card, "Promote to everybody")
    assert shop.ends(id).phase is Phase.DONE
    shop.card(id, channel="staging", says="Done: web 1.8.2 is live on staging")
    assert rollout(shop).steps == OWN
    assert {effect.method for effect in shop.effects(id)} == {"put_program", "pass_step"}
    assert {effect.acting.user for effect in shop.effects(id)} == {"ana@example.com"}
    history = shop.answer(shop.ana, "history web in staging", channel="staging")
    assert "1.8.2" in history["text"]


def test_what_its_own_analysis_gives_up_goes_back_and_the_channel_hears_why(shop: Office) -> None:
    id = shop.start(shop.ana, "canary web@1.9.0 25 to staging", channel="staging")
    assert shop.ends(id).phase is Phase.UNDONE
    card = shop.card(id, channel="staging", says="Rolled back")
    assert "The Rollout itself gave 1.9.0 up" in card["text"]
    assert "success-rate" in card["text"]
    assert not rollout(shop).is_aborted
    assert shop.image() == "registry.test/web:1.8.1"
    assert "Last log lines" in labels(card)


def test_a_canary_is_aborted_from_its_card(shop: Office) -> None:
    id = shop.start(shop.ana, "canary web@1.8.2 25 to staging", channel="staging")
    shop.lee.click(shop.card(id, channel="staging", says="Waits for a person"), "Abort")
    assert shop.ends(id).phase is Phase.UNDONE
    shop.card(id, channel="staging", says="Rolled back: canary of web 1.8.2 on staging")
    assert (shop.image(), rollout(shop).steps) == ("registry.test/web:1.8.1", OWN)
