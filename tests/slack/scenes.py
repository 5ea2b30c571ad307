"""What the bot itself draws, scene by scene, over the simulated world: what the tests of drawn cards keep and check.

golden.py has the designed cards, written by hand; here the product's own code answers, and a change of it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.operation import Phase, Place
from bot.domain.refs import OperationId
from bot.domain.reply import Button, Buttons, Reply
from bot.ports.observing import Alert, AlertGroup
from bot.ports.people import Identity
from bot.ports.store import AlertThread
from bot.road.answers import Answer
from bot.road.request import Origin, Request
from bot.slack.render import Surface
from tests.kit.bench import SLACK_IDS, Bench, words

Scene = Callable[[Bench], Reply]


@dataclass(frozen=True, slots=True)
class Drawn:
    draw: Scene
    surface: Surface


def button(reply: Reply, label: str) -> Button:
    found = [each for block in reply.blocks if isinstance(block, Buttons) for each in (*block.row, *block.more)]
    return next(each for each in found if each.label.plain() == label)


def _card(bot: Bench, subject: str) -> Reply:
    found = bot.core.draw(subject)
    assert found is not None
    return found


def _of(bot: Bench, id: OperationId) -> Reply:
    return _card(bot, f"operation/{id}")


def _private(bot: Bench, who: str, line: str) -> Answer:
    identity = Identity("slack", "T0PAAS001", SLACK_IDS[who])
    asked = Request(Origin.TYPED, identity, line, Place("C0WEB"), private=Place(SLACK_IDS[who]))
    return bot.core.walk(asked)


# --- denials, hand-over, locks ------------------------------------------------------------------


def denied(bot: Bench) -> Reply:
    return bot.say("ana", "deploy payments@5.1.0 to prod").reply


def handed_over(bot: Bench) -> Reply:
    id = bot.start("ana", button(denied(bot), "Ask bo to run it").line)
    bot.run(id)
    return _of(bot, id)


def locked(bot: Bench) -> Reply:
    bot.run(bot.start("bo", "lock web to prod load test time=2h"))
    return bot.say("ana", "deploy web@1.8.2 to prod").reply


# --- logs ---------------------------------------------------------------------------------------


def logs(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=10))
    return bot.say("ana", "logs web in staging").reply


def around(bot: Bench) -> Reply:
    return bot.say("ana", button(logs(bot), "Around newest line").line).reply


def _followed(bot: Bench) -> OperationId:
    bot.clock.move(timedelta(minutes=10))
    answer = _private(bot, "ana", "tail web in staging time=1m")
    assert answer.operation is not None, words(answer)
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING and op.seen is not None)
    return answer.operation


def following(bot: Bench) -> Reply:
    return _of(bot, _followed(bot))


def followed(bot: Bench) -> Reply:
    id = _followed(bot)
    bot.run(id)
    return _of(bot, id)


# --- a deploy's errors ----------------------------------------------------------------------------


def _deploying(bot: Bench) -> OperationId:
    bot.clock.move(timedelta(minutes=15))
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.errors is not None)
    return id


def running(bot: Bench) -> Reply:
    return _of(bot, _deploying(bot))


def done(bot: Bench) -> Reply:
    id = _deploying(bot)
    bot.run(id)
    return _of(bot, id)


# --- alerts ---------------------------------------------------------------------------------------


def _told(bot: Bench, *, minutes: int = 0, is_over: bool = False) -> AlertThread:
    """Alertmanager tells of an alert that began so many minutes ago."""
    labels = {"alertname": "HighErrorRate", "severity": "critical", "namespace": "web-staging", "app": "web"}
    says = {"summary": "Errors 6.2 %; limit 2 %", "runbook_url": "https://runbooks.example/high-error-rate"}
    ends = bot.clock.now() if is_over else None
    began = bot.clock.now() - timedelta(minutes=minutes)
    alert = Alert("f1", "HighErrorRate", labels, says, began, ends, not is_over)
    return bot.core.alerts.receive(
        AlertGroup("{}:{web}", "pilothouse", not is_over, labels, (alert,)),
        inbox=None,
    )


def _fires(bot: Bench) -> AlertThread:
    bot.run(_deploying(bot))
    bot.turn(seconds=120)
    return _told(bot)


def alert_firing(bot: Bench) -> Reply:
    return _card(bot, _fires(bot).subject)


def alert_acknowledged(bot: Bench) -> Reply:
    thread = _fires(bot)
    bot.run(bot.start("lee", button(_card(bot, thread.subject), "Acknowledge").line))
    return _card(bot, thread.subject)


def alert_resolved(bot: Bench) -> Reply:
    thread = _fires(bot)
    first = _card(bot, thread.subject)
    bot.run(bot.start("lee", button(first, "Acknowledge").line))
    bot.run(bot.start("lee", button(first, "Roll back to 1.8.1").line))
    return _card(bot, _told(bot, minutes=9, is_over=True).subject)


# --- metrics, Home ----------------------------------------------------------------------------------


def metrics(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=70))
    return bot.say("ana", "metrics web in prod").reply


def home(bot: Bench) -> Reply:
    """Alerts fire, one app is locked by somebody else, one by the asker; quotas stand below the apps."""
    bot.run(bot.start("bo", "lock web to prod load test"))
    bot.run(bot.start("ana", "lock web to staging mine"))
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=300)
    return bot.say("ana", "home").reply


SCENES = {
    "denied": Drawn(denied, Surface.PRIVATE),
    "handed-over": Drawn(handed_over, Surface.CARD),
    "locked": Drawn(locked, Surface.PRIVATE),
    "logs": Drawn(logs, Surface.PRIVATE),
    "around": Drawn(around, Surface.PRIVATE),
    "following": Drawn(following, Surface.CARD),
    "followed": Drawn(followed, Surface.CARD),
    "running": Drawn(running, Surface.CARD),
    "done": Drawn(done, Surface.CARD),
    "alert-firing": Drawn(alert_firing, Surface.CARD),
    "alert-acknowledged": Drawn(alert_acknowledged, Surface.CARD),
    "alert-resolved": Drawn(alert_resolved, Surface.CARD),
    "metrics": Drawn(metrics, Surface.PRIVATE),
    "home": Drawn(home, Surface.PRIVATE),
}
