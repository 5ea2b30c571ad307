"""What fires in the simulated world, silences, and the notifications that Alertmanager would send about it.

Grouped by alertname, namespace and app, as in the alerts of the rig. A silenced alert is listed but not notified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bot.ports.observing import Alert, AlertGroup
from integrations.simulated.moments import moment
from integrations.simulated.rules import RULES, Rule, Watched, watched

if TYPE_CHECKING:
    from integrations.simulated.world import SimulatedWorld

RECEIVER = "pilothouse"
_PERIOD = 10.0
_GROUP_WAIT = 3.0
_REPEAT = 4 * 3600.0
_KEPT_DELIVERIES = 1_000
GROUPED_BY = ("alertname", "app", "namespace")


@dataclass(slots=True)
class Alarm:
    """One rule about one app; kept from the first time that it is true."""

    rule: Rule
    labels: dict[str, str]
    summary: str
    since: float
    """When it became true."""
    fires: float | None = None
    ended: float | None = None

    @property
    def is_firing(self) -> bool:
        return self.fires is not None and self.ended is None


@dataclass(frozen=True, slots=True)
class Silence:
    id: str
    matchers: Mapping[str, str]
    starts: float
    ends: float
    by: str
    comment: str


@dataclass(frozen=True, slots=True)
class Delivery:
    number: int
    """Counts up from 1."""
    at: float
    group: AlertGroup


class Alarms:
    """Whoever calls is in the world already."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._alarms: dict[tuple[str, ...], Alarm] = {}
        self._told: dict[str, tuple[frozenset[tuple[str, float]], float]] = {}
        """What was last said of a group (fingerprints and starts of what fires), and when."""
        self._waiting: set[str] = set()
        self.silences: list[Silence] = []
        self._deliveries: list[Delivery] = []
        self._count = 0

    def begin(self) -> None:
        """Looks at the rules now and from then on."""
        self._look()

    def firing(self) -> tuple[Alert, ...]:
        found = [alarm for alarm in self._alarms.values() if alarm.is_firing]
        return tuple(self._alert(alarm) for alarm in sorted(found, key=lambda alarm: alarm.fires or 0.0))

    def deliveries(self, after: int) -> tuple[Delivery, ...]:
        return tuple(each for each in self._deliveries if each.number > after)

    def silence(self, matchers: Mapping[str, str], *, seconds: float, by: str, comment: str) -> Silence:
        if standing := self.silence_of(comment):
            return standing
        now = self._world.timeline.now
        made = Silence(self._world.uid(), dict(matchers), now, now + seconds, by, comment)
        self.silences.append(made)
        return made

    def silence_of(self, comment: str) -> Silence | None:
        now = self._world.timeline.now
        return next((each for each in self.silences if each.comment == comment and each.ends > now), None)

    # --- rules --------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._world.timeline.after(_PERIOD, self._look)
        now = self._world.timeline.now
        if not self._world.was_measured(now):
            return
        seen: set[tuple[str, ...]] = set()
        for name in self._world.clusters():
            for about in watched(self._world.state(name)):
                for rule in RULES:
                    if (words := rule.look(about, now)) is not None:
                        seen.add(self._true(rule, about, words))
        for key, alarm in list(self._alarms.items()):
            if key in seen:
                continue
            if alarm.fires is None:
                del self._alarms[key]
            elif alarm.ended is None:
                alarm.ended = now
        for group in sorted({group_key(alarm.labels) for alarm in self._alarms.values() if alarm.fires is not None}):
            self._consider(group)

    def _true(self, rule: Rule, about: Watched, words: str) -> tuple[str, ...]:
        now = self._world.timeline.now
        key = (rule.name, *about.labels.values())
        alarm = self._alarms.get(key)
        if alarm is None or alarm.ended is not None:
            labels = {"alertname": rule.name, "severity": rule.severity, **about.labels}
            alarm = self._alarms[key] = Alarm(rule, labels, words, now)
        alarm.summary = words
        if alarm.fires is None and now - alarm.since >= self._world.timeline.span(rule.holds):
            alarm.fires = now
        return key

    # --- notifications --------------------------------------------------------------------------------

    def _consider(self, key: str) -> None:
        now = self._world.timeline.now
        fires = self._loud(key)
        said, at = self._told.get(key, (frozenset(), 0.0))
        is_due = fires != said or (fires and now - at >= _REPEAT)
        if is_due and key not in self._waiting:
            self._waiting.add(key)
            self._world.timeline.after(_GROUP_WAIT, lambda: self._tell(key))

    def _tell(self, key: str) -> None:
        self._waiting.discard(key)
        now = self._world.timeline.now
        fires = self._loud(key)
        said, at = self._told.get(key, (frozenset(), 0.0))
        if fires == said and not (fires and now - at >= _REPEAT):
            return
        self._told[key] = (fires, now)
        alarms = [each for each in self._alarms.values() if each.fires is not None and group_key(each.labels) == key]
        loud = [each for each in alarms if not self._silenced_by(each)]
        if not loud:
            # Silenced since: Alertmanager keeps quiet, it does not say "resolved".
            return
        alerts = tuple(self._alert(each) for each in loud)
        common = {
            name: value
            for name, value in alerts[0].labels.items()
            if all(alert.labels.get(name) == value for alert in alerts)
        }
        self._count += 1
        group = AlertGroup(key, RECEIVER, any(alert.is_firing for alert in alerts), common, alerts)
        self._deliveries.append(Delivery(self._count, now, group))
        del self._deliveries[:-_KEPT_DELIVERIES]

    def _loud(self, key: str) -> frozenset[tuple[str, float]]:
        return frozenset(
            (fingerprint(each.labels), each.fires or 0.0)
            for each in self._alarms.values()
            if each.is_firing and group_key(each.labels) == key and not self._silenced_by(each)
        )

    def _silenced_by(self, alarm: Alarm) -> tuple[str, ...]:
        now = self._world.timeline.now
        return tuple(
            each.id
            for each in self.silences
            if each.starts <= now < each.ends
            and all(alarm.labels.get(name) == value for name, value in each.matchers.items())
        )

    def _alert(self, alarm: Alarm) -> Alert:
        return Alert(
            fingerprint=fingerprint(alarm.labels),
            name=alarm.rule.name,
            labels=dict(alarm.labels),
            annotations={"summary": alarm.summary},
            starts=moment(alarm.fires or alarm.since),
            ends=None if alarm.ended is None else moment(alarm.ended),
            is_firing=alarm.is_firing,
            silenced_by=self._silenced_by(alarm),
            rule=alarm.rule.expression,
        )


