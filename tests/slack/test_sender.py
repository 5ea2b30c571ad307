"""The sender with a real store before the local Slack server: what stands there at the end, whatever went wrong meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.reply import Chart, Code, Paragraph, Reply, Series, text
from bot.operations.desk import card_key
from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer
from bot.ports.store import MessageClass, Store
from bot.slack.connect import Line
from bot.slack.sender import Sender
from bot.steps.analysis import Analyse
from bot.steps.codec import dump, load_reply, load_steps
from tests.kit.bench import bench
from tests.kit.databases import sqlite_store
from tests.slack.stage import AUDIT, MACS, NAMES, PROD, WEB, account, our_manifest

Json = dict[str, Any]


class Skipping:
    """The machine's clock, put forward by `sleep`."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def elapsed(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


@dataclass
class Post:
    slack: PlaygroundServer
    store: Store
    line: Line
    clock: Skipping
    cards: dict[str, Reply] = field(default_factory=dict)
    senders: list[Sender] = field(default_factory=list)

    def sender(self, owner: str = "one", **limits: int) -> Sender:
        made = Sender(
            store=self.store,
            line=self.line,
            clock=self.clock,
            names=lambda: NAMES,
            macs=MACS,
            draw=self.cards.get,
            load=load_reply,
            owner=owner,
            fallback=AUDIT,
            **limits,
        )
        self.senders.append(made)
        return made

    def want(
        self, key: str, body: Json, *, channel: str = PROD, kind: MessageClass = MessageClass.OPERATION, **more: Any
    ) -> None:
        self.store.transact(lambda tx: tx.outbox.want(key, channel=channel, kind=kind, body=json.dumps(body), **more))

    def card(self, key: str, words: str, **more: Any) -> None:
        self.cards[key] = Reply(text("{words}", words=words), (Paragraph(text("It goes on.")),))
        self.want(key, {"subject": key}, **more)

    def until(self, sender: Sender, done: Callable[[], object], *, steps: int = 200) -> None:
        """Steps, and skips the waiting, until `done`."""
        for _ in range(steps):
            sender.step()
            deadline = time.monotonic() + 5
            while any(not future.done() for _, future in sender._flying.values()) and time.monotonic() < deadline:
                time.sleep(0.002)
            if done():
                return
            self.clock.sleep(0.5)
        raise AssertionError(f"never; {self.slack.refusals()}")

    def rest(self, sender: Sender) -> None:
        self.until(sender, lambda: not self.store.read(self.unsent))

    def unsent(self, tx: Any) -> list[str]:
        return [key for key in self.keys() if (row := tx.outbox.get(key)) and row.sent_rev < row.rev]

    def keys(self) -> list[str]:
        return [*self.cards, *self.others]

    others: list[str] = field(default_factory=list)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    clock = Skipping()
    with ExitStack() as stack:
        slack = stack.enter_context(
            PlaygroundServer(manifest=our_manifest(), conduct=Conduct(), now=lambda: clock.now().timestamp())
        )
        store = sqlite_store(tmp_path / "test.db", clock=clock)
        stack.callback(store.close)
        line = Line(account(slack), clock)
        stack.callback(line.close)
        ready = Post(slack, store, line, clock)
        yield ready
        for sender in ready.senders:
            sender.stop()


def test_a_card_is_posted_once_and_edited_in_place(post: Post) -> None:
    sender = post.sender()
    post.card("operation/op-1", "Approval needed · deploy web")
    post.rest(sender)
    post.card("operation/op-1", "Running · deploy web")
    post.rest(sender)
    (shown,) = post.slack.messages(PROD)
    assert shown["blocks"][0]["text"]["text"] == "Running · deploy web"
    assert shown["metadata"]["event_payload"] == {"key": "operation/op-1"}
    assert post.slack.refusals() == []


def test_changes_that_wait_become_one_edit(post: Post) -> None:
    sender = post.sender()
    post.card("operation/op-1", "Running · 0 of 6")
    post.rest(sender)
    for count in range(1, 7):
        post.card("operation/op-1", f"Running · {count} of 6")
    post.rest(sender)
    assert len(post.slack.calls("chat.update")) == 1
    assert "6 of 6" in post.slack.messages(PROD)[0]["text"]


