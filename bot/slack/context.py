"""What a dialog of ours remembers in its private_metadata: where it belongs and what its submit runs. Sealed with a MAC."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bot.domain.operation import Place
from bot.slack.limits import PRIVATE_METADATA
from bot.slack.macs import Macs, Use


@dataclass(frozen=True, slots=True)
class Context:
    place: Place
    line: str = ""
    """What its submit runs; of a form the command's name, with what else the line said."""
    is_form: bool = False


def seal(macs: Macs, context: Context) -> str:
    """A line too long to be kept is left out: then the dialog cannot be sent, and says so."""
    for line in (context.line, ""):
        words = json.dumps(
            [context.place.channel, context.place.thread, line, int(context.is_form)], ensure_ascii=False
        )
        sealed = macs.seal(Use.VIEW, words)
        if len(sealed) <= PRIVATE_METADATA:
            break
    return sealed


def unseal(macs: Macs, sealed: str) -> Context | None:
    words = macs.open(Use.VIEW, sealed)
    if words is None:
        return None
    channel, thread, line, is_form = json.loads(words)
    return Context(Place(channel, thread), line, bool(is_form))
