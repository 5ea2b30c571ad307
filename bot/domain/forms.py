"""A form, before anybody decides how it looks: derived from a command's parameters, drawn by an edge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Widget(StrEnum):
    TEXT = "text"
    MULTILINE = "multiline"
    NUMBER = "number"
    CHOICE = "choice"
    TOGGLE = "toggle"
    APP = "app"
    ENV = "env"
    VERSION = "version"
    """An app and a version of it, `web@1.8.2`."""
    DURATION = "duration"
    SECRET = "secret"  # noqa: S105 - a kind of field
    """Never echoed, and never stored with the request."""


@dataclass(frozen=True, slots=True)
class FormField:
    name: str
    """Of the parameter; an error of that parameter is shown beside this field."""
    widget: Widget
    label: str
    required: bool
    initial: str
    """Text, as it would be typed; empty: nothing."""
    hint: str
    options: tuple[str, ...] = ()
    """Of a CHOICE (and of ENV, once known)."""


@dataclass(frozen=True, slots=True)
class Form:
    command: str
    title: str
    fields: tuple[FormField, ...]
    submit: str = "See the plan"
    """On the button that sends it; `Search`, `Deny` where there is no plan."""
    note: str = "Nothing changes until you have seen the plan."
    """Below the fields; empty: none."""
