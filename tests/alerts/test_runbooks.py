"""An alert's runbook is linked where its address is plain https, with its host; it is words of a program all the same."""

from __future__ import annotations

import pytest

from bot.ports.observing import Alert, AlertGroup
from bot.slack.render import Surface, render
from tests.kit.bench import Bench, said
from tests.slack.stage import MACS, NAMES


def shown(bot: Bench, url: str) -> tuple[str, str]:
    """The card's words, and what Slack is sent."""
    labels = {"alertname": "HighErrorRate", "severity": "critical", "namespace": "web-staging", "app": "web"}
    alert = Alert("f1", "HighErrorRate", labels, {"runbook_url": url}, bot.clock.now(), None, True)
    thread = bot.core.alerts.receive(AlertGroup("{}:{web}", "pilothouse", True, labels, (alert,)), inbox=None)
    card = bot.core.draw(thread.subject)
    assert card is not None
    return said(card), str(render(card, names=NAMES, macs=MACS, surface=Surface.CARD, now=bot.clock.now()).blocks)


def test_a_runbook_is_linked_and_its_host_is_shown(bot: Bench) -> None:
    _, sent = shown(bot, "https://runbooks.example/high?app=web#errors")
    assert "<https://runbooks.example/high?app=web#errors|Runbook (runbooks.example)>" in sent


@pytest.mark.parametrize(
    "url", ["", "http://runbooks.example/a", "javascript:alert(1)", "https://runbooks.example/" + "a" * 500]
)
def test_what_is_no_sensible_https_address_is_left_out(bot: Bench, url: str) -> None:
    assert "Runbook" not in shown(bot, url)[0]


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example@evil.example/",
        "https://evil.example/>|<!channel>",
        "https://evil.example/a b",
        "https://evil.example/a|label",
        "https://еxample.example/",
    ],
)
def test_an_address_that_hides_where_it_leads_is_not_linked(bot: Bench, url: str) -> None:
    _, sent = shown(bot, url)
    assert "<https" not in sent
    assert "<!channel>" not in sent
