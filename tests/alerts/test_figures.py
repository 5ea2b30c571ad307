"""The figures in an alert's thread are those of now: who reads them at night compares them with the alert."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.reply import Chart
from tests.alerts.test_suspects import deployed
from tests.kit.bench import Bench, words


@pytest.mark.parametrize("since", ["5m", "1h", "24h"])
def test_the_last_point_is_now_and_not_up_to_a_step_ago(bot: Bench, since: str) -> None:
    bot.clock.move(timedelta(minutes=30))
    answer = bot.say("ana", f"metrics web in staging since={since}")
    charts = [block for block in answer.reply.blocks if isinstance(block, Chart)]
    assert charts, words(answer)
    for chart in charts:
        assert chart.series[0].points[-1][0] == bot.clock.now()


def test_errors_that_began_two_minutes_ago_are_said_to_be_now(bot: Bench) -> None:
    deployed(bot, "1.9.0")
    bot.turn(seconds=120)
    sentence = next(line for line in words(bot.say("ana", "metrics web in staging")).splitlines() if "Errors" in line)
    share = float(sentence.partition("Errors ")[2].partition(" %")[0])
    assert share > 2, sentence
