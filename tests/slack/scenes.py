"""What the bot itself draws, scene by scene, over the simulated world: what the tests of drawn cards keep and check.

golden.py has the designed cards, written by hand; here the product's own code answers, and a change of it shows. A scene
is named after the designed card that it has to be like (tests/playground/cards), where there is one; drawn/README.md says
where a card differs from its design, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.forms import Form
from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Reply
from bot.ports.observing import Alert, AlertGroup
from bot.ports.store import AlertThread
from bot.slack.render import Surface
from integrations.simulated.alerts import SimulatedAlerts
from tests.kit.bench import Bench, words
from tests.slack import scenes_of_changes as changes
from tests.slack import scenes_of_views as views
from tests.slack.scenes_parts import button, card, card_of, private, told

Scene = Callable[[Bench], Reply | Form | str]
"""A Form is drawn as a dialog; a text is what the audit channel gets."""


@dataclass(frozen=True, slots=True)
class Drawn:
    draw: Scene
    surface: Surface


# --- denials, hand-over, locks ------------------------------------------------------------------


def denied(bot: Bench) -> Reply:
    return bot.say("ana", "deploy payments@5.1.0 to prod").reply


def handed_over(bot: Bench) -> Reply:
    id = bot.start("ana", button(denied(bot), "Ask bo to run it").line)
    bot.run(id)
    return card_of(bot, id)


def locked(bot: Bench) -> Reply:
    bot.run(bot.start("bo", "lock web to prod load test time=2h"))
    return bot.say("ana", "deploy web@1.8.2 to prod").reply


# --- logs ---------------------------------------------------------------------------------------


def logs(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=10))
    return bot.say("ana", "logs web in staging").reply


def _erring(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=30))
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=600)


def logs_new(bot: Bench) -> Reply:
    _erring(bot)
    return bot.say("ana", "logs web in staging").reply


def logs_only_new(bot: Bench) -> Reply:
    return bot.say("ana", button(logs_new(bot), "New since 1.9.0 only").line).reply


def around(bot: Bench) -> Reply:
    return bot.say("ana", button(logs(bot), "Around newest line").line).reply


def _followed(bot: Bench) -> OperationId:
    bot.clock.move(timedelta(minutes=10))
    answer = private(bot, "ana", "tail web in staging time=1m")
    assert answer.operation is not None, words(answer)
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING and op.seen is not None)
    return answer.operation


def following(bot: Bench) -> Reply:
    return card_of(bot, _followed(bot))


def followed(bot: Bench) -> Reply:
    id = _followed(bot)
    bot.run(id)
    return card_of(bot, id)


# --- alerts ---------------------------------------------------------------------------------------


def _alertmanager_says(bot: Bench, *, minutes: int = 0, is_over: bool = False) -> AlertThread:
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
    bot.clock.move(timedelta(minutes=15))
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    bot.turn(seconds=120)
    return _alertmanager_says(bot)


def alert_firing(bot: Bench) -> Reply:
    return card(bot, _fires(bot).subject)


def _fires_by_itself(bot: Bench) -> AlertThread:
    """1.9.0 answers with errors; the world's own rule sees it."""
    bot.clock.move(timedelta(minutes=45))
    bot.run(bot.start("lee", "restart cart to staging"))
    bot.run(bot.start("ana", "deploy web@1.9.0 to staging"))
    bot.turn(seconds=600)
    [group] = [each.group for each in SimulatedAlerts(bot.world).deliveries() if each.group.is_firing]
    return bot.core.alerts.receive(group, inbox=None)


def alert_thread(bot: Bench) -> Reply:
    return told(bot, f"{_fires_by_itself(bot).subject}/1")


def why_nothing(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=45))
    return bot.say("ana", "why web in prod").reply


def alert_acknowledged(bot: Bench) -> Reply:
    thread = _fires(bot)
    bot.run(bot.start("lee", button(card(bot, thread.subject), "Acknowledge").line))
    return card(bot, thread.subject)


def alert_resolved(bot: Bench) -> Reply:
    thread = _fires(bot)
    first = card(bot, thread.subject)
    bot.run(bot.start("lee", button(first, "Acknowledge").line))
    bot.run(bot.start("lee", button(first, "Roll back to 1.8.1").line))
    return card(bot, _alertmanager_says(bot, minutes=9, is_over=True).subject)


# --- metrics ----------------------------------------------------------------------------------------


def metrics(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=70))
    return bot.say("ana", "metrics web in prod").reply


SCENES = {
    "alert": Drawn(alert_firing, Surface.CARD),
    "alert-acknowledged": Drawn(alert_acknowledged, Surface.CARD),
    "alert-thread": Drawn(alert_thread, Surface.THREAD),
    "alert-resolved": Drawn(alert_resolved, Surface.CARD),
    "approval": Drawn(changes.approval, Surface.CARD),
    "approval-denied": Drawn(changes.approval_denied, Surface.CARD),
    "approval-modal": Drawn(changes.approval_dialog, Surface.MODAL),
    "audit": Drawn(views.audit, Surface.THREAD),
    "canary-failed": Drawn(changes.canary_failed, Surface.CARD),
    "canary-paused": Drawn(changes.canary_paused, Surface.CARD),
    "canary-step": Drawn(changes.canary_step, Surface.CARD),
    "canary-thread": Drawn(changes.canary_failed_thread, Surface.THREAD),
    "canary-thread-picture": Drawn(changes.canary_thread, Surface.THREAD),
    "denied": Drawn(denied, Surface.PRIVATE),
    "deny-modal": Drawn(views.deny_form, Surface.MODAL),
    "deploy-done": Drawn(changes.deploy_done, Surface.CARD),
    "deploy-form": Drawn(views.deploy_form, Surface.MODAL),
    "deploy-preview": Drawn(changes.deploy_preview, Surface.PRIVATE),
    "deploy-rolled-back": Drawn(changes.deploy_rolled_back, Surface.CARD),
    "deploy-running": Drawn(changes.deploy_running, Surface.CARD),
    "deploy-thread-end": Drawn(changes.deploy_thread_end, Surface.THREAD),
    "doctor": Drawn(views.doctor, Surface.PRIVATE),
    "expired": Drawn(views.button_expired, Surface.PRIVATE),
    "followed": Drawn(followed, Surface.CARD),
    "following": Drawn(following, Surface.CARD),
    "handed-over": Drawn(handed_over, Surface.CARD),
    "help": Drawn(views.help, Surface.PRIVATE),
    "home": Drawn(views.home, Surface.HOME),
    "locked": Drawn(locked, Surface.PRIVATE),
    "logs": Drawn(logs_new, Surface.PRIVATE),
    "logs-only-new": Drawn(logs_only_new, Surface.PRIVATE),
    "logs-quiet": Drawn(logs, Surface.PRIVATE),
    "logs-context-modal": Drawn(around, Surface.MODAL),
    "metrics": Drawn(metrics, Surface.PRIVATE),
    "plan-changed": Drawn(changes.plan_changed, Surface.CARD),
    "request-expired": Drawn(changes.request_expired, Surface.CARD),
    "rollback-preview": Drawn(changes.rollback_preview, Surface.PRIVATE),
    "scale-hpa": Drawn(changes.scale_autoscaler, Surface.PRIVATE),
    "silence-modal": Drawn(views.silence_form, Surface.MODAL),
    "unexpected": Drawn(views.unexpected, Surface.PRIVATE),
    "unknown-app": Drawn(views.unknown_app, Surface.PRIVATE),
    "why": Drawn(why_nothing, Surface.PRIVATE),
}
