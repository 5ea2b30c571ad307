"""`logs APP [words] in ENV`: a bounded search of one app's logs, with its histogram, patterns and newest lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.errors import BadArguments
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import (
    Block,
    Button,
    Buttons,
    Code,
    Histogram,
    Note,
    Opens,
    Paragraph,
    Reply,
    Text,
    counted,
    span,
    text,
)
from bot.ports.observing import Level, LogLine, LogPage, LogPattern, LogQuery
from bot.ports.world import World
from bot.steps.following import masked, together
from bot.steps.new_patterns import RECENT, NewSince, new_since, phrase

LONGEST = timedelta(days=7)
SHOWN = 5
MOST = 500
LABEL = 12


@dataclass(frozen=True, slots=True)
class Logs:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]
    query: Annotated[str, Arg('words to look for; "a phrase", -not', rest=True)] = ""
    since: Annotated[timedelta, Arg("how far back", example="1h")] = timedelta(hours=1)
    ago: Annotated[timedelta | None, Arg("and until when: this long ago", example="30m")] = None
    level: Annotated[Level | None, Arg("this level and worse")] = None
    pod: Annotated[str, Arg("one pod only", example="POD")] = ""
    lines: Annotated[int, Arg("how many of the newest lines")] = SHOWN
    new: Annotated[bool, Arg("only what nothing was written like before the newest release")] = False


def answer(params: Logs, world: World) -> Reply:
    if params.since > LONGEST:
        raise BadArguments(text("since is longer than {most}.", most=LONGEST), field="since")
    if not 1 <= params.lines <= MOST:
        raise BadArguments(text("lines has to be 1 to {most}.", most=MOST), field="lines")
    app = world.apps.locate(params.app, params.env)
    until = world.now - (params.ago or timedelta(0))
    query = LogQuery(
        scopes=app.scopes,
        since=until - params.since,
        until=until,
        words=params.query,
        level=params.level,
        pod=params.pod,
        limit=params.lines,
    )
    page = world.logs.search(query)
    news = new_since(world, app, query, page)
    return _only_new(world, params, query, page, news) if params.new else _reply(params, query, page, news)


def _title(params: Logs) -> Text:
    return text(
        "Logs · {app} on {env} · last {since}{words}",
        app=str(params.app),
        env=str(params.env),
        since=params.since,
        words=f" · {params.query}" if params.query else "",
    )


def _only_new(world: World, params: Logs, query: LogQuery, page: LogPage, news: NewSince | None) -> Reply:
    """The patterns that are new since the newest release, and the newest line of each."""
    title = text("{title} · new", title=_title(params))
    every = Buttons((Button(text("All lines"), _line(params)),))
    if news is None:
        why = text("Nothing here is from a release of the last {recent}.", recent=RECENT)
        return Reply(title, (Paragraph(why), every))
    if news.unsure is not None:
        why = text("What is new since {version} cannot be told: {why}.", version=news.version, why=news.unsure)
        return Reply(title, (Paragraph(why), every))
    if not news.patterns:
        return Reply(title, (Paragraph(text("No pattern is new since {version}.", version=news.version)), every))
    found = [replace(query, words=f"{phrase(each.template)} {query.words}".strip(), limit=1) for each in news.patterns]
    lines = sorted((line for each in found for line in world.logs.search(each).lines), key=lambda line: line.at)
    return Reply(
        title,
        (
            Paragraph(
                counted(
                    len(news.patterns),
                    "*{n} pattern* is new since {version}.",
                    "*{n} patterns* are new since {version}.",
                    version=news.version,
                )
            ),
            Code(_patterns(news.patterns, None), "patterns.txt"),
            Paragraph(text("The newest line of each, times in UTC")),
            Code(together(lines), "lines.txt"),
            Note(text("From {source}. What looks like a secret is masked.", source=page.source)),
            every,
        ),
    )


def _reply(params: Logs, query: LogQuery, page: LogPage, news: NewSince | None) -> Reply:
    title = _title(params)
    if page.total == 0:
        blocks: list[Block] = [
            Paragraph(text("No lines match.")),
            Note(
                text(
                    "Looked at {source} from {since} to {until}.",
                    source=page.source,
                    since=query.since,
                    until=query.until,
                )
            ),
        ]
    else:
        blocks = _found(query, page, news)
    if page.partial is not None:
        blocks.append(Note(text("Not the whole answer: {why}", why=page.partial)))
    blocks.append(Note(text("From {source}. What looks like a secret is masked.", source=page.source)))
    blocks.append(_buttons(params, page, news))
    return Reply(title, tuple(blocks))


def _found(query: LogQuery, page: LogPage, news: NewSince | None) -> list[Block]:
    width = (query.until - query.since) / max(1, len(page.counts))
    peak = max(range(len(page.counts)), key=page.counts.__getitem__) if page.counts else 0
    caption = text(
        "*{lines}*, peak {n} at {at}\nEach bar is {width}.",
        lines=counted(page.total, "{n} line", "{n} lines"),
        n=page.counts[peak] if page.counts else 0,
        at=query.since + peak * width,
        width=span(width),
    )
    blocks: list[Block] = [Histogram(page.counts, caption)]
    if len(page.patterns) > 1:
        rare = tuple(each for each in news.patterns if each not in page.patterns) if news is not None else ()
        patterns = (*page.patterns, *rare)
        said = counted(len(patterns), "{n} pattern", "{n} patterns")
        if news is not None and news.unsure is None:
            said = text("{said}, *{n} new since {version}*", said=said, n=len(news.patterns), version=news.version)
        blocks += [Paragraph(said), Code(_patterns(patterns, news), "patterns.txt")]
    shown = text("Newest {n} of {all}, times in UTC", n=len(page.lines), all=page.total)
    return [*blocks, Paragraph(shown), Code(together(page.lines), "lines.txt")]


def _patterns(patterns: tuple[LogPattern, ...], news: NewSince | None) -> str:
    """A line each; those that are new are marked where others stand beside them."""
    if news is None or not news.patterns:
        return "\n".join(f"{each.count:>6}  {masked(each.template)}" for each in patterns)
    marks = {each: "NEW" if each in news.patterns else "" for each in patterns}
    return "\n".join(f"{each.count:>6}  {marks[each]:3}  {masked(each.template)}" for each in patterns)


def _line(params: Logs, *, ago: timedelta | None = None, level: Level | None = None, more: str = "") -> str:
    """The same search, but for what is given here."""
    back = int((ago or params.ago or timedelta(0)).total_seconds())
    parts = [f"logs {params.app} in {params.env} since={int(params.since.total_seconds())}s"]
    parts += [f"ago={back}s"] if back else []
    parts += [f"level={wanted}"] if (wanted := level or params.level) else []
    parts += [f"pod={params.pod}"] if params.pod else []
    return " ".join([*parts, *([more] if more else []), *([params.query] if params.query else [])])


def _buttons(params: Logs, page: LogPage, news: NewSince | None) -> Buttons:
    ago = params.ago or timedelta(0)
    row = [
        Button(text("Earlier"), _line(params, ago=ago + params.since), spoken=text("Earlier lines")),
        Button(text("Share here"), _line(params, more="--share"), spoken=text("Post this result to the channel")),
    ]
    if page.lines:
        row.insert(0, _around(params, page.lines[-1]))
    more = []
    if params.level is None:
        more.append(Button(text("Errors only"), _line(params, level=Level.ERROR)))
    if news is not None and news.patterns:
        label = text("New since {version} only", version=_clipped(news.version))
        more.append(Button(label, _line(params, more="--new")))
    if not ago and not params.pod:
        level = f" level={params.level}" if params.level else ""
        tail = f" {params.query}" if params.query else ""
        more.append(Button(text("Follow"), f"tail {params.app} in {params.env}{level}{tail}"))
    if page.total > len(page.lines):
        label = text("All {n} as a file", n=page.total) if page.total <= MOST else text("Newest {n} as a file", n=MOST)
        more.append(Button(label, _line(params, more=f"lines={MOST}")))
    return Buttons(tuple(row), more=tuple(more))


def _clipped(version: str) -> str:
    """As a label has room for."""
    return version if len(version) <= LABEL else f"{version[: LABEL - 1]}…"


def _around(params: Logs, newest: LogLine) -> Button:
    at = newest.at.isoformat().replace("+00:00", "Z")
    line = f"around {params.app} {at} in {params.env} pod={newest.pod}"
    spoken = text("Show the lines around the newest match")
    return Button(text("Around newest line"), line, opens=Opens.VIEW, spoken=spoken)


COMMAND = Command(
    "logs", "search an app's logs", Logs, "logs:read", Answers(answer), slash=True, example="logs web timeout in prod"
)