def test_a_thread_reply_waits_for_its_parent_and_follows_it(post: Post) -> None:
    sender = post.sender()
    reply = Reply(None, (Paragraph(text("Done.")), Code("a\nb")))
    post.others.append("operation/op-1/end")
    post.want("operation/op-1/end", {"reply": json.loads(dump(reply))}, parent="operation/op-1", is_broadcast=True)
    post.card("operation/op-1", "Running · deploy web")
    post.rest(sender)
    card, end = post.slack.messages(PROD)
    assert end["thread_ts"] == card["ts"]
    assert [block["type"] for block in end["blocks"]] == ["section", "rich_text"]


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "server_error"])
def test_after_a_lost_reply_there_is_one_message(post: Post, fault: str) -> None:
    sender = post.sender()
    post.slack.arm(**{fault: {"chat.postMessage": 1}})
    post.card("operation/op-1", "Running · deploy web")
    post.rest(sender)
    post.card("operation/op-1", "Done · web 1.8.2")
    post.rest(sender)
    (shown,) = post.slack.messages(PROD)
    assert "Done" in shown["text"]
    looked = len(post.slack.calls("conversations.history"))
    assert looked >= 1


def test_a_second_copy_is_deleted(post: Post) -> None:
    sender = post.sender()
    body: Json = {"event_type": "pilothouse_card", "event_payload": {"key": "operation/op-1"}}
    for _ in range(2):
        post.line.api.call("chat.postMessage", {"channel": PROD, "text": "Running", "metadata": body})
    post.cards["operation/op-1"] = Reply(text("Done · web"))
    post.want("operation/op-1", {"subject": "operation/op-1"})
    post.store.transact(lambda tx: tx.outbox.trying("operation/op-1", again_after=timedelta(0)))
    post.rest(sender)
    (shown,) = post.slack.messages(PROD)
    assert "Done" in shown["text"]


def test_metadata_that_a_person_wrote_is_not_taken_for_ours(post: Post) -> None:
    sender = post.sender()
    ts = post.slack.person("ana").say("fake", channel=PROD)
    message = post.slack.slack.workspace.channels[PROD].messages[ts]
    message.metadata = {"event_type": "pilothouse_card", "event_payload": {"key": "operation/op-1"}}
    post.cards["operation/op-1"] = Reply(text("Running · web"))
    post.want("operation/op-1", {"subject": "operation/op-1"})
    post.store.transact(lambda tx: tx.outbox.trying("operation/op-1", again_after=timedelta(0)))
    post.rest(sender)
    assert [m["text"] for m in post.slack.messages(PROD)][1].startswith("Running")


def test_a_deleted_card_is_posted_anew(post: Post) -> None:
    sender = post.sender()
    post.card("operation/op-1", "Running · web")
    post.rest(sender)
    (card,) = post.slack.messages(PROD)
    post.slack.run(lambda: post.slack.world.delete_message(PROD, card["ts"]))
    post.card("operation/op-1", "Done · web")
    post.rest(sender)
    assert [m["text"].partition(":")[0] for m in post.slack.messages(PROD) if m.get("metadata")] == ["Done"]


def test_what_has_no_place_any_more_goes_to_the_fallback_channel(post: Post) -> None:
    sender = post.sender()
    post.slack.run(lambda: post.slack.world.archive(PROD))
    post.card("operation/op-1", "Running · web")
    post.rest(sender)
    (shown,) = post.slack.messages(AUDIT)
    assert f"This belongs to <#{PROD}>" in json.dumps(shown["blocks"], ensure_ascii=False)
    post.card("operation/op-1", "Done · web")
    post.rest(sender)
    (shown,) = post.slack.messages(AUDIT)
    assert "Done" in shown["text"]


def test_a_channel_that_another_company_shares_is_not_told(post: Post) -> None:
    post.slack.run(lambda: post.slack.world.set_external(PROD))
    post.card("operation/op-1", "Approval needed · web", kind=MessageClass.APPROVAL)
    post.rest(post.sender())
    assert post.slack.messages(PROD) == []
    assert "shared_with_another_company" in json.dumps(post.slack.messages(AUDIT)[0]["blocks"])


def test_a_card_in_a_channel_that_another_company_joins_is_not_edited_there_any_more(post: Post) -> None:
    sender = post.sender()
    post.card("operation/op-1", "Running · web")
    post.rest(sender)
    post.slack.run(lambda: post.slack.world.set_external(PROD))
    post.clock.sleep(301)
    post.card("operation/op-1", "Done · web")
    post.rest(sender)
    assert "Running" in post.slack.messages(PROD)[0]["text"]
    (moved,) = post.slack.messages(AUDIT)
    assert "Done" in moved["text"]


