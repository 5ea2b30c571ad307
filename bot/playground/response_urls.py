"""response_url: five answers within thirty minutes, without membership of the channel."""

import secrets
from dataclasses import dataclass
from typing import Any

from bot.playground.content import Content, read_content
from bot.playground.errors import SlackError
from bot.playground.methods.call import Args
from bot.playground.shapes import message_json
from bot.playground.slack import Slack
from bot.playground.workspace import Channel, Message

Json = dict[str, Any]


@dataclass(slots=True)
class Ticket:
    """`original`: the message that the person clicked on; for a command, what this address last said to the person."""

    user: str
    channel: str
    original: str | None
    issued: float
    uses: int = 0


class ResponseUrls:
    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._tickets: dict[str, Ticket] = {}

    def issue(self, user: str, channel: str, original: str | None = None) -> str:
        token = secrets.token_urlsafe(18)
        now = self._slack.now()
        expired = now - 2 * self._slack.conduct.response_url_seconds
        while self._tickets and self._tickets[oldest := next(iter(self._tickets))].issued < expired:
            del self._tickets[oldest]
        self._tickets[token] = Ticket(user, channel, original, now)
        return f"{self._slack.base_url}/actions/{self._slack.workspace.seed.team_id}/{token}"

    def post(self, token: str, given: Json) -> tuple[int, Json]:
        """Answer a post: an HTTP status and a body. A refused message does not use the address up."""
        ticket = self._tickets.get(token)
        if ticket is None:
            return 404, {"ok": False, "error": "invalid_url"}
        if self._slack.now() - ticket.issued > self._slack.conduct.response_url_seconds:
            return 404, {"ok": False, "error": "expired_url"}
        if ticket.uses >= self._slack.conduct.response_url_uses:
            return 404, {"ok": False, "error": "used_url"}
        try:
            self.say(ticket, given)
        except SlackError as exc:
            return 400, exc.body()
        ticket.uses += 1
        return 200, {"ok": True}

    def answer_command(self, response_url: str, given: Json) -> None:
        """A command's acknowledgement with content is a message too; it uses nothing up."""
        self.say(self._tickets[response_url.rpartition("/")[2]], given)

    def say(self, ticket: Ticket, given: Json) -> None:
        """Do what the body says. Raises SlackError where Slack refuses the content."""
        ws, args = self._slack.workspace, Args(given)
        channel = ws.channels[ticket.channel]
        if args.flag("delete_original"):
            self._delete(channel, ticket)
            return
        content = read_content(ws, args)
        if args.flag("replace_original") and self._replace(channel, ticket, content):
            return
        if channel.is_archived:
            raise SlackError("is_archived")
        message = Message(
            ts=ws.new_ts(),
            channel=channel.id,
            user=ws.app.bot_user,
            text=content.text or "",
            blocks=content.blocks or [],
            attachments=content.attachments,
            is_bot=True,
            thread_ts=args.text("thread_ts") or None,
        )
        if args.text("response_type") == "in_channel":
            ws.post(channel, message)
            return
        message.ephemeral_to = ticket.user
        message.is_shown = message.thread_ts is None or bool(channel.replies(message.thread_ts))
        ws.post_ephemeral(message)
        if ticket.original is None:
            ticket.original = message.ts

    def _delete(self, channel: Channel, ticket: Ticket) -> None:
        ws = self._slack.workspace
        if ticket.original in ws.ephemerals:
            ws.drop_ephemeral(ticket.original or "")
        elif message := channel.messages.get(ticket.original or ""):
            ws.delete(channel, message, before=message_json(ws, message))

    def _replace(self, channel: Channel, ticket: Ticket, content: Content) -> bool:
        """Put the content in the original's place; False where that is gone and a new message must do."""
        ws = self._slack.workspace
        ephemeral = ws.ephemerals.get(ticket.original or "")
        message = ephemeral or channel.messages.get(ticket.original or "")
        if message is None or not message.is_bot:
            return False
        before = message_json(ws, message)
        message.text = content.text or ""
        message.blocks = content.blocks or []
        message.attachments = content.attachments
        if ephemeral is not None:
            ws.change_ephemeral(message)
        else:
            message.edited = ws.new_ts() if not message.blocks else None
            ws.change(channel, message, before=before)
        return True
