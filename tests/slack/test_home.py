"""The Home tab: published when it is opened and when it changed, within Slack's limit, never over something newer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial

import pytest

from bot.domain.reply import Reply
from bot.ports.people import Identity
from bot.slack.home import Home
from bot.slack.refresher import Refresher
from tests.slack.stage import Stage, says

ANA = Identity("slack", "T0PAAS001", "U0ANA0001")
BO = Identity("slack", "T0PAAS001", "U0BOB0002")


@pytest.fixture
def home(stage: Stage) -> Home:
    return stage.edge.home


def published(stage: Stage) -> int:
    return len([call for call in stage.slack.calls() if call.name == "views.publish"])


def in_time(step: Callable[[], float]) -> None:
    """Until nothing waits for the limit any more."""
    while (wait := step()) > 0:
        threading.Event().wait(wait)


def shown(stage: Stage, who: str = "ana") -> str:
    return json.dumps(stage.slack.person(who).home(), ensure_ascii=False)


def test_a_change_is_published_to_who_has_opened_it_and_to_nobody_else(stage: Stage, home: Home) -> None:
    assert home.opened(ANA, lambda: says("One waits."))
    in_time(lambda: home.changed(ANA, lambda: says("Two wait.")))
    assert "Two wait." in shown(stage)
    assert home.changed(BO, lambda: says("Two wait.")) == 0.0
    assert stage.slack.person("bo").home() is None


def test_what_looks_the_same_is_not_published_again(stage: Stage, home: Home) -> None:
    home.opened(ANA, lambda: says("One waits."))
    before = published(stage)
    assert home.changed(ANA, lambda: says("One waits.")) == 0.0
    assert published(stage) == before
    home.opened(ANA, lambda: says("One waits."))
    assert published(stage) == before + 1


def test_what_another_replica_published_meanwhile_is_gone_over_with_what_is_stored_now(
    stage: Stage, home: Home
) -> None:
    home.opened(ANA, lambda: says("One waits."))
    other = Home(home._ways)
    other.opened(ANA, lambda: says("From another replica."))
    in_time(lambda: home.changed(ANA, lambda: says("Two wait.")))
    assert "Two wait." in shown(stage)
    conflicts = [call for call in stage.slack.calls() if (call.response or {}).get("error") == "hash_conflict"]
    assert len(conflicts) == 1


def test_opening_and_changing_at_once_do_not_stand_in_each_others_way(stage: Stage, home: Home) -> None:
    home.opened(ANA, lambda: says("0"))
    at_once = [threading.Thread(target=home.opened, args=(ANA, partial(says, str(n)))) for n in range(1, 9)]
    for each in at_once:
        each.start()
    for each in at_once:
        each.join()
    assert stage.slack.refusals() == []


def test_what_was_drawn_earlier_is_never_published_over_what_was_drawn_later(stage: Stage, home: Home) -> None:
    """An opening that is drawn slowly, and a change that comes meanwhile."""
    home.opened(ANA, lambda: says("0"))
    stored, read, goes_on = ["One waits."], threading.Event(), threading.Event()

    def slowly() -> Reply:
        drawn = says(stored[0])
        read.set()
        goes_on.wait(10)
        return drawn

    opening = threading.Thread(target=home.opened, args=(ANA, slowly))
    opening.start()
    assert read.wait(10)
    stored[0] = "Two wait."
    changing = threading.Thread(target=in_time, args=(lambda: home.changed(ANA, lambda: says(stored[0])),))
    changing.start()
    changing.join(0.5)
    goes_on.set()
    opening.join()
    changing.join()
    assert "Two wait." in shown(stage)


def test_after_another_replicas_publication_it_is_drawn_anew(stage: Stage, home: Home) -> None:
    home.opened(ANA, lambda: says("0"))
    stored = ["One waits."]
    other = Home(home._ways)

    def overtaken() -> Reply:
        drawn = says(stored[0])
        if stored[0] == "One waits.":
            stored[0] = "Two wait."
            other.opened(ANA, lambda: says(stored[0]))
        return drawn

    assert home.opened(ANA, overtaken)
    assert "Two wait." in shown(stage)


def test_publications_stay_within_the_limit_and_the_rest_waits(stage: Stage) -> None:
    home = Home(stage.edge.home._ways, a_minute=5)
    home.opened(ANA, lambda: says("0"))
    waits = [home.changed(ANA, partial(says, str(n))) for n in range(1, 30)]
    assert any(wait > 0 for wait in waits)
    assert published(stage) <= 5


def test_the_refresher_draws_anew_only_when_something_moved_and_coalesces(stage: Stage, home: Home) -> None:
    refresher = Refresher(home, stage.product)
    home.opened(ANA, lambda: stage.product.home(ANA, is_open=True))
    in_time(refresher.step)
    drawn = len(stage.product.homes)
    refresher.step()
    assert len(stage.product.homes) == drawn
    stage.product.waits, stage.product.beat = "waited", "op-1 running"
    stage.product.waits, stage.product.beat = "runs", "op-1 done"
    before = published(stage)
    in_time(refresher.step)
    assert published(stage) == before + 1
    assert "Nothing runs for U0ANA0001." in shown(stage)
    assert stage.product.homes[-1] == ("U0ANA0001", False)


def test_who_could_not_be_served_within_the_limit_is_served_later(stage: Stage) -> None:
    home = Home(stage.edge.home._ways, a_minute=40)
    refresher = Refresher(home, stage.product)
    for identity in (ANA, BO):
        home.opened(identity, partial(stage.product.home, identity, is_open=True))
    stage.product.waits, stage.product.beat = "runs", "op-1"
    assert refresher.step() > 0
    in_time(refresher.step)
    assert "Nothing runs" in shown(stage)
    assert "Nothing runs" in shown(stage, "bo")