def test_what_is_for_those_in_its_place_alone_is_told_nowhere_else(post: Post) -> None:
    post.slack.run(lambda: post.slack.world.set_external(PROD))
    post.cards["operation/op-1"] = Reply(
        text("Following · logs"),
        (
            Paragraph(
                text("a line"),
            ),
        ),
        stays=True,
    )
    post.want("operation/op-1", {"subject": "operation/op-1"})
    post.want("operation/op-2", {"subject": "operation/op-1"}, channel="U0NOBODY1")
    sender = post.sender()
    # What says nothing yet may stand elsewhere; what follows is not added to it.
    post.card("operation/op-3", "Starting · logs")
    post.until(sender, lambda: not post.store.read(lambda tx: tx.outbox.due(limit=9)))
    (elsewhere,) = post.slack.messages(AUDIT)
    post.cards["operation/op-3"] = post.cards["operation/op-1"]
    post.want("operation/op-3", {"subject": "operation/op-3"})
    post.until(sender, lambda: not post.store.read(lambda tx: tx.outbox.due(limit=9)))
    assert post.slack.messages(PROD) == []
    assert [each["text"] for each in post.slack.messages(AUDIT)] == [elsewhere["text"]]


def test_slack_is_waited_for_as_long_as_it_says(post: Post) -> None:
    sender = post.sender()
    post.slack.arm(rate_limited={"chat.postMessage": {"times": 1, "retry_after": 30}})
    post.card("operation/op-1", "Running · web")
    began = post.clock.ahead
    post.rest(sender)
    assert post.clock.ahead - began >= 29
    assert len(post.slack.messages(PROD)) == 1


def test_an_audit_line_is_text_alone_and_never_edited(post: Post) -> None:
    sender = post.sender()
    metadata = {"event_type": "pilothouse_audit", "event_payload": {"record": 7}}
    post.others.append("audit/1-7")
    line = "*Intent* · deploy\nby `ana` <!date^1795530840^{time}|14:34 UTC> <!channel>"
    post.want("audit/1-7", {"text": line, "metadata": metadata}, channel=AUDIT)
    post.rest(sender)
    post.want("audit/1-7", {"text": "something else", "metadata": metadata}, channel=AUDIT)
    post.rest(sender)
    (shown,) = post.slack.messages(AUDIT)
    assert not shown.get("blocks")
    assert shown["text"].endswith("<!date^1795530840^{time}|14:34 UTC> &lt;!channel>")
    assert shown["metadata"]["event_payload"] == {"record": 7, "key": "audit/1-7"}
    assert post.slack.calls("chat.update") == []


def test_a_long_series_is_a_picture_that_an_image_block_shows(post: Post) -> None:
    start = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    points = tuple((start + timedelta(minutes=n), float(n % 7)) for n in range(60))
    reply = Reply(
        None, (Paragraph(text("Errors.")), Chart(text("Errors"), "%", (Series(text("canary"), points),), 5.0))
    )
    post.others.append("alert/x/1")
    post.want("alert/x/1", {"reply": json.loads(dump(reply))}, kind=MessageClass.ALERT)
    sender = post.sender()
    post.rest(sender)
    (shown,) = post.slack.messages(PROD)
    assert [block["type"] for block in shown["blocks"]] == ["section", "image"]
    assert post.slack.file(shown["blocks"][1]["slack_file"]["id"]).startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """What the thread of a canary is told at the end of a hold of twelve minutes."""
    with bench(tmp_path_factory.mktemp("canary")) as bot:
        bot.world.scene("eu-1").namespace("web-staging").quotas.clear()
        bot.world.scene("eu-1").traffic.put("web-staging", "web", 40.0)
        id = bot.start("ana", "canary web@1.8.2 25 to staging hold=12m requests=200")
        op = bot.run(id, until=lambda op: isinstance(load_steps(op.plan)[op.cursor].do, Analyse), seconds=600)
        key = f"{card_key(id)}/{op.cursor}"
        bot.run(id, until=lambda after: after.cursor > op.cursor, seconds=900)
        row = bot.core.store.read(lambda tx: tx.outbox.get(key))
    assert row is not None
    found: Json = json.loads(row.body)
    return found


