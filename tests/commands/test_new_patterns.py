"""What is new in the logs since a release, what cannot be told, and what is never called new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Unavailable
from bot.domain.operation import Phase
from bot.domain.refs import AppName, EnvName, Principal
from bot.domain.reply import text
from bot.ports.observing import LogPage, LogPattern, LogQuery
from bot.steps.new_patterns import new_since, phrase
from tests.kit.bench import Bench, bench, words


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        made.clock.move(timedelta(minutes=45))
        yield made


def deployed(bot: Bench, version: str) -> None:
    bot.run(bot.start("ana", f"deploy web@{version} to staging"))
    bot.turn(seconds=600)


def test_patterns_of_the_release_are_marked_and_one_click_shows_only_them(bot: Bench) -> None:
    deployed(bot, "1.9.0")
    found = words(bot.say("ana", "logs web in staging"))
    assert "2 new since 1.9.0" in found
    assert "NEW  upstream timed out after <*> ms, host=<*>" in found
    assert "NEW  <*> " not in found
    [line] = [line for line in found.splitlines() if line.startswith("[New since 1.9.0 only: ")]
    only = words(bot.say("ana", line.partition(": ")[2].removesuffix("]")))
    assert "2 patterns are new since 1.9.0." in only
    assert "upstream timed out after" in only
    assert "GET /" not in only


def test_what_is_new_but_rare_is_found_among_the_warnings(bot: Bench) -> None:
    """Of a canary's few requests: its lines are none of the ten most frequent patterns."""
    id = bot.start("ana", "canary web@1.9.0 10 to prod steps=25,50 hold=10m requests=500")
    bot.say("bo", f"approve {id}")
    assert bot.run(id, seconds=3000).phase is Phase.UNDONE
    only = words(bot.say("ana", "logs web in prod since=30m --new"))
    assert "new since 1.9.0." in only
    assert "upstream timed out after" in only
    assert "NEW  upstream timed out after" in words(bot.say("ana", "logs web in prod since=30m"))


def test_a_release_that_writes_what_was_written_before_has_nothing_new(bot: Bench) -> None:
    deployed(bot, "1.8.2")
    assert "0 new since 1.8.2" in words(bot.say("ana", "logs web in staging"))
    assert "No pattern is new since 1.8.2." in words(bot.say("ana", "logs web in staging --new"))


def test_without_a_release_of_the_last_day_nothing_is_called_new(bot: Bench) -> None:
    assert "new since" not in words(bot.say("ana", "logs web in staging"))
    assert "Nothing here is from a release of the last 1 d." in words(bot.say("ana", "logs web in staging --new"))


def test_all_lines_are_those_of_the_same_search(bot: Bench) -> None:
    deployed(bot, "1.8.2")
    only = words(bot.say("ana", "logs web in staging since=30m ago=1m pod=web-1 level=info --new GET"))
    assert "[All lines: logs web in staging since=1800s ago=60s level=info pod=web-1 GET]" in only


def searched(total: int, *patterns: str) -> LogPage:
    return LogPage(total, (), (total,), tuple(LogPattern(1, each) for each in patterns), "a store")


@dataclass
class Before:
    """bot.ports.observing.Logs: what was written before the release, and after it nothing."""

    page: LogPage | Unavailable
    within: LogPage = field(default_factory=lambda: searched(0))
    """What is found of a pattern."""

    def search(self, query: LogQuery) -> LogPage:
        if isinstance(self.page, Unavailable):
            raise self.page
        return self.page if not query.words else self.within

    def ping(self) -> str:
        return "a store"


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (Before(searched(0)), "there are no lines from before it"),
        (Before(Unavailable("elasticsearch", text("It does not answer."))), "It does not answer."),
        (Before(searched(9), replace(searched(0), partial=text("It was cut short."))), "It was cut short."),
    ],
)
def test_what_cannot_be_compared_is_not_called_new(bot: Bench, before: Before, says: str) -> None:
    """As where pods are gone and their logs with them: all of it would look new."""
    id = bot.start("ana", "deploy web@1.9.0 to staging")
    bot.run(id)
    bot.turn(seconds=600)
    world = replace(bot.core.engine._world(Principal("ana"), bot.operation(id)), logs=before)
    app = world.apps.locate(AppName("web"), EnvName("staging"))
    query = LogQuery(app.scopes, world.now - timedelta(minutes=5), world.now)
    found = new_since(world, app, query, searched(3, "upstream timed out after <*> ms"))
    assert found is not None
    assert found.patterns == ()
    assert found.unsure is not None
    assert found.unsure.plain() == says


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("upstream timed out after <*> ms, host=<*>", '"upstream timed out after"'),
        ("request <*> failed: context canceled", '"context canceled"'),
        ('<*> "GET / HTTP/<*>" <*> <*> <*>', ""),
        ("<*>", ""),
        ("", ""),
        ('say "hello there" now', '"hello there"'),
        ("user id<*>abc left the building", '"left the building"'),
    ],
)
def test_a_pattern_is_looked_for_by_its_own_words(template: str, words: str) -> None:
    assert phrase(template) == words
