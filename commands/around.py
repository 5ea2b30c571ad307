"""`around APP TIME in ENV pod=POD`: the lines around one line of one pod, in a dialog that goes on both ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Code, Note, Paragraph, Reply, text
from bot.ports.observing import LogLine, LogQuery
from bot.ports.world import World
from bot.steps.following import level_of, masked

LINES = 8
"""Before, and after."""
REACH = timedelta(hours=1)
"""How far is looked in either direction."""
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Around:
    app: Annotated[AppName, Arg("the app")]
    at: Annotated[datetime, Arg("when the line was written, in UTC")]
    env: Annotated[EnvName, Arg("where", word="in")]
    pod: Annotated[str, Arg("of this pod alone", example="POD")] = ""
    mark: Annotated[datetime | None, Arg("the line that is marked; else that at the time itself")] = None


def answer(params: Around, world: World) -> Reply:
    app = world.apps.locate(params.app, params.env)
    # Stores keep milliseconds: lines of the same one stay together.
    after = params.at.replace(microsecond=params.at.microsecond // 1000 * 1000) + _MS

    def look(since: datetime, until: datetime, count: int, *, is_oldest: bool) -> tuple[LogLine, ...]:
        if until <= since:
            return ()
        query = LogQuery(app.scopes, since, until, pod=params.pod, limit=count, buckets=1, is_oldest=is_oldest)
        return world.logs.search(query).lines

    before = look(after - REACH, after, LINES + 1, is_oldest=False)
    found = before + look(after, min(world.now, after + REACH), LINES, is_oldest=True)
    where = text("{app} on {env}", app=str(app.name), env=str(app.env))
    if params.pod:
        where = text("{where}, pod {pod}", where=where, pod=params.pod)
    blocks: list[Block] = [Note(text("{where}, times in UTC", where=where))]
    if not found:
        blocks.append(Paragraph(text("No lines within {reach} before or after it.", reach=REACH)))
        return Reply(text("Around this line"), tuple(blocks))
    marked = params.mark or params.at
    # Of lines of one moment the last: that was the newest.
    at = max((n for n, line in enumerate(found) if line.at == marked), default=-1)
    lines = (_line(line, is_marked=n == at, has_pod=not params.pod) for n, line in enumerate(found))
    blocks.append(Code("\n".join(lines), "lines.txt"))
    is_first = len(before) <= LINES
    first = text("Nothing earlier within {reach}. ", reach=REACH) if is_first else text("")
    blocks.append(Note(text("{first}What looks like a secret is masked.", first=first)))
    blocks.append(_buttons(params, marked, found, has_earlier=not is_first))
    return Reply(text("Around this line"), tuple(blocks))


def _line(line: LogLine, *, is_marked: bool, has_pod: bool) -> str:
    sign = "▶ " if is_marked else "  "
    pod = f"{line.pod.rpartition('-')[2] or line.pod} " if has_pod else ""
    level = level_of(line)[1:]
    return f"{sign}{line.at:%H:%M:%S} {pod}{level}{' ' if level else ''}{masked(line.message)}"


def _buttons(params: Around, marked: datetime, found: tuple[LogLine, ...], *, has_earlier: bool) -> Buttons:
    earlier, later = (_line_of(params, at, marked) for at in (found[0].at, found[-1].at))
    row = [Button(text("Later"), later, spoken=text("Later lines of this pod"))]
    if has_earlier:
        row.insert(0, Button(text("Earlier"), earlier, spoken=text("Earlier lines of this pod")))
    return Buttons(tuple(row))


def _line_of(params: Around, at: datetime, mark: datetime) -> str:
    pod = f" pod={params.pod}" if params.pod else ""
    return f"around {params.app} {_stamp(at)} in {params.env}{pod} mark={_stamp(mark)}"


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


COMMAND = Command(
    "around",
    "the log lines around one line",
    Around,
    "logs:read",
    Answers(answer),
    example="around web 2026-11-24T14:31:58Z in prod",
)