def test_the_figures_of_a_long_hold_are_a_picture_with_their_ranges_in_words(post: Post, verdict: Json) -> None:
    post.others.append("operation/op-1/9")
    post.want("operation/op-1/9", verdict)
    post.rest(post.sender())
    (shown,) = post.slack.messages(PROD)
    assert [block["type"] for block in shown["blocks"]] == ["section", "image", "image", "context"]
    assert "*25 %, after 12 min: pass.*" in shown["blocks"][0]["text"]["text"]
    errors = shown["blocks"][1]
    assert "UTC to" in errors["alt_text"]
    for line in ("canary 1.8.2 between", "stable 1.8.1 between", "limit between"):
        assert line in errors["alt_text"]
    assert post.slack.file(errors["slack_file"]["id"]).startswith(b"\x89PNG")
    assert {call.request["alt_txt"] for call in post.slack.calls("files.getUploadURLExternal")} == {
        block["alt_text"] for block in shown["blocks"][1:3]
    }


def test_where_slack_is_too_slow_with_the_pictures_the_figures_go_out_without_them(post: Post, verdict: Json) -> None:
    world = post.slack.slack
    world.conduct = replace(world.conduct, file_ready_seconds=3600.0)
    post.others.append("operation/op-1/9")
    post.want("operation/op-1/9", verdict)
    post.rest(post.sender())
    (shown,) = post.slack.messages(PROD)
    assert [block["type"] for block in shown["blocks"]] == ["section", "context"]
    assert "p95" in shown["text"]
    assert len(post.slack.calls("files.info")) > 2


def test_only_one_of_two_senders_sends(post: Post) -> None:
    first, second = post.sender("one"), post.sender("two")
    post.card("operation/op-1", "Running · web")
    post.rest(first)
    post.card("operation/op-1", "Done · web")
    assert second.step() > 1
    assert len(post.slack.calls("chat.update")) == 0
    post.clock.sleep(11)
    post.rest(second)
    assert len(post.slack.calls("chat.update")) == 1


def test_a_row_that_cannot_be_read_does_not_stop_the_others(post: Post) -> None:
    sender = post.sender()
    post.want("broken", {"nonsense": 1}, channel=WEB)
    post.card("operation/op-1", "Running · web")
    post.rest(sender)
    assert len(post.slack.messages(PROD)) == 1
    post.until(sender, lambda: post.store.read(lambda tx: (row := tx.outbox.get("broken")) and row.sent_rev == row.rev))


def test_a_storm_meets_no_refusal_and_lets_approvals_pass(post: Post) -> None:
    sender = post.sender(messages=300, updates=50)
    channels = (WEB, PROD, "C0STAGE01", "C0ALERT01", AUDIT)
    for number in range(200):
        post.card(f"alert/{number}", f"Firing · {number}", channel=channels[number % 5], kind=MessageClass.ALERT)
    began = post.clock.ahead
    post.until(sender, lambda: len(post.slack.messages(WEB)) >= 5)
    post.card("operation/op-1", "Approval needed · web", kind=MessageClass.APPROVAL)
    asked = post.clock.ahead
    post.until(sender, lambda: any("Approval" in m["text"] for m in post.slack.messages(PROD)))
    assert post.clock.ahead - asked <= 3
    post.until(sender, lambda: not post.store.read(post.unsent), steps=600)
    assert post.slack.refusals() == []
    assert sum(len(post.slack.messages(channel)) for channel in channels) == 201
    # The optimum is max(41 messages in the busiest channel, 201 / 300 of a minute) seconds.
    assert post.clock.ahead - began < 60


def test_what_cannot_be_said_because_our_token_is_gone_is_said_once_it_is_back(post: Post) -> None:
    sender = post.sender()
    workspace = post.slack.slack.workspace
    workspace.is_installed = False
    post.card("alert/1", "It burns", kind=MessageClass.ALERT)
    post.until(sender, lambda: len(post.slack.refusals()) >= 3)
    workspace.is_installed = True
    post.rest(sender)
    assert [message["text"].split(".")[0] for message in post.slack.messages(PROD)] == ["It burns"]


def test_edits_that_have_to_wait_hold_up_no_message_behind_them(post: Post) -> None:
    sender = post.sender(updates=1)
    for number in range(3):
        post.card(f"alert/{number}", f"Firing · {number}", kind=MessageClass.ALERT)
    post.rest(sender)
    for number in range(3):
        post.card(f"alert/{number}", f"Firing · {number} again", kind=MessageClass.ALERT)
    post.card("alert/new", "Firing · another", kind=MessageClass.ALERT)
    post.until(sender, lambda: any("another" in m["text"] for m in post.slack.messages(PROD)))
    edited = [m["text"] for m in post.slack.messages(PROD) if "again" in m["text"]]
    assert len(edited) < 3