def fingerprint(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(labels), sort_keys=True).encode()).hexdigest()[:16]


def group_key(labels: Mapping[str, str]) -> str:
    """As Alertmanager writes it."""
    return "{}:{" + ", ".join(f'{name}="{labels.get(name, "")}"' for name in GROUPED_BY) + "}"


def webhook_body(group: AlertGroup) -> bytes:
    """The group as Alertmanager posts it (version 4)."""
    return json.dumps(
        {
            "version": "4",
            "groupKey": group.key,
            "truncatedAlerts": group.truncated,
            "status": "firing" if group.is_firing else "resolved",
            "receiver": group.receiver,
            "groupLabels": {name: group.labels[name] for name in GROUPED_BY if name in group.labels},
            "commonLabels": dict(group.labels),
            "commonAnnotations": {},
            "externalURL": group.link,
            "alerts": [_posted(alert) for alert in group.alerts],
        }
    ).encode()


def _posted(alert: Alert) -> dict[str, object]:
    never = "0001-01-01T00:00:00Z"
    return {
        "status": "firing" if alert.is_firing else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": alert.starts.isoformat(),
        "endsAt": alert.ends.isoformat() if alert.ends else never,
        "generatorURL": f"http://prometheus.test/graph?{urlencode({'g0.expr': alert.rule})}" if alert.rule else "",
        "fingerprint": alert.fingerprint,
    }
