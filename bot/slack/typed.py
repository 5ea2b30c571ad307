"""What a person typed in Slack, as a command line: Slack's notation and the phone keyboard's embellishments undone. Pure."""

from __future__ import annotations

import re

LONGEST = 3_500
"""Characters of a line."""

_QUOTES = str.maketrans({**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‘’‚‛′", "'"), "\u00a0": " ", "…": "..."})
_DASHES = re.compile(r"(?<!\S)[\u2014\u2013](?=[A-Za-z])")
"""A keyboard makes one dash of the two before an option."""
_TOKENS = re.compile(r"<([^<>]*)>")
_CHANNEL = re.compile(r"C[A-Z0-9]{2,30}")


def line(text: str) -> str:
    """One line; people, channels and groups as `<@U1>`, `<#C1>`, `<!subteam^S1>`, links as their words."""
    plain = _TOKENS.sub(_token, text)
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    plain = _DASHES.sub("--", plain.translate(_QUOTES))
    return " ".join(plain.split())[:LONGEST]


def _token(match: re.Match[str]) -> str:
    target, bar, label = match[1].partition("|")
    if target.startswith(("@", "#")):
        return f"<{target}>"
    if _CHANNEL.fullmatch(target) and bar:
        return f"<#{target}>"
    if target.startswith("!subteam^"):
        return f"<{target}>"
    if target.startswith("!"):
        return f"@{target[1:].partition('^')[0]}"
    if target.startswith("mailto:"):
        return target.removeprefix("mailto:")
    # Slack links `web.prod` itself: the label is what was typed. A label of the person's own hides the address.
    return label if label and target.endswith(label) else target


def without_mention(text: str, bot_user: str) -> str:
    """The words to the bot: the first mention of it taken away."""
    return re.sub(rf"<@{re.escape(bot_user)}(\|[^>]*)?>[,:]?", " ", text, count=1)


class Verbs:
    """Slash command names to the words that they stand for, worked out once."""

    def __init__(self, own: tuple[str, ...], *, prefix: str = "", everything: str = "paas") -> None:
        """`own`: commands with a slash command of their own."""
        self.names = {f"/{prefix}{everything}": "", **{f"/{prefix}{name}": name for name in own}}

    def line(self, command: str, text: str) -> str | None:
        """The whole command line; None for a command that is not ours."""
        verb = self.names.get(command)
        return None if verb is None else f"{verb} {line(text)}".strip()
