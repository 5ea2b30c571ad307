"""`logs APP [words] in ENV`: a bounded search of one app's logs, with its histogram, patterns and newest lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.errors import BadArguments
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Code, Histogram, Note, Opens, Paragraph, Reply, counted, span, text
from bot.ports.observing import Level, LogLine, LogPage, LogQuery
from bot.ports.world import World
from bot.steps.following import masked, together

LONGEST = timedelta(days=7)
SHOWN = 5
MOST = 500


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
    return _reply(params, query, world.logs.search(query))


def _reply(params: Logs, query: LogQuery, page: LogPage) -> Reply:
    title = text(
        "Logs · {app} on {env} · last {since}{words}",
        app=str(params.app),
        env=str(params.env),
        since=params.since,
        words=f" · {params.query}" if params.query else "",
    )
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
        blocks = _found(query, page)
    if page.partial is not None:
        blocks.append(Note(text("Not the whole answer: {why}", why=page.partial)))
    blocks.append(Note(text("From {source}. What looks like a secret is masked.", source=page.source)))
    blocks.append(_buttons(params, query, page))
    return Reply(title, tuple(blocks))


def _found(query: LogQuery, page: LogPage) -> list[Block]:
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
        patterns = "\n".join(f"{p.count:>6}  {masked(p.template)}" for p in page.patterns)
        blocks += [
            Paragraph(counted(len(page.patterns), "{n} pattern", "{n} patterns")),
            Code(patterns, "patterns.txt"),
        ]
    shown = text("Newest {n} of {all}, times in UTC", n=len(page.lines), all=page.total)
    return [*blocks, Paragraph(shown), Code(together(page.lines), "lines.txt")]


def _buttons(params: Logs, query: LogQuery, page: LogPage) -> Buttons:
    head = f"logs {params.app} in {params.env}"
    tail = f" {params.query}" if params.query else ""
    seconds = int(params.since.total_seconds())
    ago = int((params.ago or timedelta(0)).total_seconds())
    level = f" level={params.level}" if params.level else ""
    pod = f" pod={params.pod}" if params.pod else ""
    said = f"{level}{pod}"
    row = [
        Button(
            text("Earlier"), f"{head} since={seconds}s ago={ago + seconds}s{said}{tail}", spoken=text("Earlier lines")
        ),
        Button(
            text("Share here"),
            f"{head} since={seconds}s{_ago(ago)}{said} --share{tail}",
            spoken=text("Post this result to the channel"),
        ),
    ]
    if page.lines:
        row.insert(0, _around(params, page.lines[-1]))
    more = []
    if params.level is None:
        more.append(Button(text("Errors only"), f"{head} since={seconds}s{_ago(ago)} level=error{pod}{tail}"))
    if not ago and not params.pod:
        more.append(Button(text("Follow"), f"tail {params.app} in {params.env}{level}{tail}"))
    if page.total > len(page.lines):
        label = text("All {n} as a file", n=page.total) if page.total <= MOST else text("Newest {n} as a file", n=MOST)
        more.append(Button(label, f"{head} since={seconds}s{_ago(ago)}{said} lines={MOST}{tail}"))
    return Buttons(tuple(row), more=tuple(more))


def _ago(seconds: int) -> str:
    return f" ago={seconds}s" if seconds else ""


def _around(params: Logs, newest: LogLine) -> Button:
    at = newest.at.isoformat().replace("+00:00", "Z")
    line = f"around {params.app} {at} in {params.env} pod={newest.pod}"
    spoken = text("Show the lines around the newest match")
    return Button(text("Around newest line"), line, opens=Opens.VIEW, spoken=spoken)


COMMAND = Command(
    "logs", "search an app's logs", Logs, "logs:read", Answers(answer), slash=True, example="logs web timeout in prod"
)
