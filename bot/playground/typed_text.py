"""What Slack's clients make of what people type: curly quotes, escapes, mentions, links.

Pure. `encode` is for messages, `encode_command` for the text of a slash command.
"""

import re
from collections.abc import Callable

from bot.playground.workspace import Workspace

_TOKEN = re.compile(
    r"""(?P<encoded><(?:@[UW]\w+|\#C\w+|!subteam\^S\w+|!here|!channel)(?:\|[^<>]*)?>)
      | (?P<email>[\w.+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.(?:com|org|net|io|dev|example)\b)
      | (?P<url>https?://[^\s<>]+)
      | (?P<domain>(?<![\w@./-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev)(?:/[^\s<>]*)?(?![\w.-]))
      | (?<![\w@])@(?P<name>[a-z][\w-]*(?:\.[\w-]+)*)
      | (?<![\w\#&])\#(?P<channel>[a-z0-9][\w-]*)""",
    re.VERBOSE,
)


def curl(text: str) -> str:
    """Straight quotes as a Mac or a phone types them; text in backticks stays."""
    parts = text.split("`")
    for index in range(0, len(parts), 2):
        part = re.sub(r'(^|[\s(=\[])"', r"\1“", parts[index])
        part = part.replace('"', "”")
        part = re.sub(r"(^|[\s(=\[])'", r"\1‘", part)
        parts[index] = part.replace("'", "’")
    return "`".join(parts)


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def encode(ws: Workspace, text: str) -> str:
    """A message's text as Slack stores it: `<@U1>`, `<#C1|general>`, `<https://...>`."""
    return _encode(ws, text, with_names=False)


def encode_command(ws: Workspace, text: str, *, should_escape: bool) -> str:
    """A command's text: with escaping `<@U1|ana>`, `<#C1|general>`, a private channel `<#C1|>`; without, as typed."""
    return _encode(ws, text, with_names=True) if should_escape else escape(text)


def _encode(ws: Workspace, text: str, *, with_names: bool) -> str:
    done, at = [], 0
    for match in _TOKEN.finditer(text):
        done += [escape(text[at : match.start()]), _token(ws, match, with_names)]
        at = match.end()
    return "".join([*done, escape(text[at:])])


def _token(ws: Workspace, match: re.Match[str], with_names: bool) -> str:
    whole = match.group(0)
    readers: dict[str, Callable[[str], str]] = {
        "encoded": lambda found: found,
        "email": lambda found: f"<mailto:{found}|{found}>",
        "url": lambda found: f"<{escape(found)}>",
        "domain": lambda found: f"<http://{escape(found)}|{escape(found)}>",
        "name": lambda found: _named(ws, found, with_names),
        "channel": lambda found: _channel(ws, found),
    }
    return readers[match.lastgroup or ""](match[match.lastgroup or 0]) or escape(whole)


def _named(ws: Workspace, name: str, with_names: bool) -> str:
    if name in {"here", "channel"}:
        return f"<!{name}>"
    for person in ws.people.values():
        if person.seed.name == name:
            return f"<@{person.id}|{name}>" if with_names else f"<@{person.id}>"
    for group in ws.groups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}|@{name}>"
    return ""


def _channel(ws: Workspace, name: str) -> str:
    for channel in ws.channels.values():
        if channel.seed.name == name and not channel.im_user:
            return f"<#{channel.id}|>" if channel.seed.is_private else f"<#{channel.id}|{name}>"
    return ""
