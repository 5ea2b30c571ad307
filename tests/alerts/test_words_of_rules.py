"""What an alert's rule says is words of a program: what looks like a secret in them is masked wherever they are shown."""

from __future__ import annotations

import json

from bot.ports.observing import Alert, AlertGroup
from tests.kit.bench import Bench, said

LABELS = {"alertname": "LoginFails", "severity": "critical", "namespace": "web-staging", "app": "web"}
SECRET = "hunter2-hunter2"


def test_what_looks_like_a_secret_is_masked_on_the_card_and_in_what_is_stored(bot: Bench) -> None:
    words = {"summary": f"password={SECRET} is refused", "description": f"token: {SECRET}"}
    alert = Alert("f1", "LoginFails", LABELS, words, bot.clock.now(), None, True)
    thread = bot.core.alerts.receive(AlertGroup("{}:{web}", "pilothouse", True, LABELS, (alert,)), inbox=None)
    card = bot.core.draw(thread.subject)
    assert card is not None
    assert "is refused" in said(card)
    assert SECRET not in said(card)
    assert SECRET not in json.dumps(thread.state)
