"""Home: alerts beside the app they are of, the quota, and locks of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.operation import Phase, Place
from bot.ports.people import Identity
from bot.road.request import Origin, Request
from integrations.simulated.faults import How
from tests.kit.bench import SLACK_IDS, Bench, bench, words


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def test_alerts_are_counted_beside_their_app_and_env(bot: Bench) -> None:
    assert "alert" not in words(bot.say("ana", "home"))
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=300)
    assert "HighErrorRate" in words(bot.say("ana", "alerts in staging"))
    home = words(bot.say("ana", "home"))
    [line] = [line for line in home.splitlines() if "1 alert" in line or "2 alerts" in line]
    assert "staging 1.9.0" in line
    assert "[Alerts: alerts in staging]" in home


def test_who_follows_an_apps_logs_is_not_at_work_on_it(bot: Bench) -> None:
    identity = Identity("slack", "T0PAAS001", SLACK_IDS["ana"])
    asked = Request(Origin.TYPED, identity, "tail web in staging", Place("C0WEB"), private=Place(SLACK_IDS["ana"]))
    id = bot.core.walk(asked).operation
    assert id is not None
    bot.run(id, until=lambda op: op.phase is Phase.RUNNING)
    home = words(bot.say("ana", "home"))
    assert "Running (1)" in home
    assert "under way" not in home


def test_where_alerts_cannot_be_seen_home_says_so_and_shows_the_rest(bot: Bench) -> None:
    bot.world.faults.put("alerts.list", How.BEFORE, times=100)
    home = words(bot.say("ana", "home"))
    assert "Whether alerts fire cannot be seen now" in home
    assert "prod 1.8.1, healthy, 6 of 6" in home


def test_the_quota_of_each_namespace_is_said(bot: Bench) -> None:
    assert "Quota: web-prod 2.85 of 12 CPU" in words(bot.say("ana", "home"))


def test_the_lock_of_another_can_be_asked_for(bot: Bench) -> None:
    bot.run(bot.start("bo", "lock web to prod load test"))
    assert "[Ask bo to unlock: handover bo unlock web to prod]" in words(bot.say("ana", "home"))
    assert "Ask bo" not in words(bot.say("gus", "home"))
