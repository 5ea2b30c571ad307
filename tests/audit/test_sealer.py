"""The sealer: seals, tells the outside at most a minute later, and stops the product when the record is not the same."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.audit.checkpoint import Keys, Signer
from bot.audit.sealer import EVERY, Sealer
from bot.audit.standing import GuardedStore, adopt, collected
from bot.audit.verify import verify
from bot.domain.errors import Unavailable
from bot.domain.operation import SignalKind
from bot.ports.store import Checkpoint, MessageClass, Record, Store, Tx
from tests.audit.conftest import ListSink
from tests.contracts.store.stage import ANA, KIM, SetClock, a_record, accepted, added, arrival, loaded


class Desk:
    """Everything that one process has."""

    def __init__(self, store: Store, signer: Signer, keys: Keys, sinks: list[ListSink], clock: SetClock) -> None:
        self.store = GuardedStore(store)
        self.signer = signer
        self.keys = keys
        self.sinks = sinks
        self.clock = clock
        self.sealer = Sealer(
            store=self.store,
            signer=signer,
            keys=keys,
            sinks=sinks,
            clock=clock,
            owner="one",
            on_wrong=self.store.close_writes,
        )

    def write(self, count: int) -> None:
        def work(tx: Tx) -> None:
            for index in range(count):
                tx.records.append(a_record(tx, f"r{index}"))

        self.store.transact(work)

    def pass_time(self, span: timedelta) -> None:
        self.clock.sleep(span.total_seconds())


@pytest.fixture
def desk(store: Store, signer: Signer, keys: Keys, sink: ListSink, clock: SetClock) -> Desk:
    return Desk(store, signer, keys, [sink], clock)


def sizes(sink: ListSink) -> list[int]:
    return [each.size for each in sink.kept]


def test_records_are_sealed_and_the_first_checkpoint_goes_out_at_once(desk: Desk, sink: ListSink) -> None:
    assert desk.sealer.run_once() == 0
    assert sizes(sink) == []
    desk.write(3)
    assert desk.sealer.run_once() == 3
    desk.pass_time(EVERY)
    desk.sealer.run_once()
    assert sizes(sink) == [3]
    assert desk.keys.is_genuine(sink.kept[0])


def test_checkpoints_are_a_minute_apart_and_only_when_something_is_new(desk: Desk, sink: ListSink) -> None:
    for _ in range(10):
        desk.write(1)
        desk.pass_time(timedelta(seconds=30))
        desk.sealer.run_once()
    assert sizes(sink) == [1, 3, 5, 7, 9]
    desk.pass_time(EVERY * 5)
    for _ in range(3):
        desk.sealer.run_once()
    assert sizes(sink) == [1, 3, 5, 7, 9, 10]


def test_who_asks_gets_one_at_once(desk: Desk, sink: ListSink) -> None:
    desk.write(1)
    desk.sealer.run_once()
    desk.write(1)
    desk.sealer.ask()
    desk.sealer.run_once()
    assert sizes(sink) == [1, 2]


def test_a_place_that_is_down_gets_the_newest_later_and_stops_nobody(desk: Desk, sink: ListSink) -> None:
    other = ListSink("other")
    desk.sinks.append(other)
    sink.is_down = True
    with capture_logs():
        desk.write(1)
        desk.sealer.run_once()
        desk.write(1)
        desk.pass_time(EVERY)
        desk.sealer.run_once()
        sink.is_down = False
        desk.pass_time(timedelta(seconds=6))
        desk.sealer.run_once()
    assert (sizes(sink), sizes(other)) == ([2], [1, 2])


def test_of_two_replicas_one_makes_the_checkpoints(
    desk: Desk, store: Store, signer: Signer, keys: Keys, clock: SetClock, sink: ListSink
) -> None:
    second = ListSink("second")
    other = Sealer(store=store, signer=signer, keys=keys, sinks=[second], clock=clock, owner="two")
    for _ in range(3):
        desk.write(1)
        desk.sealer.run_once()
        other.run_once()
        desk.pass_time(EVERY)
    assert (len(sink.kept), len(second.kept)) == (3, 0)


def restored(desk: Desk, sink: ListSink) -> None:
    """As if an older copy had been put in the database's place: the outside has seen more."""
    desk.write(2)
    desk.sealer.run_once()
    seen = sink.kept[-1]
    sink.kept.append(desk.signer.sign(type(seen)(seen.database, seen.epoch, 50, "ab" * 32, seen.at, "")))


def started_again(desk: Desk) -> Sealer:
    return Sealer(
        store=desk.store,
        signer=desk.signer,
        keys=desk.keys,
        sinks=desk.sinks,
        clock=desk.clock,
        owner="again",
        on_wrong=desk.store.close_writes,
    )


def test_a_restored_database_is_read_only(desk: Desk, sink: ListSink) -> None:
    restored(desk, sink)
    again = started_again(desk)
    with capture_logs() as logs:
        assert not again.look()
    assert logs[-1]["log_level"] == "error"
    assert desk.store.why_closed is not None
    assert "saw 50 records, and there are 2" in desk.store.why_closed.plain()
    with pytest.raises(Unavailable, match="read-only"):
        desk.store.transact(lambda tx: tx.meta.put("a", "1"))
    with pytest.raises(Unavailable, match="read-only"):
        desk.store.note(lambda at: Record("ana", "self:read", "", "", "read", "ok", "{}"), None)
    assert accepted(desk.store, arrival("a")) is not None
    assert desk.store.read(lambda tx: tx.records.head())[0] == 2
    assert again.run_once() == 0


