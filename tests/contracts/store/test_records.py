"""Audit records: in the transaction of what they describe, in the chain a moment later, found by what they say."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.audit.columns import wrong_columns
from bot.audit.records import record
from bot.domain.chain import START as ZERO
from bot.domain.chain import link
from bot.operations.book import StoredTrail
from bot.ports.store import AlertThread, Checkpoint, Record, RecordFilter, Store, Tx
from bot.ports.world import Verdict
from tests.contracts.store.stage import SECOND, START, Stage, a_record, accepted, arrival, in_threads, sealed_records


def append(store: Store, name: str, **fields: str) -> int:
    return store.transact(lambda tx: tx.records.append(a_record(tx, name, **fields)))


def names(store: Store, filter: RecordFilter) -> list[str]:
    found = store.read(lambda tx: tx.records.find(filter))
    return [each.record.body.split('"name":"')[1].split('"')[0] for each in found]


def test_an_empty_chain_starts_at_zero(store: Store) -> None:
    assert store.read(lambda tx: tx.records.head()) == (0, ZERO)
    assert store.transact(lambda tx: tx.records.seal(limit=10)) == 0


def test_sealing_links_each_record_to_the_one_before(store: Store) -> None:
    sealed_records(store, 5)
    page = store.read(lambda tx: tx.records.page(after=0, limit=10))
    hash = ZERO
    for seq, sealed in enumerate(page, 1):
        hash = link(hash, seq, sealed.record.body)
        assert (sealed.seq, sealed.hash) == (seq, hash)
    assert store.read(lambda tx: tx.records.head()) == (5, hash)
    assert [each.seq for each in store.read(lambda tx: tx.records.page(after=2, limit=2))] == [3, 4]


def test_a_record_comes_back_byte_for_byte(store: Store) -> None:
    record = store.read(lambda tx: a_record(tx, "\u00e4 \U0001f680 \u202e \x00 ' \\"))
    store.transact(lambda tx: tx.records.append(record))
    store.transact(lambda tx: tx.records.seal(limit=10))
    (sealed,) = store.read(lambda tx: tx.records.page(after=0, limit=10))
    assert sealed.record == record
    ((seq, hash, body, _, *columns),) = store.read(lambda tx: tx.records.raw(after=0, limit=10))
    assert (seq, hash, body) == (1, sealed.hash, record.body.encode())
    assert columns == [record.actor, record.action, record.target, record.op, record.kind, record.outcome]


def test_a_record_that_stands_alone_comes_back_byte_for_byte(store: Store) -> None:
    every = "".join(map(chr, range(1, 0x250))) + "\u2028 \U0001f680 \\u0041 \\\\ null {} [1]"
    made: list[Record] = []

    def make(at: datetime) -> Record:
        fields = {"actor": every, "action": "null", "target": '"', "op": "", "kind": "1", "outcome": "{}"}
        made.append(record(**fields, at=at, details={"words": every}))
        return made[0]

    store.note(make, None)
    store.transact(lambda tx: tx.records.seal(limit=10))
    (sealed,) = store.read(lambda tx: tx.records.page(after=0, limit=10))
    assert sealed.record == made[0]
    assert list(wrong_columns(store.read(lambda tx: tx.records.raw(after=0, limit=10)))) == []


def test_a_record_goes_when_its_transaction_does(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.records.append(a_record(tx, "gone"))
        raise KeyError

    with pytest.raises(KeyError):
        store.transact(work)
    assert store.transact(lambda tx: tx.records.seal(limit=10)) == 0
    assert store.read(lambda tx: tx.records.find(RecordFilter())) == ()


def test_writers_and_sealers_at_once_leave_no_gap_and_nothing_twice(store: Store) -> None:
    writers = [lambda index=index: append(store, f"r{index}") for index in range(24)]
    sealers = [lambda: store.transact(lambda tx: tx.records.seal(limit=3))] * 8
    in_threads([*writers, *sealers])
    while store.transact(lambda tx: tx.records.seal(limit=5)):
        pass
    page = store.read(lambda tx: tx.records.page(after=0, limit=100))
    assert [each.seq for each in page] == list(range(1, 25))
    assert len({each.id for each in page}) == 24


def noted(store: Store, name: str, inbox: int | None = None) -> int:
    def made(at: datetime) -> Record:
        return record(
            actor="ana", action="self:read", target="", op="", kind="read", outcome="ok", at=at, details={"name": name}
        )

    return store.note(made, inbox)


def test_a_record_that_stands_alone_is_written_with_its_request_done(store: Store) -> None:
    request = accepted(store, arrival("one"))
    before = store.now()
    id = noted(store, "one", request)
    (found,) = store.read(lambda tx: tx.records.find(RecordFilter()))
    assert (found.id, found.record.kind, found.seq) == (id, "read", 0)
    assert before <= found.at <= store.now()
    assert wrong_columns_of(store) == []
    left = store.transact(lambda tx: tx.inbox.leftovers(owner="o", lease=SECOND, older=-SECOND, limit=5))
    assert left == ()


def wrong_columns_of(store: Store) -> list[object]:
    while store.transact(lambda tx: tx.records.seal(limit=50)):
        pass
    return list(wrong_columns(store.read(lambda tx: tx.records.raw(after=0, limit=100))))


def test_each_of_many_at_once_gets_the_number_of_its_own_record(store: Store) -> None:
    def one(number: int) -> tuple[int, int]:
        return number, noted(store, f"n{number}", accepted(store, arrival(f"{number}")))

    ids = dict(in_threads([lambda number=number: one(number) for number in range(32)]))  # type: ignore[misc, arg-type]
    found = {each.id: each.record.body for each in store.read(lambda tx: tx.records.find(RecordFilter(limit=100)))}
    assert len(found) == 32
    assert all(f'"name":"n{number}"' in found[id] for number, id in ids.items())
    left = store.transact(lambda tx: tx.inbox.leftovers(owner="o", lease=SECOND, older=-SECOND, limit=50))
    assert left == ()


def test_a_record_that_cannot_be_made_disturbs_nobody(store: Store) -> None:
    def broken(at: datetime) -> Record:
        raise ZeroDivisionError

    works = [lambda number=number: noted(store, f"n{number}") for number in range(8)]
    outcomes = in_threads([*works, *[lambda: store.note(broken, None)] * 8])
    assert all(isinstance(each, int) for each in outcomes[:8])
    assert all(isinstance(each, ZeroDivisionError) for each in outcomes[8:])
    assert len(store.read(lambda tx: tx.records.find(RecordFilter()))) == 8


def test_records_are_found_before_they_are_sealed(store: Store) -> None:
    append(store, "a")
    (found,) = store.read(lambda tx: tx.records.find(RecordFilter()))
    assert (found.seq, found.hash) == (0, "")


def test_a_receipt_names_its_record_before_and_after_it_is_sealed_whatever_its_place(store: Store) -> None:
    """A number may be used up by a transaction that came to nothing: then ids and places differ."""
    with pytest.raises(ZeroDivisionError):
        store.transact(lambda tx: (tx.records.append(a_record(tx, "lost")), 1 // 0))
    append(store, "first")
    receipt = f"r{append(store, 'denied')}"
    trail = StoredTrail(store, lambda: Verdict(True, 0, ()))
    unsealed = trail.record(receipt)
    assert unsealed is not None
    assert (unsealed.seq, '"name":"denied"' in unsealed.record.body) == (0, True)
    store.transact(lambda tx: tx.records.seal(limit=5))
    sealed = trail.record(receipt)
    assert sealed is not None
    assert (sealed.seq, sealed.record) == (2, unsealed.record)
    assert trail.record("2") == sealed
    assert trail.record("r0") is None
    assert trail.record("99") is None


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (RecordFilter(), ["Third", "second", "first"]),
        (RecordFilter(limit=2), ["Third", "second"]),
        (RecordFilter(kind="denied"), ["second"]),
        (RecordFilter(op="op-9"), ["Third"]),
        (RecordFilter(target="api/prod"), ["Third"]),
        (RecordFilter(actor="ana", kind="intent"), ["Third", "first"]),
        (RecordFilter(actor="bo"), []),
        (RecordFilter(words="third"), ["Third"]),
        (RecordFilter(words="deploy FIRST"), ["first"]),
        (RecordFilter(words="100%"), []),
        (RecordFilter(words="f_rst"), []),
        (RecordFilter(words="'; DROP TABLE audit; --"), []),
    ],
)
def test_records_are_found_newest_first(store: Store, filter: RecordFilter, expected: list[str]) -> None:
    append(store, "first")
    append(store, "second", kind="denied")
    append(store, "Third", op="op-9", target="api/prod")
    assert names(store, filter) == expected


def test_records_are_found_since_a_time(stage: Stage) -> None:
    append(stage.store, "old")
    stage.wait(timedelta(milliseconds=20))
    since = stage.store.read(lambda tx: tx.now)
    append(stage.store, "new")
    assert names(stage.store, RecordFilter(since=since)) == ["new"]


def test_what_nobody_sealed_is_seen(stage: Stage) -> None:
    append(stage.store, "a")
    stage.wait(timedelta(milliseconds=20))
    append(stage.store, "b")
    stage.store.transact(lambda tx: tx.records.seal(limit=1))
    old = stage.store.read(lambda tx: tx.records.unsealed(older=timedelta(hours=1), limit=10))
    stage.wait(timedelta(milliseconds=20))
    young = stage.store.read(lambda tx: tx.records.unsealed(older=timedelta(milliseconds=5), limit=10))
    assert (old, [each.record.body.count('"b"') for each in young]) == ((), [1])


@pytest.mark.parametrize("change", ["UPDATE {t} SET id = id", "DELETE FROM {t}"])
@pytest.mark.parametrize("table", ["audit", "audit_chain"])
def test_the_database_itself_refuses_to_change_the_record(stage: Stage, table: str, change: str) -> None:
    sealed_records(stage.store, 2)
    with pytest.raises(Exception, match="insert only"):
        stage.run_as_we_do(change.format(t=table))


def test_checkpoints_are_kept(store: Store) -> None:
    first = Checkpoint("d", 1, 10, "a" * 64, START, "sig")
    second = replace(first, epoch=2, size=5)
    for checkpoint in (second, first, first):
        store.transact(lambda tx, kept=checkpoint: tx.records.add_checkpoint(kept))  # type: ignore[misc]
    assert store.read(lambda tx: tx.records.checkpoints()) == (first, second)


def test_a_feed_remembers_how_far_it_went(stage: Stage) -> None:
    assert stage.store.read(lambda tx: tx.records.fed("channel")) == 0
    stage.store.transact(lambda tx: tx.records.feed("channel", 7))
    stage.store.transact(lambda tx: tx.records.feed("channel", 9))
    assert stage.reopen().read(lambda tx: (tx.records.fed("channel"), tx.records.fed("lines"))) == (9, 0)


def test_a_lease_belongs_to_one_until_it_runs_out(stage: Stage) -> None:
    def lease(owner: str, span: timedelta) -> bool:
        return stage.store.transact(lambda tx: tx.meta.lease("sender", owner=owner, span=span))

    short = timedelta(milliseconds=150)
    assert lease("one", short)
    assert lease("one", short)
    assert not lease("two", short)
    stage.wait(short * 2)
    assert lease("two", short)
    assert not lease("one", short)


def test_a_new_database_has_an_identity_and_an_epoch(stage: Stage) -> None:
    identity, epoch = stage.store.read(lambda tx: (tx.meta.get("database"), tx.meta.get("epoch")))
    assert identity
    assert epoch == "1"
    assert stage.reopen().read(lambda tx: tx.meta.get("database")) == identity


def test_alert_threads_get_numbers_that_stay(store: Store) -> None:
    thread = AlertThread("g1", 0, "C1", '{"a":1}', is_firing=True, updated=START)
    first = store.transact(lambda tx: tx.alerts.put(thread))
    for _ in range(3):
        store.transact(lambda tx: tx.alerts.put(replace(first, state='{"a":2}', is_firing=False)))
    second = store.transact(lambda tx: tx.alerts.put(replace(thread, key="g2")))
    assert (first.number, second.number) == (1, 2)
    assert store.read(lambda tx: tx.alerts.get("g1")) == replace(first, state='{"a":2}', is_firing=False)
    assert store.read(lambda tx: tx.alerts.by_number(2)) == second
    assert store.read(lambda tx: (tx.alerts.get("g3"), tx.alerts.by_number(9))) == (None, None)
    assert store.read(lambda tx: tx.alerts.of_card(second.subject)) == second
    assert store.read(lambda tx: (tx.alerts.of_card("g2"), tx.alerts.of_card("operation/g2"))) == (None, None)


def test_alert_threads_are_found_that_fire_or_did_so_at_a_moment(store: Store) -> None:
    def put(key: str, *, is_firing: bool, minutes: int) -> AlertThread:
        thread = AlertThread(key, 0, "C1", "{}", is_firing=is_firing, updated=START + timedelta(minutes=minutes))
        return store.transact(lambda tx: tx.alerts.put(thread))

    fires = put("g1", is_firing=True, minutes=0)
    put("g2", is_firing=False, minutes=1)
    ended_later = put("g3", is_firing=False, minutes=3)
    found = store.read(lambda tx: tx.alerts.firing_since(START + timedelta(minutes=2)))
    assert found == (fires, ended_later)


def test_a_record_says_when_whatever_the_clock_says_at_its_storing(store: Store) -> None:
    record = store.read(lambda tx: a_record(tx, "a"))
    moved = Record(
        **{name: getattr(record, name) for name in ("actor", "action", "target", "op", "kind", "outcome")},
        body=record.body.replace('"at":"2', '"at":"1'),
    )
    store.transact(lambda tx: tx.records.append(moved))
    (found,) = store.read(lambda tx: tx.records.find(RecordFilter()))
    assert found.at.year < 2000
