"""A form, asked field by field. Checks only what it can see: the road checks the rest, and its error comes back here."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.forms import Form, FormField, Widget
from bot.domain.reply import Text, text
from bot.terminal.marks import plain
from bot.terminal.screen import Screen

_ATTEMPTS = 3


def fill(form: Form, screen: Screen, known: Mapping[str, str] | None = None) -> dict[str, str] | None:
    """Text values by name, empty ones left out; None: nobody answers. Fields in `known` are not asked again."""
    values = dict(known or {})
    if not values:
        screen.write(plain(text("{title}: an empty answer keeps what stands in [ ].", title=form.title), screen.look()))
        screen.write("\n")
    for field in form.fields:
        if field.name in values:
            continue
        said = _ask(field, screen)
        if said is None:
            return None
        if said:
            values[field.name] = said
    return values


def _ask(field: FormField, screen: Screen) -> str | None:
    for _ in range(_ATTEMPTS):
        typed = screen.ask(plain(_prompt(field), screen.look()))
        if typed is None:
            return None
        said = _said(field, typed.strip() or field.initial)
        wrong = _wrong(field, said)
        if wrong is None:
            return said
        screen.write(plain(wrong, screen.look()) + "\n")
    return None


def _prompt(field: FormField) -> Text:
    choices = [f"{n} {option}" for n, option in enumerate(field.options, 1)]
    hint = field.hint + (
        f": {', '.join(choices)}" if choices else ", yes or no" if field.widget is Widget.TOGGLE else ""
    )
    label = text("{label} ({hint})", label=field.label, hint=hint) if hint else text("{label}", label=field.label)
    if field.initial:
        return text("{label} [{initial}]: ", label=label, initial=field.initial)
    return text("{label}: ", label=label) if field.required else text("{label} []: ", label=label)


def _said(field: FormField, typed: str) -> str:
    if field.options and typed.isdecimal() and typed not in field.options and 1 <= int(typed) <= len(field.options):
        return field.options[int(typed) - 1]
    if field.widget is Widget.TOGGLE:
        return {"y": "yes", "n": "no"}.get(typed.lower(), typed)
    return typed


def _wrong(field: FormField, said: str) -> Text | None:
    if not said:
        return text("{label} is needed.", label=field.label) if field.required else None
    if field.options and said not in field.options:
        return text("One of {options}.", options=", ".join(field.options))
    return None