def test_a_forged_checkpoint_stops_nothing(desk: Desk, sink: ListSink) -> None:
    restored(desk, sink)
    forger = Signer(b"f" * 32)
    sink.kept[-1] = forger.sign(sink.kept[-1])
    assert started_again(desk).look()


def test_a_record_that_is_another_at_a_checkpoint_closes_the_store(desk: Desk, sink: ListSink) -> None:
    desk.write(2)
    desk.sealer.run_once()
    seen = sink.kept[0]
    sink.kept[0] = desk.signer.sign(type(seen)(seen.database, seen.epoch, 1, "ab" * 32, seen.at, ""))
    with capture_logs():
        assert not started_again(desk).look()
    assert "Record 1 is not the one" in str(desk.store.why_closed and desk.store.why_closed.plain())


def adopted(desk: Desk, store: Store) -> None:
    known, _ = collected([sink.read for sink in desk.sinks])
    made = adopt(store, signer=desk.signer, known=known, by=KIM, reason="restored from the backup of noon")
    for sink in desk.sinks:
        sink.put(made)
    desk.store.open_writes()


def test_adopting_lifts_the_epoch_pauses_operations_holds_messages_and_is_recorded(
    desk: Desk, store: Store, sink: ListSink
) -> None:
    op = added(store)
    old_fence = store.transact(lambda tx: tx.holds.take(("web/prod",), op.id))
    store.transact(lambda tx: tx.outbox.want("m", channel="C1", kind=MessageClass.ALERT, body="{}"))
    restored(desk, sink)
    with capture_logs():
        again = started_again(desk)
        again.look()
        adopted(desk, store)
        again.forget()
        assert again.look()
    signals = loaded(store, op.id).signals
    assert [(each.kind, each.by) for each in signals] == [(SignalKind.PAUSE, KIM)]
    assert store.read(lambda tx: tx.outbox.due(limit=5)) == ()
    new_fence = store.transact(lambda tx: tx.holds.raise_fence(op.id))
    assert isinstance(old_fence, int)
    assert new_fence > 2 * 2**32 > old_fence
    desk.write(1)
    assert again.run_once() == 2


def test_after_adopting_verify_is_content_and_says_what_was_lost(desk: Desk, store: Store, sink: ListSink) -> None:
    restored(desk, sink)
    assert not verify(store, sinks=[sink], keys=desk.keys).is_intact
    with capture_logs():
        started_again(desk).look()
        adopted(desk, store)
        again = started_again(desk)
        again.ask()
        again.run_once()
    verdict = verify(store, sinks=[sink], keys=desk.keys)
    assert verdict.is_intact, [each.plain() for each in verdict.words]
    assert any("a keeper took the record up again" in each.plain() for each in verdict.words)


def test_an_adoption_that_our_key_did_not_sign_excuses_nothing(desk: Desk, store: Store, sink: ListSink) -> None:
    restored(desk, sink)
    known, _ = collected([sink.read])
    adopt(store, signer=Signer(b"f" * 32), known=known, by=ANA, reason="I say so")
    with capture_logs():
        assert not started_again(desk).look()
    assert not verify(store, sinks=[sink], keys=desk.keys).is_intact


def test_a_place_that_cannot_be_read_is_said_and_does_not_stop_verifying(desk: Desk, sink: ListSink) -> None:
    desk.write(2)
    desk.sealer.run_once()
    sink.is_down = True
    verdict = verify(desk.store, sinks=[sink], keys=desk.keys)
    assert verdict.is_intact
    assert any("list was not compared" in each.plain() for each in verdict.words)


def test_a_closed_database_is_a_verdict_and_no_crash(desk: Desk, store: Store) -> None:
    store.close()
    verdict = verify(desk.store, sinks=[], keys=desk.keys)
    assert not verdict.is_intact
    assert "could not be read" in verdict.words[0].plain()


def test_a_place_that_hangs_holds_up_no_sealing_and_gets_the_newest_in_the_end(desk: Desk, sink: ListSink) -> None:
    inside, goes_on = threading.Event(), threading.Event()
    put = sink.put

    def hanging(checkpoint: Checkpoint) -> None:
        inside.set()
        goes_on.wait(10)
        put(checkpoint)

    sink.put = hanging  # type: ignore[method-assign]
    desk.write(1)
    assert desk.sealer.seal() == 1
    writing = threading.Thread(target=desk.sealer.write)
    writing.start()
    assert inside.wait(10)
    desk.write(2)
    desk.pass_time(EVERY)
    assert desk.sealer.seal() == 2
    goes_on.set()
    writing.join(10)
    desk.sealer.write()
    assert sizes(sink) == [1, 3]


def test_a_place_that_has_had_no_checkpoint_for_long_is_named(desk: Desk, sink: ListSink) -> None:
    sink.is_down = True
    with capture_logs():
        desk.write(1)
        desk.sealer.run_once()
        assert desk.sealer.behind() is None
        desk.pass_time(EVERY * 3)
        desk.write(1)
        desk.sealer.run_once()
        behind = desk.sealer.behind()
    assert behind is not None
    assert behind.plain() == f"No checkpoint has reached {sink.name} for 3 min."
    sink.is_down = False
    desk.pass_time(timedelta(seconds=6))
    desk.sealer.run_once()
    assert desk.sealer.behind() is None
