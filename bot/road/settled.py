"""The form of a button that decides on an operation: what its line says is settled, and only the rest is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.forms import Form
from bot.domain.refs import OperationId
from bot.domain.reply import text
from bot.ports.store import Store
from bot.steps.codec import load_face

_TITLE = 24


def settled(form: Form, line: str, said: Mapping[str, str], store: Store) -> Form:
    """`said`: the parameters of the line. The form says below which operation it is: on a phone it covers the card."""
    fields = tuple(field for field in form.fields if field.name not in said)
    title = f"{form.title} {' '.join(said.values())}"[:_TITLE]
    return replace(form, command=line, title=title, fields=fields, note=_about(store, said.get("operation", "")))


def _about(store: Store, id: str) -> str:
    """`deploy web 1.8.2 to prod, asked by ana.`; empty where there is no such operation."""
    found = store.read(lambda tx: tx.operations.load(OperationId(id)))
    if found is None:
        return ""
    return text("{title}, asked by {who}.", title=load_face(found.face).title, who=found.requester).plain()
