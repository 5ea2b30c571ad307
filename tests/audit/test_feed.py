"""The audit channel and the JSON lines: every shown record once, in order, with a checkpoint, and inert."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.audit.checkpoint import Keys, Signer, load
from bot.audit.feed import DENIALS, ChannelFeed, LineFeed, checkpoints_in
from bot.audit.records import record
from bot.ports.store import Message, Store, Tx
from tests.contracts.store.stage import SetClock


@pytest.fixture
def feed(store: Store, signer: Signer) -> ChannelFeed:
    return ChannelFeed(store=store, signer=signer, channel="C0AUDIT")


def write(store: Store, kind: str = "intent", *, actor: str = "ana", count: int = 1, **details: str) -> None:
    def work(tx: Tx) -> None:
        for _ in range(count):
            tx.records.append(
                record(
                    actor=actor,
                    action="workloads:deploy",
                    target="web/prod",
                    op="op-1042",
                    kind=kind,
                    outcome="not-permitted" if kind == "denied" else "done",
                    at=tx.now,
                    details={"command": "deploy", **details},
                )
            )

    store.transact(work)
    while store.transact(lambda tx: tx.records.seal(limit=500)):
        pass


def due(store: Store) -> list[Message]:
    return [each for each in store.read(lambda tx: tx.outbox.due(limit=100)) if each.key.startswith("audit/")]


def send(store: Store) -> None:
    for each in due(store):
        store.transact(lambda tx, m=each: tx.outbox.sent(m.key, rev=m.rev, ts=f"ts-{m.key}", posted_in="C0AUDIT"))  # type: ignore[misc]


def words(message: Message) -> str:
    body: dict[str, str] = json.loads(message.body)
    assert set(body) == {"text", "metadata"}
    return body["text"]


def drained(feed: ChannelFeed, store: Store) -> list[Message]:
    """Everything that the channel is told until there is nothing left."""
    told = []
    while feed.run_once():
        told += due(store)
        send(store)
    return told


def test_an_outcome_reads_as_it_was_designed(feed: ChannelFeed, store: Store) -> None:
    write(store, "outcome", writes="6", seconds="192", approved="bo")
    (message,) = drained(feed, store)
    assert message.key == "audit/1-1"
    assert message.channel == "C0AUDIT"
    lines = words(message).split("\n")
    assert lines[0] == "*Outcome: done* · deploy · web · prod"
    assert lines[1].startswith(
        "by `ana` · approved by bo · op-1042 · 6 writes · 3 min 12 s · record 1 · <!date^1795521600^"
    )
    assert lines[2].startswith("*Checkpoint* · 1 records · head `")


def test_a_message_carries_a_checkpoint_that_can_be_verified(feed: ChannelFeed, store: Store, keys: Keys) -> None:
    write(store, count=3)
    (message,) = drained(feed, store)
    metadata = json.loads(message.body)["metadata"]
    assert metadata["event_type"] == "pilothouse_audit"
    (line,) = checkpoints_in([metadata["event_payload"]])
    checkpoint = load(line)
    assert keys.is_genuine(checkpoint)
    assert (checkpoint.size, checkpoint.hash) == store.read(lambda tx: tx.records.head())


def test_every_shown_record_is_told_once_and_in_order(feed: ChannelFeed, store: Store) -> None:
    seen: list[int] = []
    for round in range(6):
        write(store, ("intent", "step", "outcome", "read", "vote", "signal")[round], count=40)
        for message in drained(feed, store):
            seen += [int(part.split(" ")[0]) for part in words(message).split("record ")[1:]]
    assert seen == [*range(1, 41), *range(81, 121), *range(161, 241)]


def test_a_message_fits_slack(feed: ChannelFeed, store: Store) -> None:
    write(store, count=300, actor="\u00e4" * 200)
    assert all(len(words(message).encode()) < 4000 for message in drained(feed, store))


def test_while_the_last_message_is_not_out_nothing_new_is_queued(feed: ChannelFeed, store: Store) -> None:
    """An hour of Slack's absence ends in few messages."""
    for _ in range(20):
        write(store)
        feed.run_once()
    assert len(due(store)) == 1
    send(store)
    told = drained(feed, store)
    assert len(told) <= 2
    assert told[-1].key.endswith("-20")


def test_what_is_not_shown_passes_without_a_message(feed: ChannelFeed, store: Store) -> None:
    write(store, "step", count=5)
    assert not feed.run_once()
    assert due(store) == []
    write(store, "intent")
    (message,) = drained(feed, store)
    assert message.key == "audit/6-6"


def test_many_denials_in_a_minute_become_one_line(feed: ChannelFeed, store: Store, clock: SetClock) -> None:
    write(store, "denied", actor="kim", count=50)
    write(store, "outcome")
    told = drained(feed, store)
    text = "\n".join(map(words, told))
    assert text.count("*Denied: not-permitted*") == DENIALS
    assert "*Outcome: done*" in text
    assert not feed.run_once()
    clock.at += timedelta(minutes=1)
    (later,) = drained(feed, store)
    assert "*Denied* · 40 more in one minute · records 11-50" in words(later)
    assert later.key == "audit/11-50"
    assert not feed.run_once()


def test_few_denials_in_many_minutes_each_have_a_line(feed: ChannelFeed, store: Store, clock: SetClock) -> None:
    text = ""
    for _ in range(4):
        write(store, "denied", count=DENIALS)
        clock.at += timedelta(minutes=1)
        text += "\n".join(words(message) for message in drained(feed, store))
    assert text.count("*Denied: not-permitted*") == 4 * DENIALS
    assert "more in one minute" not in text


def test_denials_of_two_minutes_that_come_together_are_counted_apart(
    feed: ChannelFeed, store: Store, clock: SetClock
) -> None:
    for _ in range(2):
        write(store, "denied", count=15)
        clock.at += timedelta(minutes=1)
    text = "\n".join(map(words, drained(feed, store)))
    assert text.count("*Denied: not-permitted*") == 2 * DENIALS
    assert "5 more in one minute · records 11-15" in text
    assert "5 more in one minute · records 26-30" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "<!channel>",
        "<@U0ANA0001>",
        "<https://evil.example|Approved>",
        "*Outcome: done*\nby `bo`",
        "`x`",
        "\u202etxt",
        "a & b",
    ],
)
def test_what_people_wrote_cannot_mention_link_or_forge_a_line(feed: ChannelFeed, store: Store, hostile: str) -> None:
    write(store, "denied", actor=hostile, command=hostile, approved=hostile)
    (message,) = drained(feed, store)
    text = words(message)
    assert text.count("\n") == 2
    assert text.count("<") == 1
    assert "<!date^" in text
    assert text.count("*") == 4
    assert "\u202e" not in text


def test_lines_come_in_order_and_again_after_a_failure_but_never_out_of_order(store: Store) -> None:
    lines: list[str] = []
    is_down = [True]

    def take(text: str) -> None:
        if is_down[0]:
            raise BrokenPipeError
        lines.extend(text.splitlines())

    feed = LineFeed(store=store, write=take)
    write(store, count=3)
    with pytest.raises(BrokenPipeError):
        feed.run_once()
    is_down[0] = False
    assert feed.run_once() == 3
    write(store, count=2)
    assert feed.run_once() == 2
    assert feed.run_once() == 0
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert json.loads(lines[0])["record"]["details"] == {"command": "deploy"}
