"""The outbox: the latest wish wins, one order a channel, and nothing is forgotten by a crash."""

from datetime import timedelta

from bot.ports.store import Message, MessageClass, Store, Tx
from tests.contracts.store.stage import Stage

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=120)


def want(
    store: Store,
    key: str,
    *,
    channel: str = "C1",
    kind: MessageClass = MessageClass.OPERATION,
    body: str = "{}",
    parent: str = "",
) -> None:
    store.transact(lambda tx: tx.outbox.want(key, channel=channel, kind=kind, body=body, parent=parent))


def due(store: Store, *, limit: int = 50) -> list[str]:
    return [message.key for message in store.read(lambda tx: tx.outbox.due(limit=limit))]


def message(store: Store, key: str) -> Message:
    found = store.read(lambda tx: tx.outbox.get(key))
    assert found is not None
    return found


def sent(store: Store, key: str, *, rev: int = 1, ts: str = "") -> None:
    store.transact(lambda tx: tx.outbox.sent(key, rev=rev, ts=ts or f"ts-{key}", posted_in="C1"))


def test_a_wish_comes_back_as_it_was(store: Store) -> None:
    store.transact(
        lambda tx: tx.outbox.want(
            "k", channel="C1", kind=MessageClass.ALERT, body='{"text":"\u00e4"}', is_broadcast=True, thread="17.1"
        )
    )
    found = message(store, "k")
    assert (found.channel, found.kind, found.body) == ("C1", MessageClass.ALERT, '{"text":"\u00e4"}')
    assert (found.is_broadcast, found.thread, found.rev, found.sent_rev, found.ts) == (True, "17.1", 1, 0, "")


def test_wishes_go_by_class_then_in_the_order_in_which_they_came(store: Store) -> None:
    for key, kind in (
        ("chat", MessageClass.CHATTER),
        ("alert", MessageClass.ALERT),
        ("op-1", MessageClass.OPERATION),
        ("ask", MessageClass.APPROVAL),
        ("op-2", MessageClass.OPERATION),
    ):
        want(store, key, kind=kind)
    assert due(store) == ["ask", "op-1", "op-2", "alert", "chat"]
    assert due(store, limit=2) == ["ask", "op-1"]


def test_wishes_of_one_transaction_keep_their_order(store: Store) -> None:
    def work(tx: Tx) -> None:
        for index in range(20):
            tx.outbox.want(f"k{index}", channel="C1", kind=MessageClass.ALERT, body="{}")

    store.transact(work)
    assert due(store) == [f"k{index}" for index in range(20)]


def test_a_newer_wish_replaces_one_that_waits_and_keeps_its_place(store: Store) -> None:
    want(store, "a", body='{"text":"old"}')
    want(store, "b")
    want(store, "a", body='{"text":"new"}')
    assert due(store) == ["a", "b"]
    assert (message(store, "a").body, message(store, "a").rev) == ('{"text":"new"}', 2)


def test_what_was_sent_is_due_no_more_and_a_new_wish_queues_behind(store: Store) -> None:
    want(store, "a")
    sent(store, "a")
    assert due(store) == []
    want(store, "b")
    want(store, "a")
    assert due(store) == ["b", "a"]
    assert message(store, "a").ts == "ts-a"


def test_a_wish_that_came_while_sending_is_sent_too(store: Store) -> None:
    want(store, "a")
    want(store, "a")
    sent(store, "a", rev=1)
    assert due(store) == ["a"]
    sent(store, "a", rev=2)
    assert due(store) == []


def test_a_reply_waits_until_its_parent_is_posted_and_delays_nobody(store: Store) -> None:
    want(store, "card")
    want(store, "reply", parent="card")
    want(store, "other")
    assert due(store) == ["card", "other"]
    sent(store, "card")
    assert due(store) == ["reply", "other"]


def test_after_a_failure_the_channel_keeps_its_order_and_others_go_on(stage: Stage) -> None:
    store = stage.store
    want(store, "a")
    want(store, "b")
    want(store, "urgent", kind=MessageClass.APPROVAL)
    want(store, "elsewhere", channel="C2")
    store.transact(lambda tx: tx.outbox.failed("a", again_after=SHORT))
    assert due(store) == ["urgent", "elsewhere"]
    stage.wait(SHORT * 2)
    assert due(store) == ["urgent", "a", "b", "elsewhere"]


def test_a_try_is_remembered_and_looked_up_later(stage: Stage) -> None:
    store = stage.store
    want(store, "a")
    store.transact(lambda tx: tx.outbox.trying("a", again_after=SHORT))
    assert due(store) == []
    store = stage.reopen()
    stage.wait(SHORT * 2)
    assert due(store) == ["a"]
    assert message(store, "a").tries == 1
    sent(store, "a")
    assert message(store, "a").tries == 0


def test_what_is_given_up_is_not_sent_until_it_is_wanted_anew(store: Store) -> None:
    want(store, "a")
    store.transact(lambda tx: tx.outbox.failed("a", again_after=None))
    assert due(store) == []
    want(store, "a")
    assert due(store) == ["a"]


def test_what_somebody_deleted_is_posted_anew(store: Store) -> None:
    want(store, "a")
    sent(store, "a")
    store.transact(lambda tx: tx.outbox.gone("a"))
    assert due(store) == ["a"]
    assert message(store, "a").ts == ""


def test_a_message_is_found_by_where_it_stands(store: Store) -> None:
    want(store, "a")
    sent(store, "a", ts="17.1")
    found = store.read(lambda tx: (tx.outbox.by_ts("C1", "17.1"), tx.outbox.by_ts("C2", "17.1")))
    assert found == (message(store, "a"), None)


def test_a_card_moves_to_another_class(store: Store) -> None:
    want(store, "card", kind=MessageClass.APPROVAL)
    want(store, "card", kind=MessageClass.OPERATION)
    assert message(store, "card").kind is MessageClass.OPERATION


def test_what_is_held_waits_until_it_is_wanted_anew_and_delays_nobody(store: Store) -> None:
    want(store, "old")
    want(store, "older")
    sent(store, "older")
    assert store.transact(lambda tx: tx.outbox.hold()) == 1
    want(store, "new")
    assert due(store) == ["new"]
    want(store, "old")
    assert due(store) == ["old", "new"]
