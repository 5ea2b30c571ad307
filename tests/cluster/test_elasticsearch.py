"""The Elasticsearch adapter on a real server: nothing of another tenant comes back, whatever is typed."""

import concurrent.futures
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.domain.errors import BadArguments
from bot.ports.observing import Level, LogQuery, Scope
from integrations.elasticsearch.logs import ElasticsearchLogs, ElasticsearchPlace
from integrations.log_patterns.drain import mine
from tests.integrations.elasticsearch.documents import PODS, START, Line, indexed
from tests.integrations.elasticsearch.payloads import payloads
from tests.rig.rig import Rig

WEB, PAY = Scope("eu-1", "web-prod", "web"), Scope("eu-1", "pay-prod", "pay")
PAY_POD = "pay-7c9f8b6d5-x2x7p"
LINES = [
    *(Line("web-prod", PODS[n % 2], f"request {n} took {n} ms", seconds=n) for n in range(300)),
    Line("web-prod", PODS[0], "upstream timed out after 3000 ms, host=cart", "error", 400),
    Line("web-prod", PODS[2], "canary upstream timed out after 12 ms, host=cart", "WARN", 401),
    Line("web-prod", PODS[3], "secretofadmin timed out", "error", 402),
    Line("web-prod", PODS[0], "secretofweb kubernetes.namespace:pay-prod", "info", 403),
    Line("web-prod", PODS[0], "debugging the cart", "debug", 404),
    Line("web-prod", PODS[1], "a line without a level about the cart", "", 405),
    *(Line("pay-prod", PAY_POD, f"card number 4111 {n} secretofpay", seconds=n) for n in range(300)),
    Line("pay-prod", "web-7c9f8b6d5-x2x7p", "secretofpay in a pod named as the other tenant's", seconds=500),
    Line("pay-prod-2", PAY_POD, "secretofpay2 in a namespace that begins alike", seconds=500),
    Line("web", "web-7c9f8b6d5-x2x7p", "secretofshort", seconds=500),
]


@pytest.fixture(scope="module")
def elasticsearch_url(rig: Rig) -> str:
    return rig.elasticsearch.url


@pytest.fixture(scope="module")
def logs(elasticsearch_url: str) -> Iterator[ElasticsearchLogs]:
    with indexed(elasticsearch_url, LINES) as index:
        made = ElasticsearchLogs(ElasticsearchPlace(elasticsearch_url, index), mine, deadline=timedelta(seconds=20))
        yield made
        made.close()


def query(
    words: str = "", scope: Scope = WEB, *, level: Level | None = None, limit: int = 50, pod: str = ""
) -> LogQuery:
    return LogQuery((scope,), START, START + timedelta(minutes=10), words, level, pod, limit, 10)


def test_5000_payloads_by_2_tenants_find_no_line_of_the_other(logs: ElasticsearchLogs) -> None:
    def foreign(work: tuple[str, Scope]) -> int:
        words, scope = work
        page = logs.search(query(words, scope, limit=500))
        own = {line.message for line in map_of[scope.namespace]}
        # The total is of the whole answer: a foreign line beyond the limit would show in it.
        assert page.total <= len(own), words
        assert sum(page.counts) == page.total, words
        return sum(line.message not in own for line in page.lines)

    map_of = {
        "web-prod": [line for line in LINES if line.namespace == "web-prod" and line.pod != PODS[3]],
        "pay-prod": [line for line in LINES if line.namespace == "pay-prod" and line.pod == PAY_POD],
    }
    work = [(words, scope) for words in payloads(5000) for scope in (WEB, PAY)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(foreign, work))
    assert len(found) == 10_000
    assert sum(found) == 0


@pytest.mark.parametrize(
    ("words", "total"),
    [
        ("", 305),
        ("upstream", 2),
        ("UPSTREAM", 2),
        ("upstream cart", 2),
        ('"timed out after"', 2),
        ('"out timed"', 0),
        ("upstream -canary", 1),
        ("-request", 5),
        ("ups*", 0),
        ("upstream | debugging", 0),
        ("secretofpay", 0),
        ("secretofadmin", 0),
        ("kubernetes.namespace:pay-prod", 1),
        ('"', 0),
    ],
)
def test_words_phrases_and_not_have_a_meaning_and_nothing_else(logs: ElasticsearchLogs, words: str, total: int) -> None:
    assert logs.search(query(words)).total == total


@pytest.mark.parametrize(("level", "total"), [(Level.ERROR, 1), (Level.WARN, 2), (Level.INFO, 304)])
def test_a_level_is_that_and_worse(logs: ElasticsearchLogs, level: Level, total: int) -> None:
    assert logs.search(query(level=level)).total == total


def test_the_newest_lines_come_oldest_first(logs: ElasticsearchLogs) -> None:
    page = logs.search(query(limit=3))
    assert [line.at for line in page.lines] == [START + timedelta(seconds=n) for n in (403, 404, 405)]
    assert page.total == 305


def test_the_histogram_has_every_match_in_its_minute(logs: ElasticsearchLogs) -> None:
    assert logs.search(query()).counts == (60, 60, 60, 60, 60, 0, 5, 0, 0, 0)


def test_patterns_are_those_of_the_matches(logs: ElasticsearchLogs) -> None:
    patterns = logs.search(query()).patterns
    assert (patterns[0].count, patterns[0].template) == (300, "request <*> took <*> ms")


def test_one_pod_alone(logs: ElasticsearchLogs) -> None:
    assert {line.pod for line in logs.search(query(pod=PODS[2])).lines} == {PODS[2]}
    assert logs.search(query(pod=PAY_POD)).total == 0
    assert logs.search(query(pod=PODS[3])).total == 0


def test_several_scopes_are_one_answer(logs: ElasticsearchLogs) -> None:
    asked = LogQuery((WEB, PAY), START, START + timedelta(minutes=10))
    assert logs.search(asked).total == 605


def test_time_has_a_beginning_that_counts_and_an_end_that_does_not(logs: ElasticsearchLogs) -> None:
    asked = LogQuery((WEB,), START + timedelta(seconds=10), START + timedelta(seconds=20), buckets=10)
    page = logs.search(asked)
    assert (page.total, page.counts) == (10, (1,) * 10)


def test_an_index_that_does_not_exist_has_no_lines(elasticsearch_url: str) -> None:
    made = ElasticsearchLogs(ElasticsearchPlace(elasticsearch_url, "logs-none-*"), mine, deadline=timedelta(seconds=9))
    page = made.search(query())
    assert (page.total, page.lines, page.counts) == (0, (), (0,) * 10)
    made.close()


def test_ping_gives_the_version(logs: ElasticsearchLogs) -> None:
    assert logs.ping().startswith("Elasticsearch 8.")


@pytest.mark.parametrize("words", ["a " * 250, '"' * 499, "-" * 500, "(" * 500, "\\" * 500, "-a " * 166, "\u0000" * 50])
def test_the_worst_that_fits_is_answered_or_refused(logs: ElasticsearchLogs, words: str) -> None:
    try:
        assert logs.search(query(words)).total >= 0
    except BadArguments:
        assert len(words) > 500
