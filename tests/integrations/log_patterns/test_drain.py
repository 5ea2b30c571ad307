"""Patterns of log messages: what differs becomes <*>, and hostile messages cost no more than others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ports.observing import LogPattern
from integrations.log_patterns.drain import mine


def test_messages_that_differ_in_numbers_are_one_pattern() -> None:
    messages = [f"retrying payment {n}, attempt {n % 3}" for n in range(97)]
    messages += [f"upstream timed out after {n}ms" for n in range(298)]
    assert mine(messages) == (
        LogPattern(298, "upstream timed out after <*>ms"),
        LogPattern(97, "retrying payment <*>, attempt <*>"),
    )


def test_ids_and_addresses_are_variables() -> None:
    messages = [f"GET /x from 10.0.0.{n} id 0f8fad5b-d9cb-469f-a165-7086772895{n:02d}" for n in range(20)]
    assert mine(messages) == (LogPattern(20, "GET /x from <*> id <*>"),)


def test_no_message_is_no_pattern() -> None:
    assert mine([]) == mine(["", "  ", "\n"]) == ()


def test_at_most_ten_patterns_of_at_most_a_thousand_messages() -> None:
    words = [chr(97 + a) * 3 + chr(97 + b) * 3 for a in range(26) for b in range(26)]
    assert len(mine(words)) == 10
    assert sum(pattern.count for pattern in mine(["same"] * 5000)) == 1000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=20))
def test_any_messages_have_patterns(messages: list[str]) -> None:
    assert sum(pattern.count for pattern in mine(messages)) <= len(messages)


def test_messages_made_to_be_slow_are_cut() -> None:
    hostile = ["0" * 100_000, "0." * 50_000, "1 " * 50_000, "a" * 100_000, "-" * 100_000, "<*>" * 30_000]
    assert len(mine(hostile * 100)) <= 10
