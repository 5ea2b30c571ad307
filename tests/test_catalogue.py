"""The catalogue is complete and consistent, and what is generated from it is up to date."""

from __future__ import annotations

import re
from pathlib import Path

from bot.app.programs import manifest
from bot.command import Changes, Signals
from bot.road.catalogue import Catalogue
from bot.road.documents import commands_page
from commands.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
CATALOG = Catalogue(CATALOGUE)


def test_names_are_one_or_two_words_and_unique() -> None:
    names = [command.name for command in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)?", name) for name in names)


def test_permissions_are_resource_and_verb() -> None:
    assert all(re.fullmatch(r"[a-z]+:[a-z]+", command.permission) for command in CATALOGUE)


def test_what_only_reads_needs_no_permission_to_change() -> None:
    for command in CATALOGUE:
        is_read = command.permission.endswith((":read", ":doctor"))
        # Logs that are followed are an operation that only looks.
        looks = isinstance(command.does, Changes) and command.does.is_private
        assert is_read == (looks or not isinstance(command.does, Changes | Signals)), command.name


def test_the_six_commands_that_people_type_most_have_slash_commands_of_their_own() -> None:
    assert [c.name for c in CATALOGUE if c.slash] == ["deploy", "canary", "rollback", "scale", "logs", "alerts"]


def test_summaries_are_short_sentences_without_an_end() -> None:
    assert all(command.summary and not command.summary.endswith(".") and command.example for command in CATALOGUE)


def test_the_commands_page_is_up_to_date() -> None:
    assert (ROOT / "docs/commands.md").read_text() == commands_page(CATALOG)


def test_the_slack_manifest_is_up_to_date() -> None:
    assert (ROOT / "deploy/slack-manifest.yaml").read_text() == manifest(None)
