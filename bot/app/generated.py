"""What is generated from the catalogue for other systems: the Slack app's manifest."""

from __future__ import annotations

from bot.domain.codec import Json
from bot.road.catalogue import Catalogue
from bot.road.params import usage
from bot.settings import Settings
from bot.slack.manifest import Shortcut, SlashCommand, Urls, manifest
from commands.catalogue import CATALOGUE

SHORTCUTS = (
    Shortcut("Deploy an app", "deploy", on_message=False),
    Shortcut("Search logs", "logs", on_message=True),
)


def manifest_of(settings: Settings, *, url: str = "") -> dict[str, Json]:
    """`url`: where Slack reaches us over HTTP; empty: Socket Mode."""
    catalogue = Catalogue(CATALOGUE)
    slash = [
        SlashCommand(c.name, c.summary, usage(catalogue.shapes[c.name]).removeprefix(c.name).strip())
        for c in CATALOGUE
        if c.slash
    ]
    return manifest(slash, SHORTCUTS, prefix=settings.slack.prefix, urls=Urls(events=url) if url else None)
