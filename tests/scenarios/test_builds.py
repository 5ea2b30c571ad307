"""A build as people meet it: the card, the button that deploys what was built, the lines of a failure in the thread."""

from __future__ import annotations

from bot.domain.operation import Phase
from bot.playground.person import labels
from integrations.simulated.faults import How
from tests.scenarios.office import Office


def test_a_branch_is_built_and_its_image_is_deployed_by_the_card(office: Office) -> None:
    office.type(office.ana, "build web@feature/cart", channel="staging")
    office.wait_for(office.operations)
    id = office.newest().id
    assert office.ends(id).phase is Phase.DONE
    card = office.card(id, channel="staging", says="Done: web is built from feature/cart")
    assert labels(card)[:2] == ["Deploy", "Builds"]
    office.ana.click(card, "Deploy")
    view = office.see(lambda: office.submittable(office.ana))
    assert f"web@feature-cart-{id}" in str(view)
    office.ana.submit(view, {"env": "staging"})
    plan = office.see(lambda: v if (v := office.ana.modal()) and "Nothing has changed yet" in str(v) else None)
    assert f"feature-cart-{id}" in str(plan)
    office.ana.click(plan, "Deploy")
    assert office.ends(office.newest().id).phase is Phase.DONE
    built = office.world.registry.find("registry.test/web", f"feature-cart-{id}")
    assert built is not None
    assert built.digest in office.image()
    assert [build.operation for build in office.world.builds.started] == [id]


def test_a_failed_build_shows_its_last_lines_in_the_thread(office: Office) -> None:
    office.type(office.ana, "build web@broken", channel="staging")
    office.wait_for(office.operations)
    id = office.newest().id
    assert office.ends(id).phase is Phase.UNDONE
    card = office.card(id, channel="staging", says="Failed: web was not built from broken")
    assert "Build again" in labels(card)
    office.wait_for(lambda: any("got 1, want 0" in str(m) for m in office.slack.messages("staging", thread=card["ts"])))


def test_a_start_that_nobody_saw_is_shown_as_paused_and_ended_by_a_person(office: Office) -> None:
    office.world.faults.put("builds.start", How.BEFORE)
    office.type(office.ana, "build web", channel="staging")
    office.wait_for(office.operations)
    id = office.newest().id
    card = office.card(id, channel="staging", says="not started a second time without a person")
    assert labels(card)[:2] == ["Builds", "End it"]
    office.ana.click(card, "End it")
    assert office.ends(id).phase is Phase.UNDONE
    office.card(id, channel="staging", says="Stopped: web was not built from main")
    assert not [build for build in office.world.builds.started if build.operation == id]
