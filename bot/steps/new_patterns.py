"""Which patterns of an app's log lines are new since its newest release: nothing like them was written before it.

It only reads, within the app's own pods. What cannot be told is said and never counted as new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import IntegrationError
from bot.domain.reply import Text, text
from bot.ports.apps import App
from bot.ports.observing import Level, LogPage, LogPattern, LogQuery
from bot.ports.store import Proof, Release
from bot.ports.world import World

RECENT = timedelta(hours=24)
"""What an older release writes is what is usual."""
BEFORE = timedelta(hours=6)
"""That is compared with, up to the release."""
_LEAST = 2
"""Words of a phrase: one alone says little."""
_HOLE = "<*>"


@dataclass(frozen=True, slots=True)
class NewSince:
    version: str
    at: datetime
    """When that release began."""
    patterns: tuple[LogPattern, ...] = ()
    unsure: Text | None = None
    """Why nothing can be told."""


def newest(world: World, app: App) -> Release | None:
    """The app's newest release, where it began not long ago."""
    known = world.book.releases(str(app.name), str(app.env))
    found = next((release for release in known if release.proof is not Proof.ADOPTED), None)
    return found if found is not None and world.now - found.at <= RECENT else None


def new_since(world: World, app: App, query: LogQuery, page: LogPage) -> NewSince | None:
    """Of the page's patterns, and of those of warnings and errors since the release, which may be too rare to be on the
    page, the ones that nothing before the release has. None where no release is recent enough, or none of the lines can
    come from it."""
    release = newest(world, app)
    if release is None or query.until <= release.at or not page.patterns:
        return None
    since = LogQuery(app.scopes, release.at - BEFORE, release.at, limit=1, buckets=1)
    after = replace(query, since=max(query.since, release.at), level=query.level or Level.WARN, limit=1, buckets=1)
    try:
        before = world.logs.search(since)
        if before.total == 0:
            why = text("there are no lines from before it")
            return NewSince(release.version, release.at, unsure=why)
        known = {pattern.template for pattern in before.patterns}
        rare = world.logs.search(after).patterns
        looked = {pattern.template: pattern for pattern in (*rare, *page.patterns)}
        found = []
        for pattern in sorted(looked.values(), key=lambda each: (-each.count, each.template)):
            words = phrase(pattern.template)
            if not words or pattern.template in known:
                continue
            earlier = world.logs.search(replace(since, words=words))
            if earlier.total == 0 and earlier.partial is not None:
                # What was looked for in a part may be in the rest. Where searches are slow, this is the last of them.
                return NewSince(release.version, release.at, unsure=earlier.partial)
            if earlier.total == 0:
                found.append(pattern)
    except IntegrationError as error:
        return NewSince(release.version, release.at, unsure=error.what)
    return NewSince(release.version, release.at, tuple(found))


def phrase(template: str) -> str:
    """The longest run of a pattern's own words, as a query; empty where there is none that says enough."""
    runs: list[list[str]] = []
    for literal in _literals(template):
        # Beyond these signs a store may read one word or two.
        runs += [part.split() for part in re.split(r"[^\w\s]+", literal)]
    best = max(runs, key=lambda words: (len(words), sum(map(len, words))), default=[])
    return f'"{" ".join(best)}"' if len(best) >= _LEAST else ""


def _literals(template: str) -> list[str]:
    """What stands between the holes, without the words that a hole is part of."""
    parts = template.split(_HOLE)
    last = len(parts) - 1
    begun = [part if n == 0 else re.sub(r"^\S+", "", part) for n, part in enumerate(parts)]
    return [part if n == last else re.sub(r"\S+$", "", part) for n, part in enumerate(begun)]
