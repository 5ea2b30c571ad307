"""The Metrics port over the simulated world's own figures."""

from __future__ import annotations

import re

from bot.domain.errors import BadArguments
from bot.domain.reply import text
from bot.ports.observing import Expression, Measure, MetricQuery, Samples, Threshold
from integrations.simulated.measures import measure
from integrations.simulated.moments import moment
from integrations.simulated.world import SimulatedWorld

SYSTEM = "prometheus"
_MOST_POINTS = 11_000
_RULE = re.compile(r"(\S+) > (\d+(?:\.\d+)?)")


class SimulatedMetrics:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def range(self, query: MetricQuery) -> Samples:
        self._world.meet(SYSTEM, "metrics.range")
        step = query.step.total_seconds()
        since, until = query.since.timestamp(), query.until.timestamp()
        if until <= since or step <= 0 or (until - since) / step > _MOST_POINTS:
            raise BadArguments(text("That span of time cannot be measured."), field="since")
        points = []
        what = self._what(query.measure)
        if what is None:
            return Samples(())
        with self._world.entered():
            if query.scope.cluster not in self._world.clusters():
                return Samples(())
            state = self._world.state(query.scope.cluster)
            ever = state.ever(query.scope.namespace, (query.scope.pods,))
            pods = [pod for pod in ever if pod.created <= until and (pod.gone is None or since < pod.gone)]
            for index in range(int((until - since) / step) + 1):
                at = since + index * step
                if not self._world.was_measured(at):
                    continue
                value = measure(state, pods, what, at)
                if value is not None:
                    points.append((moment(at), value))
        return Samples(tuple(points))

    def _what(self, asked: Measure | Expression) -> Measure | None:
        """Nobody here speaks PromQL: the world says which of its figures an app's own expression stands for."""
        if isinstance(asked, Measure):
            return asked
        return Measure(asked.words) if asked.words in set(Measure) else self._world.expressions.get(asked.words)

    def threshold(self, rule: str) -> Threshold | None:
        found = _RULE.fullmatch(rule)
        return Threshold(Expression(found[1]), float(found[2]), True) if found and found[1] in set(Measure) else None

    def check(self, words: str) -> None:
        if not words.strip():
            raise BadArguments(text("An expression says something."), field="query")

    def ping(self) -> str:
        self._world.meet(SYSTEM, "metrics.ping")
        return "simulated metrics"
