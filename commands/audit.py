"""`audit search`, `audit show`, `audit verify`: who did what, and whether the record is whole."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.errors import BadArguments, PilothouseError, UnknownName
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Code, Note, Paragraph, Reply, Table, counted, text
from bot.ports.store import RecordFilter, Sealed
from bot.ports.world import World

MOST = 50
_NUMBER = re.compile(r"r?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Search:
    words: Annotated[str, Arg("words in the record", rest=True)] = ""
    actor: Annotated[str, Arg("who", example="PERSON")] = ""
    target: Annotated[str, Arg("what, such as web/prod", example="APP/ENV")] = ""
    operation: Annotated[str, Arg("of one operation", example="OPERATION")] = ""
    kind: Annotated[
        str,
        Arg("request, denied, vote, signal, intent, step, outcome, read, missed, alert, alarm, adopt", example="KIND"),
    ] = ""
    since: Annotated[timedelta, Arg("how far back", example="1d")] = timedelta(days=7)
    limit: Annotated[int, Arg("how many")] = 15


@dataclass(frozen=True, slots=True)
class Show:
    record: Annotated[str, Arg("its place in the record, or the receipt that an answer gave (r5321)", example="N")]


@dataclass(frozen=True, slots=True)
class Verify:
    pass


def search(params: Search, world: World) -> Reply:
    found = world.trail.find(
        RecordFilter(
            words=params.words,
            actor=params.actor,
            target=params.target,
            op=params.operation,
            kind=params.kind,
            since=world.now - params.since,
            limit=max(1, min(params.limit, MOST)),
        )
    )
    found = tuple(sealed for sealed in found if is_visible(world, sealed))
    if not found:
        return Reply(text("Audit"), (Paragraph(text("No record matches.")),))
    head = (text("Record"), text("When"), text("Who"), text("What"), text("Outcome"))
    rows = tuple(
        (
            text("{n}", n=sealed.seq or f"r{sealed.id}"),
            text("{at}", at=sealed.at),
            text("{who}", who=sealed.record.actor),
            text(
                "{kind} {action} {target}",
                kind=sealed.record.kind,
                action=sealed.record.action,
                target=sealed.record.target,
            ),
            text("{outcome} {op}", outcome=sealed.record.outcome, op=sealed.record.op),
        )
        for sealed in found
    )
    return Reply(
        text("Audit"), (Table(head, rows), Note(counted(len(found), "{n} record.", "{n} records, newest first.")))
    )


def is_visible(world: World, sealed: Sealed) -> bool:
    """Records about an app are for those who may read the record of that app; the others for whoever may read any."""
    app, slash, env = sealed.record.target.partition("/")
    if not slash:
        return True
    try:
        return world.rules.may("audit:read", world.apps.locate(AppName(app), EnvName(env)))
    except (PilothouseError, ValueError):
        return world.rules.may("audit:everything", None)


def show(params: Show, world: World) -> Reply:
    number = _NUMBER.fullmatch(params.record)
    if number is None:
        raise BadArguments(
            text("{record} is no record's number.", record=params.record),
            field="record",
            next=text("Write one such as 5318, or a receipt such as r5321."),
        )
    sealed = world.trail.record(number[0])
    if sealed is None or not is_visible(world, sealed):
        raise UnknownName(text("There is no record {n}.", n=params.record), field="record")
    body = json.dumps(json.loads(sealed.record.body), indent=2, ensure_ascii=False)
    return Reply(
        text("Record {n}", n=sealed.seq) if sealed.seq else text("Record r{n}", n=sealed.id),
        (
            Code(body, f"record-{sealed.seq or sealed.id}.json"),
            Note(text("Hash `{hash}`", hash=sealed.hash or "not sealed yet")),
        ),
    )


def verify(params: Verify, world: World) -> Reply:
    verdict = world.trail.verify()
    state = text("Audit · the record is whole") if verdict.is_intact else text("Audit · the record was tampered with")
    blocks: list[Block] = [Paragraph(line) for line in verdict.words]
    return Reply(state, (*blocks, Note(counted(verdict.records, "{n} record looked at.", "{n} records looked at."))))


SEARCH = Command(
    "audit search",
    "search the audit record",
    Search,
    "audit:read",
    Answers(search),
    example="audit search actor=ana target=web/prod",
)
SHOW = Command("audit show", "one audit record, whole", Show, "audit:read", Answers(show), example="audit show 5318")
VERIFY = Command(
    "audit verify",
    "check the audit record against its checkpoints",
    Verify,
    "audit:read",
    Answers(verify),
    example="audit verify",
)
