"""The typed line: what is understood, what is refused and with which words; parse and format are inverses."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadArguments, UnknownName
from bot.domain.refs import AppName, AppRef, EnvName, Percent
from bot.road.catalogue import Catalogue
from bot.road.kinds import KINDS, duration, format_duration
from bot.road.params import Shape, format_line, parse, tokens, usage
from commands.catalogue import CATALOGUE

CATALOG = Catalogue(CATALOGUE)
ENVS = frozenset({"staging", "prod"})


def understood(line: str, **defaults: str) -> Any:
    shape, words = CATALOG.find(line)
    return parse(shape, words, defaults=defaults, is_env=ENVS.__contains__)


def refused(line: str) -> BadArguments:
    with pytest.raises(BadArguments) as caught:
        understood(line)
    return caught.value


def test_a_deploy_is_read_with_any_preposition() -> None:
    for preposition in ("to", "in", "on"):
        params = understood(f"deploy web@1.8.2 {preposition} prod")
        assert params.app == AppRef(AppName("web"), "1.8.2")
        assert params.env == EnvName("prod")


def test_options_and_prepositions_may_stand_anywhere() -> None:
    params = understood("canary to prod hold=5m web@2 steps=25,50 10%")
    assert params.percent == Percent(10)
    assert params.steps == (Percent(25), Percent(50))
    assert params.hold == timedelta(minutes=5)


def test_the_channels_defaults_fill_what_was_not_typed() -> None:
    assert understood("status", env="staging").env == EnvName("staging")
    assert understood("logs web timeout", env="prod").env == EnvName("prod")
    assert understood("logs web timeout in staging", env="prod").env == EnvName("staging")


@pytest.mark.parametrize(
    ("line", "query", "env"),
    [
        ("logs web timeout in prod", "timeout", "prod"),
        ("logs web in prod timeout", "timeout", "prod"),
        ("logs web error in checkout in prod", "error in checkout", "prod"),
        ('logs web "timed out" -retry in prod', '"timed out" -retry', "prod"),
        ("logs web in prod a=b to c", "a=b to c", "prod"),
        ("logs in prod web x", "x", "prod"),
        ("logs web x in prod since=15m level=error", "x", "prod"),
    ],
)
def test_a_log_query_keeps_its_words(line: str, query: str, env: str) -> None:
    params = understood(line)
    assert (params.query, str(params.env)) == (query, env)


def test_a_word_that_is_no_environment_stays_in_the_query() -> None:
    assert understood("logs web error in checkout", env="prod").query == "error in checkout"


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ("deploy web", "env", "env is missing"),
        ("deploy to prod", "app", "app is missing"),
        ("deploy Web! to prod", "app", "lower-case"),
        ("deploy web@ to prod", "app", "after the @"),
        ("scale web many to prod", "pods", "whole number"),
        ("scale web -1 to prod", "pods", "whole number"),
        ("canary web@2 101 to prod", "percent", "0 to 100"),
        ("canary web@2 10 to prod hold=soon", "hold", "90s"),
        ("canary web@2 10 to prod hold=0s", "hold", "between"),
        ("deploy web to prod to staging", "env", "twice"),
        ("deploy web to prod reason=a reason=b", "reason", "twice"),
        ("deploy web to prod quickly", "", "do not understand quickly"),
        ('deploy web to prod reason="half', "", '" is missing'),
        ("logs web level=loud in prod", "level", "error, warn, info"),
    ],
)
def test_a_wrong_line_says_what_and_where(line: str, field: str, says: str) -> None:
    error = refused(line)
    assert error.field == field
    assert says in error.what.plain()
    assert error.next is not None
    assert "Write" in error.next.plain()


def test_an_unknown_verb_names_the_nearest_and_keeps_the_rest() -> None:
    with pytest.raises(UnknownName) as caught:
        CATALOG.find("deplyo web to prod")
    assert caught.value.nearest[0] == "deploy"
    assert caught.value.buttons[0].line == "deploy web to prod"


def test_half_of_a_two_word_verb_names_its_family() -> None:
    with pytest.raises(UnknownName) as caught:
        CATALOG.find("audit")
    assert caught.value.nearest == ("audit search", "audit show", "audit verify")


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=366)))
def test_durations_are_read_as_they_are_written(value: timedelta) -> None:
    whole = timedelta(seconds=int(value.total_seconds()))
    assert duration(format_duration(whole)) == whole


@given(st.text(max_size=200))
def test_any_line_is_understood_or_refused(line: str) -> None:
    try:
        shape, words = CATALOG.find(line)
        parse(shape, words, defaults={}, is_env=ENVS.__contains__)
    except (BadArguments, UnknownName):
        pass


@pytest.mark.parametrize("command", CATALOGUE, ids=lambda command: command.name)
def test_the_example_of_a_command_is_understood_and_written_back(command: Any) -> None:
    params = understood(command.example)
    shape = CATALOG.shapes[command.name]
    assert isinstance(params, command.params)
    line = format_line(shape, params)
    assert understood(line) == params
    assert format_line(shape, understood(line)) == line


@pytest.mark.parametrize("command", CATALOGUE, ids=lambda command: command.name)
def test_every_parameter_has_a_kind_and_a_help(command: Any) -> None:
    shape = Shape(command)
    assert [slot.name for slot in shape.slots] == [field.name for field in fields(command.params)]
    for slot in shape.slots:
        assert slot.arg.help
    assert usage(shape).startswith(command.name)


def test_every_kind_writes_what_it_reads() -> None:
    samples = {
        "N": "5",
        "PERCENT": "10",
        "5m": "5m",
        "APP": "web",
        "APP[@VERSION]": "web@2",
        "ENV": "prod",
        "OPERATION": "op-7",
        "TEXT": "x",
        "": "yes",
    }
    for kind in KINDS.values():
        if kind.example in samples:
            words = samples[kind.example]
            assert kind.format(kind.parse(words)) == words


def test_quotes_hold_words_together_and_stay() -> None:
    assert tokens('a "b c" d="e f"') == ("a", '"b c"', 'd="e f"')
