"""Where the card of an operation stands. Pure."""

from __future__ import annotations

from bot.domain.errors import BadArguments
from bot.domain.operation import Place
from bot.domain.reply import text
from bot.road.request import Request


def place_of(request: Request, *, is_private: bool, is_quiet: bool) -> Place:
    """Where it was asked; what is private or quiet only in a thread. Raises BadArguments where nothing is private."""
    if request.place.thread or not (is_private or is_quiet):
        return request.place
    if request.private is None and is_private:
        raise BadArguments(
            text("There is no place here that only you read."),
            next=text("Write it in Slack, or read it here once."),
        )
    return request.private or request.place
