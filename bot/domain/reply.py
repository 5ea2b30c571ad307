"""What the bot says, before anybody decides how it looks: the Slack edge and the terminal draw the same Reply.

A user-facing text is `Text(template, args)`: the template an English literal (the translators' key, with `*bold*` and
`` `code` `` as its only marks), the args untrusted values that the edge escapes. Knows nothing of Slack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.refs import Principal


@dataclass(frozen=True, slots=True)
class Group:
    """A group of people by its name in the policy; mentioned where the edge knows how."""

    name: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A place by the edge's own id."""

    id: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page elsewhere. An edge links https alone, and shows which host it leads to."""

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Text:
    """`Text("deploy *{app}* to *{env}*", {"app": "web", "env": "prod"})`."""

    template: str
    args: Mapping[str, Value] = field(default_factory=dict)

    def plain(self) -> str:
        """For logs, exceptions and the audit record: no marks, names as ids."""
        filled = self.template.replace("*", "").replace("`", "")
        return filled.format_map({name: _plain(value) for name, value in self.args.items()})


Value = str | int | float | datetime | timedelta | Principal | Group | Channel | Link | Text
"""datetime is shown as the viewer's own clock, timedelta as `3 min 12 s`, Principal and Group as a mention."""


def text(template: str, **args: Value) -> Text:
    return Text(template, args)


def counted(count: int, one: str, many: str, **args: Value) -> Text:
    """`counted(3, "{n} pod", "{n} pods")`."""
    return Text(one if count == 1 else many, {"n": count, **args})


def span(value: timedelta) -> str:
    """`3 min 12 s`, `1 h 5 min`, `2 d`: the two largest units."""
    seconds = int(value.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _plain(value: Value) -> str:
    match value:
        case Text():
            return value.plain()
        case Principal(id=name) | Group(name=name) | Channel(id=name):
            return name
        case Link(url=url, label=label):
            return f"{label} {url}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M UTC")
        case timedelta():
            return span(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


class Style(StrEnum):
    PLAIN = "plain"
    PRIMARY = "primary"
    """The card waits for a person, and this is the safe next step."""
    DANGER = "danger"


class Opens(StrEnum):
    """What a click shows at once."""

    NOTHING = "nothing"
    VIEW = "view"
    """A dialog that is then filled with the command's Reply."""
    FORM = "form"
    """The command's own form, filled with what the line already says."""


@dataclass(frozen=True, slots=True)
class Confirm:
    title: Text
    text: Text
    yes: Text
    no: Text = Text("Go back")


@dataclass(frozen=True, slots=True)
class Button:
    """`line` is a command line and nothing else; the edge adds a MAC, and the road authorises who clicks."""

    label: Text
    line: str
    style: Style = Style.PLAIN
    confirm: Confirm | None = None
    opens: Opens = Opens.NOTHING
    spoken: Text | None = None
    """For screen readers: names app and env."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: Text


@dataclass(frozen=True, slots=True)
class Note:
    """Small print: who, when, until when, ids."""

    text: Text


@dataclass(frozen=True, slots=True)
class Quote:
    """What a person or a program wrote; shown as plain text, it cannot mention, link or format."""

    label: Text
    words: str


@dataclass(frozen=True, slots=True)
class Risks:
    """`Look first`: at most three lines are shown on a card, the rest in the full plan."""

    lines: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    label: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Facts:
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar: `done` of `of`, with its figure in the caption."""

    done: int
    of: int
    caption: Text


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in equal spans of time, oldest first."""

    counts: tuple[int, ...]
    caption: Text


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Preformatted words of programs: log lines, a diff, a manifest. `name` is the file's, where it becomes one."""

    words: str
    name: str = "output.txt"


@dataclass(frozen=True, slots=True)
class Series:
    name: Text
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Never carries a fact that the sentences do not."""

    title: Text
    unit: str
    series: tuple[Series, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Buttons:
    row: tuple[Button, ...]
    """At most three."""
    more: tuple[Button, ...] = ()
    """The overflow menu: at most five."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A part's title in a long reply such as Home."""

    text: Text


Block = Paragraph | Note | Quote | Risks | Facts | Bar | Histogram | Table | Code | Chart | Buttons | Heading


@dataclass(frozen=True, slots=True)
class Reply:
    """`title` opens with the state word. The edge speaks the whole reply (`text`) from its blocks."""

    title: Text | None
    blocks: tuple[Block, ...] = ()
    submit: Button | None = None
    """Where the reply is shown as a dialog: the button that ends it."""
    accent: Text | None = None
    stays: bool = False
    """It is for those who read where it belongs: where it cannot stand there, it stands nowhere."""
    """Sentences for notification and screen readers, where the blocks' own would be clumsy."""
