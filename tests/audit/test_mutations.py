"""Every byte of a log of 1,000 records, changed one at a time: both verifiers see every one."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.audit import chain
from bot.audit.chain import FINDINGS_LIMIT, Finding, Flaw, Walk
from bot.audit.columns import wrong_columns
from bot.audit.records import record
from bot.audit.recount import Recount
from bot.domain.chain import START, link
from bot.ports.store import Checkpoint, Raw, Sealed

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COUNT = 1000
MIRRORED = ("actor", "action", "target", "op", "kind", "outcome")


def log_of(count: int) -> list[Sealed]:
    log: list[Sealed] = []
    hash = START
    for seq in range(1, count + 1):
        at = AT + timedelta(seconds=seq)
        made = record(
            actor=f"person-{seq % 7}",
            action="workloads:deploy",
            target="web/prod",
            op=f"op-{seq // 4 + 1}",
            kind=("request", "intent", "step", "outcome")[seq % 4],
            outcome="ok",
            at=at,
            details={"line": f"deploy web@1.{seq}.0 to prod", "note": "gr\u00fc\u00dfe"},
        )
        hash = link(hash, seq, made.body)
        log.append(Sealed(seq, seq + 100, at, made, hash))
    return log


@pytest.fixture(scope="module")
def log() -> list[Sealed]:
    return log_of(COUNT)


def checkpoint(sealed: Sealed) -> Checkpoint:
    return Checkpoint("d", 1, sealed.seq, sealed.hash, AT, "")


def raw(sealed: Sealed) -> Raw:
    one = sealed.record
    at = (sealed.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    body = one.body.encode()
    return sealed.seq, sealed.hash, body, at, one.actor, one.action, one.target, one.op, one.kind, one.outcome


def verify(log: list[Sealed], checkpoints: list[Checkpoint]) -> tuple[Finding, ...]:
    return chain.verify(map(raw, log), checkpoints)


def wrong(sealed: Sealed) -> list[Finding]:
    return list(wrong_columns([raw(sealed)]))


def is_seen_by_the_second(log: list[Sealed], checkpoints: list[Checkpoint]) -> bool:
    recount = Recount({each.size: frozenset({each.hash}) for each in checkpoints})
    recount.feed(map(raw, log))
    return not recount.is_intact()


def with_body(sealed: Sealed, body: str) -> Sealed:
    return replace(sealed, record=replace(sealed.record, body=body))


def changed(words: str, place: int) -> str:
    """One bit of the character."""
    return words[:place] + chr(ord(words[place]) ^ 1) + words[place + 1 :]


def test_clean_logs_of_every_length_give_no_alarm(log: list[Sealed]) -> None:
    walk, recount = Walk(), Recount({})
    for sealed in log:
        walk.feed([raw(sealed)])
        recount.feed([raw(sealed)])
        assert copy.deepcopy(walk).findings == []
        assert recount.is_intact()
        assert wrong(sealed) == []


def test_every_changed_byte_of_every_body_is_seen_by_both(log: list[Sealed]) -> None:
    tried = 0
    recount = Recount({})
    previous = START
    for sealed in log:
        for place in range(len(sealed.record.body)):
            spoilt = [raw(with_body(sealed, changed(sealed.record.body, place)))]
            walk = Walk(size=sealed.seq - 1, hash=previous)
            walk.feed(spoilt)
            assert [finding.flaw for finding in walk.findings] == [Flaw.HASH]
            second = copy.copy(recount)
            second.feed(spoilt)
            assert second.first_wrong == sealed.seq
            tried += 1
        recount.feed([raw(sealed)])
        previous = sealed.hash
    assert tried > 200_000


def test_every_changed_byte_of_every_hash_is_seen_by_both(log: list[Sealed]) -> None:
    recount = Recount({})
    previous = START
    for sealed in log:
        for place in range(0, 64, 7):
            spoilt = [raw(replace(sealed, hash=changed(sealed.hash, place)))]
            walk = Walk(size=sealed.seq - 1, hash=previous)
            walk.feed(spoilt)
            second = copy.copy(recount)
            second.feed(spoilt)
            assert walk.findings
            assert second.first_wrong == sealed.seq
        recount.feed([raw(sealed)])
        previous = sealed.hash


def test_every_changed_byte_of_every_column_is_seen(log: list[Sealed]) -> None:
    for sealed in log[::10]:
        for name in MIRRORED:
            value: str = getattr(sealed.record, name)
            for place in range(len(value)):
                spoilt = replace(sealed.record, **{name: changed(value, place)})
                assert wrong(replace(sealed, record=spoilt))
        assert wrong(replace(sealed, at=sealed.at + timedelta(microseconds=1)))


@pytest.mark.parametrize("place", [0, 1, 499, 998, 999])
def test_each_deleted_inserted_or_moved_record_is_seen_by_both(log: list[Sealed], place: int) -> None:
    checkpoints = [checkpoint(log[-1])]
    neighbour = place - 1 if place else 1
    swapped = list(log)
    swapped[place] = with_body(log[place], log[neighbour].record.body)
    swapped[neighbour] = with_body(log[neighbour], log[place].record.body)
    for spoilt in (
        log[:place] + log[place + 1 :],
        [*log[:place], replace(log[place], hash="0" * 64), *log[place:]],
        swapped,
        log[:place],
    ):
        assert verify(spoilt, checkpoints)
        assert is_seen_by_the_second(spoilt, checkpoints)


@pytest.mark.parametrize("known", [1, 2, 500, 1000])
def test_a_log_written_anew_is_seen_at_any_checkpoint(log: list[Sealed], known: int) -> None:
    hash, forged = START, []
    for sealed in log:
        body = sealed.record.body.replace("person-1", "person-2")
        hash = link(hash, sealed.seq, body)
        forged.append(replace(with_body(sealed, body), hash=hash))
    checkpoints = [checkpoint(log[known - 1])]
    assert [finding.flaw for finding in verify(forged, checkpoints)] == [Flaw.CHECKPOINT]
    assert is_seen_by_the_second(forged, checkpoints)
    assert verify(forged, []) == ()


def test_one_spoilt_record_is_one_finding(log: list[Sealed]) -> None:
    spoilt = list(log)
    spoilt[500] = with_body(log[500], "{}")
    assert [(finding.flaw, finding.seq) for finding in verify(spoilt, [checkpoint(log[-1])])] == [(Flaw.HASH, 501)]


def test_checkpoints_of_an_empty_log_are_compared(log: list[Sealed]) -> None:
    empty = Checkpoint("d", 1, 0, START, AT, "")
    assert verify(log, [empty]) == ()
    assert verify([], [empty]) == ()
    wrong = replace(empty, hash="1" * 64)
    assert verify([], [wrong])
    assert is_seen_by_the_second([], [wrong])


def test_what_is_missing_or_there_twice_is_named(log: list[Sealed]) -> None:
    def found(spoilt: list[Sealed]) -> list[tuple[Flaw, int]]:
        return [(finding.flaw, finding.seq) for finding in verify(spoilt, [])]

    assert found([*log[:4], *log[5:]]) == [(Flaw.GAP, 5)]
    assert found([*log[:4], *log[9:]]) == [(Flaw.GAP, 5)]
    assert found([*log[:5], log[4], *log[5:]]) == [(Flaw.ORDER, 5)]
    assert [finding.words.plain() for finding in verify([*log[:4], *log[9:]], [])] == ["Records 5 to 9 are missing."]
    assert [finding.words.plain() for finding in verify([*log[:4], *log[5:]], [])] == ["Record 5 is missing."]


def test_of_a_log_that_is_wrong_everywhere_some_findings_are_kept(log: list[Sealed]) -> None:
    assert len(verify([with_body(sealed, "{}") for sealed in log], [])) == FINDINGS_LIMIT


@pytest.mark.parametrize(
    ("stands", "instead"),
    [
        ('"actor":"person-1"', '"actor":"person-1","actor":"person-2"'),
        ('"actor":"person-1"', '"actor":"person-1","\\u0061ctor":"person-2"'),
        ('"actor":"person-1"', '"actor":"person-1\\u0000"'),
        ('"actor":"person-1"', '"actor":"person-\uff11"'),
        ('"actor":"person-1"', '"actor":["person-1"]'),
        ('"actor":"person-1"', '"Actor":"person-1"'),
        ('"op":"op-1"', '"op":1'),
        ('"op":"op-1"', '"op":null'),
        ('"op":"op-1",', ""),
        ('"outcome":"ok"', '"outcome":true'),
        ('"details":{', '"details":{"actor":"person-1"},"actor":"bo","more":{'),
        ('"at":"2026-11-24T12:00:01.000000+00:00"', '"at":"2026-11-24T12:00:01.000001+00:00"'),
        ('"at":"2026-11-24T12:00:01.000000+00:00"', '"at":"2026-11-24T12:00:01.000000+01:00"'),
        ('"at":"2026-11-24T12:00:01.000000+00:00"', '"at":"2026-11-24T12:00:01.000000"'),
        ('"at":"2026-11-24T12:00:01.000000+00:00"', '"at":1795521601000000'),
        ('"at":"2026-11-24T12:00:01.000000+00:00"', '"at":99999999999999999999999999'),
        ('{"action"', '[{"action"'),
        ('"v":1}', '"v":1'),
        ('"v":1}', '"v":1}{}'),
    ],
)
def test_a_body_that_says_it_in_another_way_is_seen(log: list[Sealed], stands: str, instead: str) -> None:
    """What was hashed is then not what is searched, or is no record at all, however near it comes."""
    body = log[0].record.body
    assert body.count(stands) == 1
    assert [finding.flaw for finding in wrong(with_body(log[0], body.replace(stands, instead)))] == [Flaw.COLUMNS]
