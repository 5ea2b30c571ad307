"""What scenes of several files share: cards out of a bench, and its buttons."""

from __future__ import annotations

import json

from bot.domain.operation import Phase, Place
from bot.domain.refs import OperationId
from bot.domain.reply import Button, Buttons, Reply
from bot.operations.desk import card_key
from bot.ports.people import Identity
from bot.road.answers import Answer
from bot.road.request import Origin, Request
from bot.steps.codec import load_reply
from tests.kit.bench import SLACK_IDS, Bench, words


def button(reply: Reply, label: str) -> Button:
    found = [each for block in reply.blocks if isinstance(block, Buttons) for each in (*block.row, *block.more)]
    return next(each for each in found if each.label.plain() == label)


def card(bot: Bench, subject: str) -> Reply:
    found = bot.core.draw(subject)
    assert found is not None
    return found


def card_of(bot: Bench, id: OperationId) -> Reply:
    return card(bot, f"operation/{id}")


def told(bot: Bench, key: str) -> Reply:
    """A message that was put into the outbox whole."""
    row = bot.core.store.read(lambda tx: tx.outbox.get(key))
    assert row is not None, key
    return load_reply(json.dumps(json.loads(row.body)["reply"]))


def in_thread(bot: Bench, id: OperationId, part: str) -> Reply:
    return told(bot, f"{card_key(id)}/{part}")


def private(bot: Bench, who: str, line: str) -> Answer:
    identity = Identity("slack", "T0PAAS001", SLACK_IDS[who])
    asked = Request(Origin.TYPED, identity, line, Place("C0WEB"), private=Place(SLACK_IDS[who]))
    return bot.core.walk(asked)


def said_ok(bot: Bench, who: str, line: str) -> Answer:
    answer = bot.say(who, line)
    assert not answer.is_error, words(answer)
    return answer


def agreed(bot: Bench, line: str) -> OperationId:
    """Asked for by ana, approved by bo."""
    id = bot.start("ana", line)
    assert bot.operation(id).phase is Phase.WAITING
    said_ok(bot, "bo", f"approve {id}")
    return id
