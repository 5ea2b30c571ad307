"""What every adapter of Images, Logs, Metrics, Alerts and AlertWriter must do, real or simulated.

A test class of the adapters inherits `ObservingContract` and has a fixture `stage`: an app called web that has served
requests for a while, some of which failed, so that HighErrorRate fires for it; and another tenant's app of the same name.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

import pytest

from bot.domain.errors import BadArguments, Missing
from bot.ports.observing import (
    Alerts,
    AlertWriter,
    Images,
    Level,
    LogPage,
    LogQuery,
    Logs,
    Measure,
    MetricQuery,
    Metrics,
    Scope,
)

HOSTILE = (
    "*",
    ".*",
    "* OR *",
    "kubernetes.namespace:*",
    '") OR (*',
    "-nothing | *",
    "'} or {",
    "_exists_:message",
    '{"match_all":{}}',
    "\\",
    '"',
    "\x00",
)
ALERT = "HighErrorRate"


class Stage(Protocol):
    @property
    def images(self) -> Images: ...

    @property
    def logs(self) -> Logs: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def alerts(self) -> Alerts: ...

    @property
    def silences(self) -> AlertWriter: ...

    @property
    def repository(self) -> str: ...

    @property
    def tag(self) -> str: ...

    @property
    def web(self) -> Scope: ...

    @property
    def other(self) -> Scope:
        """Another tenant's workload of the same name."""
        ...

    def now(self) -> datetime: ...

    def until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Lets time pass until it is so."""
        ...


class ObservingContract:
    # --- images -------------------------------------------------------------------------------

    def test_a_tag_and_its_digest_are_one_image(self, stage: Stage) -> None:
        by_tag = stage.images.resolve(stage.repository, stage.tag)
        by_digest = stage.images.resolve(stage.repository, by_tag.digest)
        assert by_tag.digest.startswith("sha256:")
        assert replace(by_digest, tag=stage.tag) == by_tag
        assert by_tag.pinned == f"{stage.repository}@{by_tag.digest}"

    @pytest.mark.parametrize("ref", ["no-such-tag", "sha256:" + "0" * 64, "../x", "", "x y"])
    def test_a_version_that_is_not_there_is_missing(self, stage: Stage, ref: str) -> None:
        with pytest.raises(Missing):
            stage.images.resolve(stage.repository, ref)

    def test_a_repository_that_is_not_there_is_missing(self, stage: Stage) -> None:
        with pytest.raises(Missing):
            stage.images.tags(f"{stage.repository}-no-such")

    def test_tags_are_listed(self, stage: Stage) -> None:
        assert stage.tag in stage.images.tags(stage.repository)

    def test_every_system_answers_a_ping(self, stage: Stage) -> None:
        assert all((stage.images.ping(), stage.logs.ping(), stage.metrics.ping(), stage.alerts.ping()))

    # --- logs ---------------------------------------------------------------------------------

    def search(
        self,
        stage: Stage,
        words: str = "",
        *,
        scope: Scope | None = None,
        level: Level | None = None,
        pod: str = "",
        limit: int = 50,
    ) -> LogPage:
        now = stage.now()
        return stage.logs.search(
            LogQuery((scope or stage.web,), now - timedelta(minutes=10), now, words, level, pod, limit, buckets=10)
        )

    def word(self, stage: Stage) -> str:
        """One that some lines have."""
        lines = self.search(stage, level=Level.ERROR).lines
        return next(word for line in lines for word in line.message.split() if word.isalpha() and len(word) > 3)

    def test_a_search_finds_the_apps_lines_and_counts_them(self, stage: Stage) -> None:
        page = self.search(stage)
        assert page.total > 0
        assert sum(page.counts) == page.total
        assert len(page.counts) == 10
        assert len(page.lines) == min(page.total, 50)
        assert all(first.at <= second.at for first, second in pairwise(page.lines))
        assert all(line.pod.startswith("web-") for line in page.lines)
        assert 0 < len(page.patterns) <= 10
        assert page.source

    def test_the_newest_lines_are_kept(self, stage: Stage) -> None:
        until = stage.now()
        query = LogQuery((stage.web,), until - timedelta(minutes=10), until, limit=20)
        many, few = stage.logs.search(query), stage.logs.search(replace(query, limit=3))
        assert few.total == many.total
        assert [line.at for line in few.lines] == [line.at for line in many.lines][-3:]

    def test_the_oldest_lines_are_kept_where_they_are_wanted(self, stage: Stage) -> None:
        until = stage.now()
        query = LogQuery((stage.web,), until - timedelta(minutes=10), until, limit=20)
        newest, oldest = (stage.logs.search(replace(query, is_oldest=wanted)) for wanted in (False, True))
        assert [line.at for line in oldest.lines] == sorted(line.at for line in oldest.lines)
        assert oldest.lines[0].at <= newest.lines[0].at
        few = stage.logs.search(replace(query, is_oldest=True, limit=3))
        assert [line.at for line in few.lines] == [line.at for line in oldest.lines[:3]]

    def test_words_narrow_a_search_and_not_widens_it_again(self, stage: Stage) -> None:
        until = stage.now()
        query = LogQuery((stage.web,), until - timedelta(minutes=10), until)
        word = self.word(stage)
        everything = stage.logs.search(query).total
        having = stage.logs.search(replace(query, words=word.upper()))
        lacking = stage.logs.search(replace(query, words=f"-{word}"))
        assert having.total > 0
        assert having.total + lacking.total == everything
        assert all(word.lower() in line.message.lower() for line in having.lines)
        assert all(word.lower() not in line.message.lower() for line in lacking.lines)

    def test_words_that_nobody_wrote_find_nothing(self, stage: Stage) -> None:
        page = self.search(stage, "xyzzyplugh")
        assert (page.total, page.lines, page.patterns, sum(page.counts)) == (0, (), (), 0)

    def test_a_level_narrows_a_search(self, stage: Stage) -> None:
        page = self.search(stage, level=Level.ERROR, limit=500)
        assert 0 < page.total < self.search(stage).total
        assert {line.level for line in page.lines} == {"error"}

    def test_one_pod_narrows_a_search(self, stage: Stage) -> None:
        pod = self.search(stage).lines[-1].pod
        assert {line.pod for line in self.search(stage, pod=pod).lines} == {pod}

    def test_no_scope_is_no_line(self, stage: Stage) -> None:
        now = stage.now()
        page = stage.logs.search(LogQuery((), now - timedelta(minutes=10), now))
        assert (page.total, page.lines) == (0, ())

    @pytest.mark.parametrize("words", HOSTILE)
    def test_no_words_show_the_lines_of_another_tenant(self, stage: Stage, words: str) -> None:
        own = {line.pod for line in self.search(stage, limit=500).lines}
        foreign = {line.pod for line in self.search(stage, scope=stage.other, limit=500).lines}
        assert foreign
        assert not own & foreign
        assert not {line.pod for line in self.search(stage, words, limit=500).lines} & foreign

    def test_a_search_that_ends_before_it_begins_is_refused(self, stage: Stage) -> None:
        now = stage.now()
        with pytest.raises(BadArguments):
            stage.logs.search(LogQuery((stage.web,), now, now))

    # --- metrics ------------------------------------------------------------------------------

    def measured(self, stage: Stage, measure: Measure, scope: Scope | None = None) -> list[float]:
        now = stage.now()
        query = MetricQuery(measure, scope or stage.web, now - timedelta(minutes=2), now, timedelta(seconds=5))
        points = stage.metrics.range(query).points
        assert all(query.since - query.step <= at <= query.until + query.step for at, _ in points)
        assert all(first[0] < second[0] for first, second in pairwise(points))
        return [value for _, value in points]

    def test_requests_errors_and_latency_are_measured(self, stage: Stage) -> None:
        assert max(self.measured(stage, Measure.REQUESTS)) > 0
        errors = self.measured(stage, Measure.ERRORS)
        assert 0.02 < errors[-1] <= 1
        assert max(self.measured(stage, Measure.LATENCY)) > 0

    def test_a_workload_that_is_not_there_has_no_data_and_not_zero(self, stage: Stage) -> None:
        nobody = replace(stage.web, workload="nobody")
        assert all(self.measured(stage, measure, nobody) == [] for measure in (Measure.REQUESTS, Measure.ERRORS))

    def test_a_canary_is_measured_apart_from_its_workload(self, stage: Stage) -> None:
        assert self.measured(stage, Measure.REQUESTS, replace(stage.web, workload="web-canary")) == []

    def test_pods_of_another_replica_set_are_not_measured(self, stage: Stage) -> None:
        assert self.measured(stage, Measure.REQUESTS, replace(stage.web, replica_set="web-7f3a9c21d")) == []

    def test_a_range_that_ends_before_it_begins_is_refused(self, stage: Stage) -> None:
        now = stage.now()
        with pytest.raises(BadArguments):
            stage.metrics.range(MetricQuery(Measure.REQUESTS, stage.web, now, now, timedelta(seconds=5)))

    # --- alerts -------------------------------------------------------------------------------

    def firing(self, stage: Stage) -> bool:
        return any(alert.name == ALERT for alert in stage.alerts.list((stage.web.namespace,)))

    def test_alerts_are_those_of_the_namespaces(self, stage: Stage) -> None:
        stage.until("the alert", lambda: self.firing(stage))
        found = stage.alerts.list((stage.web.namespace, "no-such-namespace"))
        assert {alert.labels["namespace"] for alert in found} == {stage.web.namespace}
        [alert] = [alert for alert in found if alert.name == ALERT]
        assert alert.is_firing
        assert alert.fingerprint
        assert alert.labels["app"] == "web"
        assert alert.starts <= stage.now() + timedelta(seconds=5)
        assert stage.alerts.list(()) == ()
        assert stage.alerts.list(("no-such-namespace",)) == ()

    def test_an_alerts_rule_names_its_limit_and_a_figure_that_went_beyond_it(self, stage: Stage) -> None:
        stage.until("the alert", lambda: self.firing(stage))
        [alert] = [each for each in stage.alerts.list((stage.web.namespace,)) if each.name == ALERT]
        rule = stage.metrics.threshold(alert.rule)
        assert rule is not None, alert.rule
        assert rule.is_above
        now = stage.now()
        query = MetricQuery(rule.measured, stage.web, now - timedelta(minutes=10), now, timedelta(seconds=30))
        values = [value for _, value in stage.metrics.range(query).points]
        assert max(values) > rule.limit
        assert max(values) <= 1.0

    def test_a_rule_that_says_no_limit_has_none(self, stage: Stage) -> None:
        assert stage.metrics.threshold("") is None
        assert stage.metrics.threshold("absent(up)") is None

    def test_the_peak_of_memory_can_be_asked(self, stage: Stage) -> None:
        now = stage.now()
        query = MetricQuery(Measure.PEAK_MEMORY, stage.web, now - timedelta(days=7), now, timedelta(minutes=30))
        assert all(value > 0 for _, value in stage.metrics.range(query).points)

    def test_a_silence_is_made_once_and_found_by_its_comment(self, stage: Stage) -> None:
        stage.until("the alert", lambda: self.firing(stage))
        matchers = {"alertname": ALERT, "namespace": stage.web.namespace, "app": "web"}
        comment = f"op-7: {secrets.token_hex(4)}"
        assert not stage.alerts.silenced(comment)
        made = stage.silences.silence(matchers, time=timedelta(hours=1), by="ana", comment=comment)
        assert stage.silences.silence(matchers, time=timedelta(hours=1), by="ana", comment=comment) == made
        assert stage.alerts.silenced(comment)
        assert not stage.alerts.silenced("op-7")
        stage.until(
            "the alert to be silenced",
            lambda: any(made in alert.silenced_by for alert in stage.alerts.list((stage.web.namespace,))),
        )

    def test_a_silence_without_matchers_or_time_is_refused(self, stage: Stage) -> None:
        matchers = {"alertname": ALERT, "namespace": stage.web.namespace}
        with pytest.raises(BadArguments):
            stage.silences.silence({}, time=timedelta(hours=1), by="ana", comment="op-8")
        with pytest.raises(BadArguments):
            stage.silences.silence(matchers, time=timedelta(0), by="ana", comment="op-8")
        assert not stage.alerts.silenced("op-8")
