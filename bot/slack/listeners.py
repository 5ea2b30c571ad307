"""Bolt's listeners, one for each kind of payload, the same over HTTP and Socket Mode.

Each turns a payload into a request, has it stored, acknowledges, and leaves the work to the runner. Everything is
acknowledged, also what nobody knows; what cannot be stored is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import structlog
from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse
from slack_bolt.middleware import Middleware

from bot.domain.codec import Json
from bot.domain.errors import IntegrationError
from bot.domain.reply import Button, Buttons, Note, Paragraph, Reply, Style, text
from bot.slack.answer import Answers
from bot.slack.door import AFTER, NONCE
from bot.slack.forms import loading, notice, suggestions
from bot.slack.front import Answer, Disturbed, Forms, Front, Request, Views
from bot.slack.home import Home
from bot.slack.intake import Intake
from bot.slack.mrkdwn import Ink, plain
from bot.slack.payloads import Incoming, Reader, Way, identity_of, inner, nonce_of, part
from bot.slack.people import SlackPeople
from bot.slack.runner import Runner

log = structlog.get_logger(__name__)

Payload: TypeAlias = dict[str, Json]
Listener: TypeAlias = Callable[[Ack, Payload, BoltContext], BoltResponse]

BUSY = "I am busy: more is going on than I can take up. Nothing was changed; please try again in a minute."
UNRECORDED = "I cannot record anything at the moment, so I did nothing. Please try again in a minute."
CLOSED = "This dialog is no longer valid. Nothing was changed; please start anew."


@dataclass(frozen=True, slots=True)
class Desk:
    """Whom the listeners hand over to."""

    front: Front
    intake: Intake
    forms: Forms
    views: Views
    answers: Answers
    home: Home
    people: SlackPeople
    runner: Runner
    notices: Runner
    """For the few words of a refusal, when the other has no room."""


class Listeners:
    def __init__(self, desk: Desk, reader: Reader, *, app_id: str, audit_channel: str = "") -> None:
        """`app_id`: ours; payloads of another app are refused. Empty only where Slack has not told it yet."""
        self._desk = desk
        self._reader = reader
        self._app_id = app_id
        self._audit_channel = audit_channel

    def attach(self, app: App) -> None:
        kinds: dict[str, Listener] = {
            "block_actions": self._click,
            "block_suggestion": self._suggest,
            "view_submission": self._submission,
            "view_closed": self._closed,
            "shortcut": self._shortcut,
            "message_action": self._shortcut,
            "event_callback": self._event,
        }
        app.middleware(_Dispatch(self._app_id, self._command, kinds))

    # --- kinds of payload -------------------------------------------------------------------------

    def _command(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        incoming = self._reader.command(body)
        if incoming is None:
            return ack("I do not know this command. `/paas help` lists what I do.")
        return self._take(incoming, body, context, ack, refuse=ack)

    def _click(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        incoming, is_ours = self._reader.click(body)
        way = incoming.way
        if not is_ours:
            self._later(context, lambda: self._expired(way))
            return ack()
        return self._take(incoming, body, context, ack, refuse=lambda words: self._tell(ack, context, way, words))

    def _shortcut(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        incoming = self._reader.shortcut(body)
        way = incoming.way
        return self._take(incoming, body, context, ack, refuse=lambda words: self._tell(ack, context, way, words))

    def _submission(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        incoming = self._reader.submission(body)
        title = part(body, "view", "title", "text")
        if incoming is None:
            return ack(response_action="update", view=notice(title, CLOSED))
        if incoming.request.values and (errors := self._mistakes(incoming)):
            return ack(response_action="errors", errors=errors)
        is_form = bool(incoming.request.values)
        waiting = loading(title) if is_form else loading(title, "One moment.")
        # By this name the answer finds it, and not before Slack shows it.
        waiting["external_id"] = incoming.way.awaited
        return self._take(
            incoming,
            body,
            context,
            ack,
            refuse=lambda words: ack(response_action="update", view=notice(title, words)),
            accepted=lambda: ack(response_action="update", view=waiting),
        )

    def _mistakes(self, incoming: Incoming) -> dict[str, str]:
        found = self._desk.forms.mistakes(incoming.request)
        return {name: plain(what, Ink()) for name, what in found.items() if name in incoming.request.values}

    def _closed(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        return ack()

    def _suggest(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        identity = identity_of(body, home=self._reader.team)
        found = self._desk.forms.suggest(identity, part(body, "block_id"), part(body, "value"))
        return ack(options=suggestions(found))

    def _event(self, ack: Ack, body: Payload, context: BoltContext) -> BoltResponse:
        event = inner(body, "event")
        is_persons = not part(event, "bot_id") and part(event, "user") not in {"", self._reader.bot_user}
        match part(event, "type"), part(event, "subtype"):
            case "app_mention", "" if is_persons and part(event, "channel_type") != "im":
                return self._take(self._reader.mention(body), body, context, ack, refuse=_again)
            case "message", "" if is_persons and part(event, "channel_type") == "im":
                return self._take(self._reader.direct(body), body, context, ack, refuse=_again)
            case "message", "message_deleted" | "message_changed":
                self._disturbed(event, context)
            case "app_home_opened", _ if part(event, "tab") in {"home", ""}:
                identity = identity_of(body, home=self._reader.team)
                draw = partial(self._desk.views.home, identity, is_open=True)
                self._later(context, lambda: self._desk.home.opened(identity, draw))
            case "user_change", _:
                self._desk.people.forget(part(event, "user", "id"))
            case _:
                pass
        return ack()

    def _disturbed(self, event: Payload, context: BoltContext) -> None:
        """Somebody deleted a message of ours, or edited one in the audit channel (our own cards are edited all the time)."""
        before = inner(event, "previous_message")
        channel = part(event, "channel")
        is_deleted = part(event, "subtype") == "message_deleted"
        is_ours = part(before, "user") == self._reader.bot_user
        is_edited = part(event, "message", "text") != part(before, "text")
        if not is_ours or not (is_deleted or (channel == self._audit_channel and is_edited)):
            return
        ts = part(event, "deleted_ts") or part(before, "ts")
        what = Disturbed(channel, ts, is_deleted, part(event, "message", "edited", "user"))
        self._later(context, lambda: self._desk.views.disturbed(what))

    # --- taking a request -------------------------------------------------------------------------

    def _take(
        self,
        incoming: Incoming,
        body: Payload,
        context: BoltContext,
        ack: Ack,
        *,
        refuse: Callable[[str], BoltResponse],
        accepted: Callable[[], BoltResponse] | None = None,
    ) -> BoltResponse:
        """Stored before it is acknowledged, worked on after."""
        desk = self._desk
        if not desk.runner.reserve():
            log.warning("busy", kind=incoming.kind)
            return refuse(BUSY)
        nonce = str(context.get(NONCE) or nonce_of(body))
        arrival = incoming.arrival(nonce)
        if not arrival.delivery:
            arrival = replace(arrival, delivery=f"nonce:{nonce}")
        try:
            row = desk.intake.accept(arrival)
        except IntegrationError as trouble:
            desk.runner.release()
            log.warning("a request could not be stored", code=trouble.code)
            return refuse(UNRECORDED)
        acknowledge = accepted or ack
        if row is None:
            desk.runner.release()
            return acknowledge()
        talk = Talk(desk.front, desk.answers, replace(incoming.request, inbox=row), incoming.way)
        _after(context, lambda: desk.runner.run(talk.hold, crashed=talk.crashed))
        return acknowledge()

    def _later(self, context: BoltContext, work: Callable[[], object]) -> None:
        """After the acknowledgement, if there is room; nothing durable hangs on it."""
        runner = self._desk.notices
        if not runner.reserve():
            log.warning("a notice was dropped")
            return
        _after(context, lambda: runner.run(lambda: _done(work())))

    def _tell(self, ack: Ack, context: BoltContext, way: Way, words: str) -> BoltResponse:
        reply = Reply(None, (Paragraph(text("{words}", words=words)),))
        self._later(context, lambda: self._desk.answers.tell(reply, way))
        return ack()

    def _expired(self, way: Way) -> None:
        self._desk.answers.tell(EXPIRED, way)


class _Dispatch(Middleware):
    """Refuses payloads of another app, and finds the listener of the others in a dictionary.

    Bolt would try its listeners one after the other, and make some forty arguments for each try. What is of no kind
    here goes on to Bolt, which has no listener for it and says 404.
    """

    def __init__(self, app_id: str, command: Listener, kinds: Mapping[str, Listener]) -> None:
        self._app_id = app_id
        self._command = command
        self._kinds = kinds

    def process(self, *, req: BoltRequest, resp: BoltResponse, next: Callable[[], BoltResponse]) -> BoltResponse | None:
        body: Payload = req.body
        found = part(body, "api_app_id")
        if found != self._app_id:
            log.warning("a payload of another app was refused", app_id=found[:32])
            return BoltResponse(status=401)
        listener = self._command if "command" in body else self._kinds.get(part(body, "type"))
        return next() if listener is None else listener(Ack(), body, req.context)  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Talk:
    """One request, from its acknowledgement to its answer; nobody is left before an empty dialog."""

    front: Front
    answers: Answers
    request: Request
    way: Way
    opened: str = ""

    def hold(self) -> None:
        self.opened = self.answers.begin(self.way, self.request)
        self.answers.give(self.front.work(self.request), self.request, self.way, opened=self.opened)

    def crashed(self, reference: str) -> None:
        what = Paragraph(text("*Something went wrong on our side.*"))
        next = text(
            "*Next:* look where it stands with `status` before you try again. The reference is `{r}`.", r=reference
        )
        answer = Answer(Reply(None, (what, Paragraph(next))), is_error=True)
        self.answers.give(answer, self.request, self.way, opened=self.opened)


EXPIRED = Reply(
    None,
    (
        Paragraph(text("*This button has expired.*")),
        Note(text("Nothing was changed. A newer message, or the command itself, does what it did.")),
        Buttons((Button(text("What you can do"), "help", Style.PRIMARY),)),
    ),
)


def _after(context: BoltContext, work: Callable[[], None]) -> None:
    """Once the acknowledgement is on its way."""
    waiting: list[Callable[[], None]] | None = context.get(AFTER)
    if waiting is None:
        work()
    else:
        waiting.append(work)


def _again(_: str) -> BoltResponse:
    """Slack sends the event again."""
    return BoltResponse(status=503)


def _done(_: object) -> None:
    return None
