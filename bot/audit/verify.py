"""`pilothouse audit verify`: the whole record against itself, against every checkpoint, and against what is searched.

Reads only, a page at a time. Two verifiers that share no code have to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from bot.audit.chain import FINDINGS_LIMIT, Finding, Flaw, Walk
from bot.audit.checkpoint import Keys
from bot.audit.columns import wrong_columns
from bot.audit.recount import Recount
from bot.audit.sinks import Sink
from bot.audit.standing import adoptions, is_excused
from bot.domain.errors import IntegrationError
from bot.domain.reply import Text, counted, text
from bot.ports.store import Checkpoint, Raw, Store, Tx
from bot.ports.world import Verdict

PAGE = 2000
"""More are no faster: what was read leaves the processor's cache before it is looked at."""
BEFORE_ALL = -(2**62)
"""Somebody may have numbered a record of theirs 0 or less."""
UNSEALED_AFTER = timedelta(minutes=1)
"""Sealing takes a second; what is not sealed by then nobody sealed."""


@dataclass(frozen=True, slots=True)
class _Known:
    usable: tuple[Checkpoint, ...]
    outside: tuple[Checkpoint, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Text, ...]


def verify(store: Store, *, sinks: Sequence[Sink], keys: Keys) -> Verdict:
    """Raises nothing that can be said: a database that cannot be read is a finding, too."""
    try:
        return _verify(store, sinks, keys)
    except IntegrationError as error:
        what = text("The record could not be read to its end: {why}", why=error.why or error.what)
        return Verdict(is_intact=False, records=0, words=(what,))


def _verify(store: Store, sinks: Sequence[Sink], keys: Keys) -> Verdict:
    known = store.read(lambda tx: _known(tx, sinks, keys))
    walk = Walk(known.usable)
    recount = Recount(_by_size(known.usable))
    columns: list[Finding] = []
    size, _ = store.read(lambda tx: tx.records.head())
    for page in pages(store):
        walk.feed(page)
        recount.feed(page)
        columns.extend(wrong_columns(page))
        del columns[FINDINGS_LIMIT:]
    if walk.size < size:
        columns.append(Finding(Flaw.GAP, size, text("The text of the last record, {seq}, is missing.", seq=size)))
    chain = walk.finish()
    findings = (*known.findings, *chain, *columns, *store.read(_unsealed))
    is_recount_intact = recount.is_intact()
    words = tuple(finding.words for finding in findings)
    if is_recount_intact is bool(chain):
        first = recount.first_wrong or walk.size
        words = (*words, text("The two verifiers do not agree; look at record {seq} by hand.", seq=first))
    is_intact = not findings and is_recount_intact
    summary = _intact(walk) if is_intact else _broken(walk, len(findings))
    return Verdict(
        is_intact=is_intact,
        records=walk.count,
        words=(summary, *words[:FINDINGS_LIMIT], *known.notes, _coverage(walk.size, known.outside)),
    )


def pages(store: Store) -> Iterator[Sequence[Raw]]:
    """The chain to its end. While one page is looked at the next is asked for: a database server works meanwhile."""

    def page(after: int) -> Sequence[Raw]:
        return store.read(lambda tx: tx.records.raw(after=after, limit=PAGE))

    with ThreadPoolExecutor(1, thread_name_prefix="verify") as ahead:
        coming = ahead.submit(page, BEFORE_ALL)
        while found := coming.result():
            coming = ahead.submit(page, found[-1][0])
            yield found


def _known(tx: Tx, sinks: Sequence[Sink], keys: Keys) -> _Known:
    """Checkpoints from everywhere, without the forged ones (a finding) and those that an adoption explains (a note)."""
    findings: list[Finding] = []
    notes: list[Text] = []
    accepted = adoptions(tx, keys)
    database = tx.meta.get("database")
    outside: list[Checkpoint] = []
    usable: list[Checkpoint] = []
    for name, checkpoints in _read_all(tx, sinks, notes):
        forged = [each for each in checkpoints if not keys.is_genuine(each)]
        findings.extend(
            Finding(
                Flaw.SIGNATURE,
                each.size,
                text(
                    "A checkpoint at {size} in {place} is not signed by a known key; one that was changed has to stand "
                    "under `audit: earlier-keys`.",
                    size=each.size,
                    place=name,
                ),
            )
            for each in forged
        )
        genuine = [each for each in checkpoints if each not in forged and not is_excused(each, accepted)]
        foreign = [each for each in genuine if each.database != database]
        if foreign:
            what = text("{place} holds checkpoints of another database: {id}.", place=name, id=foreign[0].database)
            findings.append(Finding(Flaw.FOREIGN, foreign[0].size, what))
        own = [each for each in genuine if each.database == database]
        usable.extend(own)
        if name:
            outside.extend(own)
    notes.extend(
        text(
            "Records after {size} were lost before {at}, and a keeper took the record up again there.",
            size=adopted.size,
            at=adopted.at,
        )
        for adopted in accepted
    )
    return _Known(tuple(usable), tuple(outside), tuple(findings), tuple(notes))


def _read_all(tx: Tx, sinks: Sequence[Sink], notes: list[Text]) -> Iterable[tuple[str, tuple[Checkpoint, ...]]]:
    yield "", tx.records.checkpoints()
    for sink in sinks:
        try:
            yield sink.name, sink.read()
        except IntegrationError as error:
            notes.append(text("{name} was not compared: {why}", name=sink.name, why=error.why or error.what))


def _by_size(checkpoints: Iterable[Checkpoint]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for checkpoint in checkpoints:
        found.setdefault(checkpoint.size, set()).add(checkpoint.hash)
    return {size: frozenset(hashes) for size, hashes in found.items()}


def _unsealed(tx: Tx) -> tuple[Finding, ...]:
    found = tx.records.unsealed(older=UNSEALED_AFTER, limit=FINDINGS_LIMIT)
    if not found:
        return ()
    words = text(
        "{n} records are not in the chain, the oldest from {at}: nobody seals, or somebody put them there.",
        n=len(found),
        at=found[0].at,
    )
    return (Finding(Flaw.UNSEALED, 0, words),)


def _intact(walk: Walk) -> Text:
    if walk.count == 0:
        return text("There are no records yet.")
    return counted(
        walk.count,
        "{n} record is intact.",
        "{n} records are intact: numbered without gaps, each bound to the one before, shown as they were written.",
    )


def _broken(walk: Walk, findings: int) -> Text:
    return counted(
        findings,
        "The record is not intact: {n} finding in {records} records.",
        "The record is not intact: {n} findings in {records} records.",
        records=walk.count,
    )


def _coverage(size: int, outside: Sequence[Checkpoint]) -> Text:
    if not outside:
        return text("No checkpoint outside the database was compared: a record written anew would not be noticed.")
    newest = max(outside, key=lambda each: each.size)
    return text(
        "{n} checkpoints outside the database were compared; the newest, of {at}, covers records up to {covered}; "
        "not covered yet: {left}.",
        n=len(outside),
        at=newest.at,
        covered=newest.size,
        left=max(0, size - newest.size),
    )
