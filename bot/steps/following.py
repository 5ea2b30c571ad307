"""A step that looks at an app's newest log lines for a while, so that its card shows them; and how a line is shown.

It changes nothing. Lines are masked before they are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.operation import Progress, Standing
from bot.domain.redact import redact
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, counted, text
from bot.domain.workloads import Mark
from bot.ports.observing import Level, LogLine, LogQuery, Scope
from bot.ports.world import Hands, World

LINE = 400
"""Characters of a line that are shown."""
LEVEL = 12
"""Letters of a level: longer is none."""
FOLLOWED_LINE = 200
"""Of a card that is edited all the time, in which nothing may be cut into a file."""
LINES = 10
BEFORE = timedelta(minutes=1)
"""What was written just before is shown too: an empty card tells nothing."""
AGAIN = timedelta(seconds=5)


def shown(line: LogLine, *, most: int = LINE) -> str:
    """`14:31:58 x2x7p error upstream timed out`."""
    pod = line.pod.rpartition("-")[2] or line.pod
    return f"{line.at:%H:%M:%S} {pod}{level_of(line)} {masked(line.message, most=most)}"


def level_of(line: LogLine) -> str:
    """` error`; empty where there is none worth a word. What stands there is the app's own, as the message is."""
    words = "".join(line.level.split())
    if words in {"", "info"}:
        return ""
    return f" {words}" if len(words) <= LEVEL and words.isalpha() else " ?"


def masked(words: str, *, most: int = LINE) -> str:
    clean = redact(words)
    return clean if len(clean) <= most else f"{clean[:most]}… ({len(clean)} characters)"


def together(lines: Iterable[LogLine], *, most: int = LINE) -> str:
    return "\n".join(shown(line, most=most) for line in lines)


@dataclass(frozen=True, slots=True)
class FollowLogs:
    """For `time`, then it is done."""

    scopes: tuple[Scope, ...]
    words: str
    level: Level | None
    time: timedelta

    def describe(self) -> Text:
        return text("follow the logs for {time}", time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        since = world.now - held - BEFORE
        query = LogQuery(self.scopes, since, world.now, self.words, self.level, limit=LINES)
        page = world.logs.search(query)
        said = counted(page.total, "*{n} line* since {at}", "*{n} lines* since {at}", at=since)
        if page.total > len(page.lines):
            said = text("{said}, the newest {n}", said=said, n=len(page.lines))
        is_over = held >= self.time
        return Progress(
            Standing.DONE if is_over else Standing.UNDERWAY,
            report=None if is_over else said,
            again=min(AGAIN, max(self.time - held, timedelta(seconds=1))),
            excerpt=together(page.lines, most=FOLLOWED_LINE),
        )

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only looks."""
