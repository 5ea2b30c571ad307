"""Where the card of an operation stands. Pure."""

from __future__ import annotations

from bot.domain.errors import BadArguments
from bot.domain.operation import Place
from bot.domain.reply import text
from bot.road.request import Request


def place_of(request: Request, *, is_private: bool) -> Place:
    """Where it was asked; of what is private only in a thread. Raises BadArguments where there is no such place."""
    if not is_private or request.place.thread:
        return request.place
    if request.private is None:
        raise BadArguments(
            text("There is no place here that only you read."),
            next=text("Write it in Slack, or read it here once."),
        )
    return request.private
