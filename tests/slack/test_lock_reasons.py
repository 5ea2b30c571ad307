"""What somebody wrote as the reason of a lock mentions, links and formats nothing, wherever others read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.refs import OperationId, Principal
from bot.domain.reply import Reply
from bot.operations.book import told_key
from bot.road.answers import refusal
from bot.road.request import Refused
from bot.slack.render import Surface, render
from bot.steps.codec import load_reply
from tests.kit.bench import Bench, bench
from tests.slack.stage import MACS, NAMES

REASON = "<!channel> <@U0BOB0002> <https://evil.example|Approved> *bold* `code` ~no~ :tada: &lt;!here&gt; \u202eevil"
LIVE = re.compile(r"<(?!@U0[A-Z0-9]+>|!date\^)[^<>]*>|\*bold\*|`code`|~no~|:tada:|\u202e")
"""Notation that is not ours: people whom we name, and times."""


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        answer = made.say("bo", "lock", values={"app": "web", "env": "staging", "reason": REASON, "time": ""})
        assert answer.operation is not None
        made.run(answer.operation)
        yield made


def marked(value: object) -> Iterator[str]:
    """All that Slack reads as mrkdwn in these blocks."""
    match value:
        case {"type": "mrkdwn", "text": str(words)}:
            yield words
        case dict():
            for item in value.values():
                yield from marked(item)
        case list() | tuple():
            for item in value:
                yield from marked(item)


def check(reply: Reply, bot: Bench, surface: Surface) -> str:
    drawn = render(reply, names=NAMES, macs=MACS, surface=surface, now=bot.clock.now())
    words = [drawn.text, *marked(drawn.blocks)]
    assert [each for each in words if LIVE.search(each)] == []
    return "\n".join(words)


def card(bot: Bench, id: OperationId) -> Reply:
    found = bot.core.draw(f"operation/{id}")
    assert found is not None
    return found


def refused(bot: Bench, line: str) -> Reply:
    outcome = bot.outcome("ana", line)
    assert isinstance(outcome, Refused), line
    return refusal(outcome.error, 1)


def test_it_is_words_wherever_it_stands(bot: Bench) -> None:
    taken = bot.start("ana", "lock web to staging --take")
    locked = next(op.id for op in bot.operations() if op.requester.id == "bo")
    shown = {
        "refused": refused(bot, "restart web to staging"),
        "locked already": refused(bot, "lock web to staging mine"),
        "not yours": refused(bot, "unlock web to staging"),
        "status": bot.say("ana", "status web in staging").reply,
        "home": bot.say("ana", "home").reply,
        "card": card(bot, locked),
        "plan": bot.say("ana", f"plan {locked}").reply,
    }
    for reply in shown.values():
        for surface in Surface:
            assert "evil" in check(reply, bot, surface)
    bot.run(taken)
    assert "taken over from bo." in check(card(bot, taken), bot, Surface.CARD)


def test_it_is_words_in_what_the_holder_before_is_told(bot: Bench) -> None:
    told = bot.say("ana", "lock", values={"app": "web", "env": "staging", "reason": REASON, "take": "yes", "time": ""})
    assert told.operation is not None
    bot.run(told.operation)
    key = told_key(told.operation, Principal("bo"))
    row = bot.core.store.read(lambda tx: tx.outbox.get(key))
    assert row is not None
    reply = load_reply(json.dumps(json.loads(row.body)["reply"]))
    assert "takes over your lock" in check(reply, bot, Surface.THREAD)
