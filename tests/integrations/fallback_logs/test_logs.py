"""Logs from what pods still have: the same query as a log store's, and the answer says that it is partial."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BadArguments, Missing, Unavailable
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Rollout, Surroundings, Workload
from bot.ports.clusters import ClusterReads, PodLine
from bot.ports.observing import Level, LogPattern, LogQuery, Scope
from integrations.fallback_logs.lines import Words
from integrations.fallback_logs.logs import PodLogs
from integrations.log_patterns.drain import mine

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POD = "web-7c9f8b6d5-x2x7p"
WEB = Scope("eu-1", "web-prod", "web")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def elapsed(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError


@dataclass
class FakeWorkloads:
    """Only the lines of pods; the rest of the port is asked by nobody here."""

    lines: dict[str, list[PodLine]] = field(default_factory=dict)
    is_down: bool = False

    def logs(
        self, ref: ObjectRef, *, since: timedelta, limit: int, pod: str = "", previous: bool = False
    ) -> tuple[PodLine, ...]:
        assert ref.namespace == "web-prod"
        if self.is_down:
            raise Unavailable("kubernetes", text("It does not answer."))
        if ref.name not in self.lines:
            raise Missing("kubernetes", text("It is not there."))
        return tuple(line for line in self.lines[ref.name] if not pod or line.pod == pod)[-limit:]

    def list(self, namespace: str) -> tuple[Workload, ...]:
        raise NotImplementedError

    def find(self, namespace: str, name: str) -> Workload | None:
        raise NotImplementedError

    def rollout(self, ref: ObjectRef) -> Rollout:
        raise NotImplementedError

    def surroundings(self, workload: Workload) -> Surroundings:
        raise NotImplementedError

    def config(self, namespace: str, names: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        raise NotImplementedError


def line(words: str, *, minutes: float = 1, pod: str = POD) -> PodLine:
    at = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "123Z")
    return PodLine(pod, "app", at.replace("00123Z", "00.000000123Z"), words)


def logs(**clusters: FakeWorkloads) -> PodLogs:
    return PodLogs(
        {name.replace("_", "-"): ClusterReads(name, each) for name, each in clusters.items()}, mine, FixedClock()
    )


def query(
    words: str = "", *, level: Level | None = None, limit: int = 50, pod: str = "", scopes: tuple[Scope, ...] = (WEB,)
) -> LogQuery:
    return LogQuery(scopes, NOW - timedelta(hours=1), NOW, words, level, pod, limit, 12)


LINES = {
    "web": [
        line("ERROR upstream timed out after 3000 ms", minutes=50),
        line('{"level": "WARN", "msg": "retrying payment 7"}', minutes=30),
        line('{"severity": "debug", "message": "cart opened"}', minutes=20),
        line("a line without a level", minutes=10, pod="web-7c9f8b6d5-qqz4l"),
        line("too old", minutes=61),
        PodLine(POD, "app", "", "no moment"),
    ],
    "web-canary": [line("canary timed out after 12 ms", minutes=5, pod="web-canary-6bdf8-bb2cd")],
}


def test_lines_of_the_workload_and_its_canary_come_oldest_first() -> None:
    page = logs(eu_1=FakeWorkloads(LINES)).search(query())
    assert [each.message for each in page.lines] == [
        "ERROR upstream timed out after 3000 ms",
        "retrying payment 7",
        "cart opened",
        "a line without a level",
        "canary timed out after 12 ms",
    ]
    assert [each.level for each in page.lines] == ["error", "warn", "debug", "", ""]
    assert (page.total, page.source) == (5, "pod logs")
    assert page.counts == (0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1)
    assert LogPattern(1, "canary timed out after <*> ms") in page.patterns


def test_the_answer_says_what_it_lacks() -> None:
    page = logs(eu_1=FakeWorkloads(LINES)).search(query())
    assert page.partial is not None
    assert "last rotation" in page.partial.plain()
    many = FakeWorkloads({"web": [line(f"line {n}", minutes=30) for n in range(3000)]})
    page = logs(eu_1=many).search(query())
    assert page.total == 2000
    assert page.partial is not None
    assert "Only the newest lines" in page.partial.plain()


@pytest.mark.parametrize(
    ("words", "level", "pod", "total"),
    [
        ("timed out", None, "", 2),
        ('"timed out after"', None, "", 2),
        ('"out timed"', None, "", 0),
        ("TIMED -canary", None, "", 1),
        ("-timed", None, "", 3),
        ("tim", None, "", 0),
        ("", Level.ERROR, "", 1),
        ("", Level.WARN, "", 2),
        ("", Level.INFO, "", 4),
        ("", None, POD, 3),
        (".*", None, "", 5),
        ('"', None, "", 5),
    ],
)
def test_words_levels_and_pods_narrow_it(words: str, level: Level | None, pod: str, total: int) -> None:
    assert logs(eu_1=FakeWorkloads(LINES)).search(query(words, level=level, pod=pod)).total == total


def test_the_newest_are_kept_when_there_are_too_many() -> None:
    page = logs(eu_1=FakeWorkloads(LINES)).search(query(limit=1))
    assert [each.message for each in page.lines] == ["canary timed out after 12 ms"]
    assert page.total == 5


def test_a_cluster_that_is_down_leaves_the_others() -> None:
    both = (WEB, Scope("us-1", "web-prod", "web"))
    page = logs(eu_1=FakeWorkloads(LINES), us_1=FakeWorkloads(is_down=True)).search(query(scopes=both))
    assert page.total == 5
    assert page.partial is not None
    assert "Some clusters did not answer" in page.partial.plain()
    with pytest.raises(Unavailable):
        logs(eu_1=FakeWorkloads(is_down=True)).search(query())


def test_a_workload_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing):
        logs(eu_1=FakeWorkloads()).search(query())


def test_no_scope_is_no_line() -> None:
    assert logs().search(query(scopes=())).lines == ()


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(BadArguments):
        logs(eu_1=FakeWorkloads(LINES)).search(query("x" * 501))
    with pytest.raises(BadArguments):
        logs(eu_1=FakeWorkloads(LINES)).search(LogQuery((WEB,), NOW, NOW))


def test_a_message_that_is_broken_json_or_endless_is_a_line_all_the_same() -> None:
    lines = {"web": [line('{"msg": ' + "[" * 5000), line('{"a": 1}'), line("[1]"), line("x" * 50_000)]}
    page = logs(eu_1=FakeWorkloads(lines)).search(query())
    assert page.total == 4
    assert max(len(each.message) for each in page.lines) == 10_000


def test_words_of_signs_alone_look_for_nothing() -> None:
    assert Words.parse('- "" -"" () *') == Words((), ())


def test_the_oldest_lines_are_kept_where_they_are_wanted() -> None:
    found = logs(eu_1=FakeWorkloads(LINES))
    query = LogQuery((WEB,), NOW - timedelta(hours=1), NOW, limit=500)
    all_lines = found.search(query).lines
    assert found.search(replace(query, limit=2, is_oldest=True)).lines == all_lines[:2]
    assert found.search(replace(query, limit=2)).lines == all_lines[-2:]
