"""Six ways to falsify the record by somebody who may write the database: each is found and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.audit.checkpoint import Keys, Signer
from bot.audit.sinks import FileSink
from bot.audit.verify import verify
from bot.domain.chain import START, link
from bot.ports.store import Store
from bot.ports.world import Verdict
from tests.contracts.store.stage import Stage, sealed_records

SIGNER = Signer(b"k" * 32)
KEYS = Keys((SIGNER.public,))
COUNT = 40


@pytest.fixture
def sink(stage: Stage, tmp_path: Path) -> FileSink:
    """Forty records, and a checkpoint outside that has seen them all."""
    sealed_records(stage.store, COUNT)
    sink = FileSink(tmp_path / "outside" / "checkpoints")
    sink.put(stage.store.transact(SIGNER.at_head))
    return sink


def checked(store: Store, sink: FileSink) -> Verdict:
    return verify(store, sinks=(sink,), keys=KEYS)


def said(verdict: Verdict) -> str:
    return "\n".join(words.plain() for words in verdict.words)


def test_an_untouched_record_is_intact(stage: Stage, sink: FileSink) -> None:
    verdict = checked(stage.store, sink)
    assert (verdict.is_intact, verdict.records) == (True, COUNT)
    assert "40 records are intact" in said(verdict)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        # edit
        ("UPDATE audit SET body = (SELECT body FROM audit WHERE id = 3) WHERE id = 17", "Record 17 is not what"),
        ("UPDATE audit SET actor = 'bo' WHERE id = 17", "Record 17 is shown with another actor"),
        ("UPDATE audit SET at = at + 1 WHERE id = 17", "Record 17 is shown with another at"),
        ("UPDATE audit SET outcome = '' WHERE id = 40", "Record 40 is shown with another outcome"),
        ("UPDATE audit_chain SET hash = (SELECT hash FROM audit_chain WHERE seq = 2) WHERE seq = 17", "17 is not what"),
        ("UPDATE audit_chain SET hash = 'no hash' WHERE seq = 17", "Record 17 is not what"),
        ("UPDATE audit_chain SET hash = '' WHERE seq = 17", "Record 17 is not what"),
        ("UPDATE audit SET at = 9000000000000000000 WHERE id = 17", "Record 17 is shown with another at"),
        # delete
        ("DELETE FROM audit WHERE id = 17", "Record 17 is missing"),
        ("DELETE FROM audit_chain WHERE seq BETWEEN 17 AND 19", "Records 17 to 19 are missing"),
        ("DELETE FROM audit WHERE id = 40", "last record, 40, is missing"),
        # insert
        (
            "INSERT INTO audit (id, at, actor, action, target, op, kind, outcome, body) "
            "SELECT 99, at, actor, action, target, op, kind, outcome, body FROM audit WHERE id = 5",
            "not in the chain",
        ),
        # truncate
        ("DELETE FROM audit_chain WHERE seq > 30", "ends at 30, and a checkpoint"),
        ("DELETE FROM audit_chain", "ends at 0, and a checkpoint"),
    ],
)
def test_a_falsified_record_is_found_and_named(stage: Stage, sink: FileSink, sql: str, words: str) -> None:
    if "SELECT 99" in sql:
        # Sealing takes a moment: only what is older than that is suspicious.
        sql = sql.replace("SELECT 99, at", "SELECT 99, at - 120000000")
    stage.spoil(sql)
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert words in said(verdict)
    assert "do not agree" not in said(verdict)


def test_two_records_that_changed_places_are_found(stage: Stage, sink: FileSink) -> None:
    stage.spoil("UPDATE audit_chain SET id = 1017 WHERE seq = 17")
    stage.spoil("UPDATE audit_chain SET id = 17 WHERE seq = 18")
    stage.spoil("UPDATE audit_chain SET id = 18 WHERE seq = 17")
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "Record 17 is not what was written" in said(verdict)
    assert "Record 18 is not what was written" in said(verdict)


def test_a_record_put_in_before_the_first_is_found(stage: Stage, sink: FileSink) -> None:
    stage.spoil(
        "INSERT INTO audit (id, at, actor, action, target, op, kind, outcome, body) "
        "SELECT 99, at, actor, action, target, op, kind, outcome, body FROM audit WHERE id = 5"
    )
    stage.spoil("INSERT INTO audit_chain (seq, id, hash) SELECT -3, 99, hash FROM audit_chain WHERE seq = 5")
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "Record -3 stands where none can be" in said(verdict)


def test_a_record_put_behind_the_last_with_a_right_hash_is_a_record_like_any_other_until_a_checkpoint(
    stage: Stage, sink: FileSink
) -> None:
    """The stated window: what was added since the last checkpoint outside can be added by anybody who can write."""
    _, head = stage.store.read(lambda tx: tx.records.head())
    (fifth,) = stage.store.read(lambda tx: tx.records.page(after=4, limit=1))
    stage.spoil(
        "INSERT INTO audit (id, at, actor, action, target, op, kind, outcome, body) "
        "SELECT 99, at, actor, action, target, op, kind, outcome, body FROM audit WHERE id = 5"
    )
    hash = link(head, COUNT + 1, fifth.record.body)
    stage.spoil(f"INSERT INTO audit_chain (seq, id, hash) VALUES ({COUNT + 1}, 99, '{hash}')")
    verdict = checked(stage.store, sink)
    assert verdict.is_intact
    assert "not covered yet: 1." in said(verdict)


def rewritten(stage: Stage) -> None:
    """The whole chain anew, without record 17 and without a flaw in itself."""
    page = stage.store.read(lambda tx: tx.records.page(after=0, limit=COUNT))
    stage.spoil("DELETE FROM audit_chain")
    stage.spoil("DELETE FROM audit WHERE id = 17")
    hash = START
    for seq, sealed in enumerate((each for each in page if each.id != 17), 1):
        hash = link(hash, seq, sealed.record.body)
        stage.spoil(f"INSERT INTO audit_chain (seq, id, hash) VALUES ({seq}, {sealed.id}, '{hash}')")


def test_a_record_written_anew_as_a_whole_is_found(stage: Stage, sink: FileSink) -> None:
    rewritten(stage)
    sealed_records(stage.store, 5)
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "it was written anew" in said(verdict)


def test_without_a_checkpoint_outside_verify_says_what_it_cannot_see(stage: Stage, sink: FileSink) -> None:
    rewritten(stage)
    verdict = verify(stage.store, sinks=(), keys=KEYS)
    assert verdict.is_intact
    assert "No checkpoint outside the database was compared" in said(verdict)


def test_a_checkpoint_with_a_forged_signature_is_found(stage: Stage, sink: FileSink) -> None:
    sink.put(stage.store.transact(Signer(b"x" * 32).at_head))
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "not signed by a known key" in said(verdict)


def test_a_record_whose_signing_key_was_changed_is_intact_once_the_earlier_key_is_named(
    stage: Stage, sink: FileSink
) -> None:
    fresh = Signer(b"n" * 32)
    sealed_records(stage.store, 5)
    sink.put(stage.store.transact(fresh.at_head))
    unnamed = verify(stage.store, sinks=(sink,), keys=Keys((fresh.public,)))
    assert not unnamed.is_intact
    assert "audit: earlier-keys" in said(unnamed)
    named = verify(stage.store, sinks=(sink,), keys=Keys((fresh.public,), earlier={SIGNER.public: COUNT}))
    assert named.is_intact, said(named)


def test_who_finds_an_earlier_key_signs_nothing_newer_with_it(stage: Stage, sink: FileSink) -> None:
    fresh = Signer(b"n" * 32)
    sealed_records(stage.store, 5)
    sink.put(stage.store.transact(SIGNER.at_head))
    verdict = verify(stage.store, sinks=(sink,), keys=Keys((fresh.public,), earlier={SIGNER.public: COUNT}))
    assert not verdict.is_intact
    assert f"A checkpoint at {COUNT + 5}" in said(verdict)


def test_another_database_in_the_place_of_this_one_is_found(stage: Stage, sink: FileSink) -> None:
    stage.store.transact(lambda tx: tx.meta.put("database", "another"))
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "of another database" in said(verdict)


def test_a_body_that_is_no_json_with_a_right_hash_is_found(stage: Stage, sink: FileSink) -> None:
    body = json.dumps("not what we write")
    _, head = stage.store.read(lambda tx: tx.records.head())
    hash = link(head, COUNT + 1, body)
    literal = f"CAST('{body}' AS BLOB)" if type(stage).__name__ == "SqliteStage" else f"'{body}'"
    stage.spoil(
        "INSERT INTO audit (id, at, actor, action, target, op, kind, outcome, body) "
        f"VALUES (99, 1, 'a', 'b', 'c', 'd', 'e', 'f', {literal})"
    )
    stage.spoil(f"INSERT INTO audit_chain (seq, id, hash) VALUES ({COUNT + 1}, 99, '{hash}')")
    verdict = checked(stage.store, sink)
    assert not verdict.is_intact
    assert "Record 41 cannot be read" in said(verdict)


def test_an_empty_record_is_intact(stage: Stage) -> None:
    verdict = verify(stage.store, sinks=(), keys=KEYS)
    assert (verdict.is_intact, verdict.records) == (True, 0)
    assert "There are no records yet." in said(verdict)
    assert "do not agree" not in said(verdict)
