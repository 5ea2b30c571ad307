"""How an answer reaches the person who asked: the dialog that is open, else response_url, else an ephemeral message,
else a direct message; in this order. Nothing here decides what is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.clock import Clock
from bot.domain.codec import Json
from bot.domain.forms import Form
from bot.domain.reply import Button, Buttons, Opens, Paragraph, Reply, text
from bot.slack.api import Api, NoReply, NotOk
from bot.slack.blocks import Block
from bot.slack.channels import Channels
from bot.slack.code import File
from bot.slack.forms import dialog, form_view, loading
from bot.slack.front import Answer, Forms, Request, Show
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Ink, Names, plain
from bot.slack.payloads import Way
from bot.slack.render import Rendered, Surface, render
from bot.slack.spoken import spoken
from bot.slack.uploads import Pinned, Uploads

log = structlog.get_logger(__name__)

RESPONSE_HOST = "hooks.slack.com"
APPEARS = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Seconds between tries to find the dialog of an acknowledgement; Slack takes none after three."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What answering needs; `names` is asked anew for each answer."""

    api: Api
    pinned: Pinned
    uploads: Uploads
    channels: Channels
    names: Callable[[], Names]
    macs: Macs
    clock: Clock
    forms: Forms


class Answers:
    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    # --- dialogs ----------------------------------------------------------------------------------

    def begin(self, way: Way, request: Request) -> str:
        """Opens a dialog at once where one is coming: a trigger lives three seconds. Its view id; empty: none."""
        if request.values:
            return ""  # the form that was submitted waits for the answer itself
        wants = way.opens is not Opens.NOTHING or way.is_home
        if not way.trigger or not (wants or self._ways.forms.wants_form(request.line)):
            return ""
        is_inside = bool(way.view) and not way.is_home
        return self._open(way, loading(way.title or request.line.partition(" ")[0].capitalize()), is_inside=is_inside)

    def _open(self, way: Way, view: Block, *, is_inside: bool) -> str:
        method = "views.push" if is_inside else "views.open"
        try:
            opened = self._ways.api.call(method, {"trigger_id": way.trigger, "view": view}).get("view")
        except (NotOk, NoReply) as trouble:
            log.info("a dialog could not be opened", trouble=str(trouble))
            return ""
        id = opened.get("id") if isinstance(opened, dict) else None
        return id if isinstance(id, str) else ""

    def _put(self, view_id: str, view: Block, way: Way, opened: str) -> bool:
        """In place of the dialog that waits for this answer. False when that is not shown any more."""
        return (not opened and self._replace(way.awaited, view)) or self._update(view_id, view)

    def _replace(self, awaited: str, view: Block) -> bool:
        """Slack may work in an acknowledgement after the answer to what it acknowledges, which would then be covered by
        "One moment." for ever. So the dialog that the acknowledgement brings is named, and looked for until it is there.
        False where it never was: the acknowledgement was lost, or the dialog was closed."""
        if not awaited:
            return False
        for pause in APPEARS:
            try:
                self._ways.api.call("views.update", {"external_id": awaited, "view": view})
            except NotOk as refusal:
                if refusal.code != "not_found":
                    return False
            except NoReply as lost:
                log.info("an answer in a dialog may be lost", trouble=str(lost))
            else:
                return True
            self._ways.clock.sleep(pause)
        return False

    def _update(self, view_id: str, view: Block) -> bool:
        """False when it is not shown any more."""
        for _ in range(2):
            try:
                self._ways.api.call("views.update", {"view_id": view_id, "view": view})
            except NotOk as refusal:
                log.info("a dialog could not be updated", trouble=str(refusal), details=refusal.details)
                if refusal.code != "hash_conflict":
                    return False
            except NoReply:
                continue  # the same content once more does no harm
            else:
                return True
        return False

    # --- answers ----------------------------------------------------------------------------------

    def give(self, answer: Answer, request: Request, way: Way, *, opened: str = "") -> None:
        """`opened`: the dialog that waits for this answer."""
        if answer.show is Show.FORM and answer.form is not None:
            self._give_form(answer.form, request, way, opened)
            return
        view_id = opened or ("" if way.is_home else way.view)
        if view_id and answer.show is not Show.SHARED and self._give_dialog(answer, request, way, opened):
            return
        if answer.show is Show.SHARED and self._share(answer.reply, way):
            if view_id:
                self._give_dialog(Answer(_shared()), request, way, opened)
            return
        self.tell(answer.reply, way, replaces=way.is_private and not answer.is_error)

    def _give_form(self, form: Form, request: Request, way: Way, opened: str) -> None:
        view = form_view(form, macs=self._ways.macs, place=way.place)
        if opened and self._update(opened, view):
            return
        if not opened and way.trigger and self._open(way, view, is_inside=bool(way.view) and not way.is_home):
            return
        # A mention has no trigger: a button has.
        button = Button(text("Open the form"), request.line or form.command, opens=Opens.FORM)
        says = text("`{command}` needs a few more words, or its form.", command=form.command)
        self.tell(Reply(None, (Paragraph(says), Buttons((button,)))), way)

    def _give_dialog(self, answer: Answer, request: Request, way: Way, opened: str) -> bool:
        ways = self._ways
        view_id = opened or way.view
        if answer.is_error and answer.field and request.values and (form := ways.forms.form(request)) is not None:
            complaint = _in_words(answer.reply, Ink(ways.names(), ways.clock.now()))
            again = form_view(form, macs=ways.macs, place=way.place, complaint=complaint)
            return self._put(view_id, again, way, opened)
        view, files = dialog(
            answer.reply, names=ways.names(), macs=ways.macs, place=way.place, now=ways.clock.now(), title=way.title
        )
        if not self._put(view_id, view, way, opened):
            return False
        self._send_files(files, way)
        return True

    def tell(self, reply: Reply, way: Way, *, replaces: bool = False) -> bool:
        """Privately; False when no way was left, which is logged."""
        drawn = self._drawn(reply, Surface.PRIVATE)
        message: Block = {"text": drawn.text, "blocks": [*drawn.blocks]}
        for attempt in (self._by_response_url, self._ephemerally, self._directly):
            if attempt(message, way, replaces):
                self._send_files(drawn.files, way)
                return True
        log.error("an answer did not reach the person", user=way.user, channel=way.place.channel)
        return False

    def _by_response_url(self, message: Block, way: Way, replaces: bool) -> bool:
        # One interaction uses its address at most twice; Slack allows five times.
        if not way.response_url:
            return False
        body: Block = {**message, "response_type": "ephemeral", "replace_original": replaces}
        if way.place.thread and not replaces:
            body["thread_ts"] = way.place.thread
        return self._post(way.response_url, body)

    def _post(self, url: str, body: Block) -> bool:
        try:
            self._ways.pinned.post(url, json=body)
        except (NotOk, NoReply) as trouble:
            log.info("response_url did not take an answer", trouble=str(trouble))
            return False
        return True

    def _ephemerally(self, message: Block, way: Way, _: bool) -> bool:
        if way.is_direct or not way.place.channel.startswith(("C", "G")):
            return False
        body: Block = {**message, "channel": way.place.channel, "user": way.user}
        if way.place.thread:
            body["thread_ts"] = way.place.thread
        return self._call("chat.postEphemeral", body)

    def _directly(self, message: Block, way: Way, _: bool) -> bool:
        is_here = way.is_direct and way.place.channel.startswith("D")
        body: Block = {**message, "channel": way.place.channel if is_here else way.user, **_QUIET}
        if is_here and way.place.thread:
            body["thread_ts"] = way.place.thread
        return self._call("chat.postMessage", body)

    def _call(self, method: str, body: dict[str, Json]) -> bool:
        try:
            self._ways.api.call(method, body)
        except NotOk as refusal:
            log.info("an answer was refused", trouble=str(refusal), details=refusal.details)
            if refusal.code.startswith(("invalid_blocks", "msg_blocks")) and "blocks" in body:
                return self._call(method, {name: value for name, value in body.items() if name != "blocks"})
            return False
        except NoReply as lost:
            log.info("an answer may be lost", trouble=str(lost))
            return False
        return True

    def _share(self, reply: Reply, way: Way) -> bool:
        """For everybody in the place, unless people of another company are among them."""
        if self._ways.channels.is_external(way.place.channel):
            log.warning("an answer was not shared with another company", channel=way.place.channel)
            return False
        drawn = self._drawn(reply, Surface.THREAD)
        message: Block = {"text": drawn.text, "blocks": [*drawn.blocks]}
        body: Block = {**message, "channel": way.place.channel, **_QUIET}
        if way.place.thread:
            body["thread_ts"] = way.place.thread
        if self._call("chat.postMessage", body):
            for file in drawn.files:
                self._send_file(file, way.place.channel, way.place.thread)
            return True
        if not way.response_url:
            return False
        shared: Block = {**message, "response_type": "in_channel", "replace_original": False}
        return self._post(way.response_url, shared)

    def _drawn(self, reply: Reply, surface: Surface) -> Rendered:
        ways = self._ways
        return render(reply, names=ways.names(), macs=ways.macs, surface=surface, now=ways.clock.now())

    def _send_files(self, files: tuple[File, ...], way: Way) -> None:
        if not files:
            return
        try:
            channel = self._ways.uploads.direct(way.user)
        except (NotOk, NoReply) as trouble:
            log.warning("a file was not sent", trouble=str(trouble))
            return
        for file in files:
            self._send_file(file, channel, "")

    def _send_file(self, file: File, channel: str, thread: str) -> None:
        try:
            self._ways.uploads.share(file, channel=channel, thread=thread)
        except (NotOk, NoReply) as trouble:
            log.warning("a file was not sent", trouble=str(trouble))


_QUIET: Block = {"unfurl_links": False, "unfurl_media": False}


def _shared() -> Reply:
    return Reply(None, (Paragraph(text("Shown to everybody in the channel.")),))


def _in_words(reply: Reply, ink: Ink) -> str:
    lines = [plain(block.text, ink) for block in reply.blocks if isinstance(block, Paragraph)]
    return "\n".join(lines) or spoken(reply, ink)
