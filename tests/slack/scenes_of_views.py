"""Scenes of forms, Home, help, doctor, answers to one person, and the audit channel's lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from bot.app.doctor import Doctor
from bot.audit.checkpoint import Signer
from bot.audit.feed import ChannelFeed
from bot.domain.errors import PilothouseError, Refused, Unavailable
from bot.domain.forms import Form
from bot.domain.operation import Place
from bot.domain.reply import Channel, Reply, text
from bot.policy.holder import PolicyFile
from bot.ports.people import Identity
from bot.ports.store import Message
from bot.road.answers import answer
from bot.road.request import Crashed, Origin, Request
from bot.slack.listeners import EXPIRED
from commands.self import report
from tests.kit.bench import POLICY, SLACK_IDS, Bench
from tests.slack.scenes_of_changes import TO_PROD
from tests.slack.scenes_parts import agreed, card, said_ok

# --- forms ----------------------------------------------------------------------------------------


def _form(bot: Bench, who: str, line: str) -> Form:
    """As a button that opens a form asks for it."""
    identity = Identity("slack", "T0PAAS001", SLACK_IDS[who])
    asked = Request(Origin.CLICKED, identity, line, Place("C0WEB"), wants_form=True)
    found = bot.core.walk(asked).form
    assert found is not None
    return found


def deploy_form(bot: Bench) -> Form:
    bot.run(bot.start("ana", "here app=web"))
    return _form(bot, "ana", "deploy")


def deny_form(bot: Bench) -> Form:
    return _form(bot, "bo", f"deny {bot.start('ana', TO_PROD)}")


def silence_form(bot: Bench) -> Form:
    return _form(bot, "ana", "silence HighErrorRate web in staging")


# --- Home, help, doctor ---------------------------------------------------------------------------


def home(bot: Bench) -> Reply:
    """Something waits for bo, a canary of bo's runs, one app alerts, one is locked."""
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.run(bot.start("bo", "lock cart to staging load test"))
    id = bot.start("bo", "canary checkout@2.3.1 50 to staging hold=30m requests=10")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.verdict is not None)
    bot.start("ana", TO_PROD)
    bot.turn(seconds=300)
    return said_ok(bot, "bo", "home").reply


def help(bot: Bench) -> Reply:
    bot.run(bot.start("ana", "here app=web env=staging"))
    return said_ok(bot, "ana", "help").reply


def doctor(bot: Bench) -> Reply:
    def fails(error: PilothouseError) -> Callable[[], str]:
        def ping() -> str:
            raise error

        return ping

    member = Refused(
        "slack",
        text("I am no member of the audit channel."),
        next=text("write `/invite @pilothouse` in {channel}", channel=Channel("C0AUD0001")),
    )
    metrics = Unavailable("metrics", text("Prometheus cannot be reached."))
    pings = (
        ("database", lambda: "SQLite"),
        ("cluster eu-1", lambda: "Kubernetes 1.34"),
        ("audit channel", fails(member)),
        ("metrics", fails(metrics)),
        ("builds", lambda: "no CI server is set"),
    )
    found = Doctor(pings=pings, policy=PolicyFile(POLICY, bot.clock), settings_problems=(), audit=lambda: None)
    return report(found.checks())


# --- answers to one person ------------------------------------------------------------------------


def unknown_app(bot: Bench) -> Reply:
    return bot.say("ana", "deploy wbe@1.8.2 to prod").reply


def unexpected(bot: Bench) -> Reply:
    return answer(Crashed("8c1d-22f0"), lambda op: card(bot, f"operation/{op.id}")).reply


def button_expired(bot: Bench) -> Reply:
    return EXPIRED


# --- the audit channel ----------------------------------------------------------------------------


def _is_out(bot: Bench, message: Message) -> None:
    bot.core.store.transact(lambda tx: tx.outbox.sent(message.key, rev=message.rev, ts="1", posted_in="C0AUDIT"))


def audit(bot: Bench) -> str:
    """A deploy to prod with its approval and end, and one refusal: what the channel got, message after message."""
    feed = ChannelFeed(store=bot.core.store, signer=Signer(b"k" * 32), channel="C0AUDIT")
    bot.clock.move(timedelta(minutes=15))
    bot.run(agreed(bot, TO_PROD))
    assert bot.say("gus", "rollback web to prod").is_error
    while bot.core.store.transact(lambda tx: tx.records.seal(limit=500)):
        pass
    found = []
    while feed.run_once():
        [message] = [
            each for each in bot.core.store.read(lambda tx: tx.outbox.due(limit=100)) if each.key[:6] == "audit/"
        ]
        found.append(json.loads(message.body)["text"])
        _is_out(bot, message)
    return "\n\n".join(found)
