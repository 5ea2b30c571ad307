"""`why`: what fires and its figure, the changes before it with the suspect first, what is new in the logs, the pods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.reply import Chart
from bot.road.answers import Answer
from integrations.simulated.faults import How
from tests.kit.bench import Bench, bench, words


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        made.clock.move(timedelta(minutes=45))
        yield made


def charts(answer: Answer) -> list[Chart]:
    return [block for block in answer.reply.blocks if isinstance(block, Chart)]


def errs(bot: Bench) -> None:
    """1.9.0 of web on staging answers with errors, and the rule fires."""
    bot.run(bot.start("lee", "restart cart to staging"))
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=600)


def test_it_joins_alert_changes_logs_and_pods(bot: Bench) -> None:
    errs(bot)
    bot.run(bot.start("ana", "scale web 3 to staging"))
    answer = bot.say("ana", "why web in staging")
    found = words(answer)
    assert "HighErrorRate fires since" in found
    assert "fires above 0.02" in found
    assert [chart.limit for chart in charts(answer)] == [0.02]
    changes = [line for line in found.splitlines() if line.startswith("• ")]
    assert [line.split(": ")[-1].split(",")[0] for line in changes] == ["suspect", "unlikely", "unlikely"]
    assert "deploy web 1.9.0 to staging, by ana" in changes[0]
    assert "began after it" in changes[1]
    assert "another app" in changes[2]
    assert "upstream timed out after <*> ms" in found
    assert "GET /cart" not in found
    assert "3 of 3 ready" in found


def test_where_nothing_fires_it_shows_errors_and_blames_nobody(bot: Bench) -> None:
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    answer = bot.say("ana", "why web in staging")
    found = words(answer)
    assert "No alert fires for it." in found
    assert "suspect" not in found
    assert [chart.limit for chart in charts(answer)] == [None]
    assert "New in the logs since 1.8.2: nothing." in found


def test_changes_of_apps_that_the_asker_may_not_see_are_not_told(bot: Bench) -> None:
    bot.run(bot.start("bo", "restart payments to staging"))
    assert "restart payments" in words(bot.say("ana", "why web in staging"))
    assert "restart payments" not in words(bot.say("gus", "why web in staging"))


def test_a_guest_is_refused_where_nothing_is_theirs(bot: Bench) -> None:
    denied = bot.say("gus", "why web in prod")
    assert denied.is_error
    assert "workloads:read" in words(denied)


def test_a_name_that_is_none_is_answered_with_the_nearest(bot: Bench) -> None:
    wrong = bot.say("ana", "why wbe in prod")
    assert wrong.is_error
    assert "[web: why web in prod]" in words(wrong)


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ("alerts.list", "Whether alerts fire cannot be seen now"),
        ("metrics.range", "Errors: no data"),
        ("logs.search", "Logs cannot be read now"),
        ("rollout", "Pods cannot be seen now"),
    ],
)
def test_what_is_down_is_said_and_the_rest_is_answered(bot: Bench, system: str, says: str) -> None:
    errs(bot)
    bot.world.faults.put(system, How.BEFORE, times=20)
    answer = bot.say("ana", "why web in staging")
    assert not answer.is_error
    assert says in words(answer)
    assert "deploy web 1.9.0 to staging" in words(answer)


def test_the_figure_of_now_is_of_now(bot: Bench) -> None:
    """Not of the last whole step before it, when nothing was wrong yet."""
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=60)
    for line in ("why web in staging", "metrics web in staging"):
        [chart, *_] = charts(bot.say("ana", line))
        assert chart.series[0].points[-1][0] == bot.clock.now()


def test_of_what_was_not_measured_for_long_the_last_minutes_are_drawn(tmp_path: Path) -> None:
    with bench(tmp_path) as bot:
        bot.world.began = bot.clock.now().timestamp() - 180
        [chart] = charts(bot.say("ana", "why web in prod"))
        assert chart.title.plain() == "web on prod, errors in %, 10 min"
        assert len(chart.series[0].points) > 3
