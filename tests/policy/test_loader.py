"""The policy file: what is right loads, what is wrong is refused with its line, in any case without another error."""

import random
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import PolicyBroken
from bot.domain.refs import Principal
from bot.policy.loader import load
from bot.policy.model import Span, Weekly
from tests.policy.conftest import BASE, EXAMPLE


def complaint(source: str | bytes) -> str:
    with pytest.raises(PolicyBroken) as caught:
        load(source if isinstance(source, bytes) else source.encode())
    assert caught.value.why is not None
    return caught.value.why.plain()


def test_the_example_that_is_shipped_loads() -> None:
    policy = load(EXAMPLE)
    assert {str(who) for who in policy.people} == {"ana", "bo", "lee", "gus"}
    assert policy.groups["sre"].slack == "S0SRE0001"
    assert [(rule.votes, rule.group) for rule in policy.approvals] == [(1, "sre")]


def test_the_version_is_that_of_the_bytes() -> None:
    first, second = load(BASE.encode()), load((BASE + "# a word\n").encode())
    assert len(first.version) == 12
    assert first.version != second.version
    assert first.version == load(BASE.encode()).version


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyBroken) as caught:
        load(tmp_path / "policy.yaml")
    assert caught.value.why is not None
    assert "there is no file" in caught.value.why.plain()


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyBroken):
        load(tmp_path)


def test_nobody_in_the_grants_is_broken_and_not_everybody() -> None:
    assert "grants" in complaint(BASE.split("grants:")[0])
    assert "has to be a list, is empty" in complaint(BASE.split("grants:")[0] + "grants:\n")
    assert "at least one" in complaint(BASE.split("grants:")[0] + "grants: []\n")


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("role: viewer,", "role: viewr,"), 15, "there is no role viewr"),
        (("group:sre], tenant", "group:srre], tenant"), 17, "there is no group srre"),
        (("person:kim", "person:tim"), 15, "there is no person tim"),
        (("members: [bo, lee]", "members: [bo, leo]"), 8, "there is no person leo"),
        (("leads: [lee]", "leads: [bo]"), 9, "bo leads the group and is no member"),
        (("slack: [U0BOB0002]", "slack: [U0ANA0001]"), 4, "U0ANA0001 belongs to ana already"),
        (("slack: [U0BOB0002]", "slack: [T0ONE/U0ANA0001]"), 4, "belongs to ana already"),
        (("slack: [U0BOB0002]", "slack: [T0TWO/W0ANA0009]"), 4, "belongs to ana already"),
        (("os: [bo]", "os: [ana]"), 4, "the user name ana belongs to ana already"),
        (("kubernetes: bo@example.com", "kubernetes: ana@example.com"), 4, "belongs to ana already"),
        (("kubernetes: bo@example.com", "kubernetes: system:admin"), 4, "system:"),
        (("kubernetes: platform-sre", "kubernetes: system:masters"), 8, "system:"),
        (("kubernetes: bo@example.com", 'kubernetes: "pilothouse:auto"'), 4, "pilothouse:"),
        (('"workloads:*"', '"*"'), 13, "a permission such as workloads:deploy"),
        (('"workloads:*"', '"work*:deploy"'), 13, "a permission such as"),
        (("[web, api]", '["we*"]'), 16, "an exact name, or * alone"),
        (("[web, api]", '[web, "*"]'), 16, "has * beside names"),
        (("env: [staging]", "env: staging"), 16, "has to be a list, not text"),
        (("env: [staging]", "envs: [staging]"), 16, "unknown"),
        (("{name: Kim}", "{}"), 6, "name is missing"),
        (("  bo: {", "  Bo: {"), 4, "a name of lower-case letters"),
    ],
)
def test_a_mistake_is_refused_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    changed = BASE.replace(*change)
    assert changed != BASE
    found = complaint(changed)
    assert f"line {line}" in found
    assert words in found


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("approvals:\n  - {for: [deploy], votes: '3', from: sre}", "sre has only 2 members"),
        ("approvals:\n  - {for: [deploy], votes: '0', from: sre}", "a number from 1 to 9"),
        ("approvals:\n  - {for: [deploy], votes: '1', from: ops}", "there is no group ops"),
        ("approvals:\n  - {for: [], votes: '1', from: sre}", "at least one"),
        ("approvals:\n  - {for: [deploy], votes: '1'}", "from is missing"),
        ("caps:\n  - {then: refuse}", "a cap with max-pods"),
        ("caps:\n  - {max-pods: '5', then: approval}", "wants votes and from"),
        ("caps:\n  - {max-pods: '5', then: refuse, votes: '1', from: sre}", "wants votes and from"),
        ("caps:\n  - {max-share: '101', then: refuse}", "a percentage from 1 to 100"),
        ("freezes:\n  - {name: x, reason: y, zone: Mars/Base, from: 2026-01-01, to: 2026-01-02}", "no such time zone"),
        ("freezes:\n  - {name: x, reason: y, zone: ../etc/passwd, weekly: Fri 16:00 - Mon 08:00}", "a time zone"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, from: 2026-13-01, to: 2027-01-02}", "no such day"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, from: 2026-02-02, to: 2026-02-01}", "is not after from"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, from: 2026-02-02}", "either from and to, or weekly"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC}", "either from and to, or weekly"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, weekly: Fri 16:00 - Fri 16:00}", "ends on the day"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, weekly: Wed 23:00 - Wed 01:00}", "ends on the day"),
        ("freezes:\n  - {name: x, reason: y, zone: UTC, weekly: Fr 16:00 - Mon 08:00}", "such as Fri 16:00"),
        ("timings:\n  - {env: [prod]}", "sets nothing"),
        ("timings:\n  - {bake: 5 minutes}", "a duration such as"),
        ("timings:\n  - {bake: 0s}", "a duration such as"),
        ("canary:\n  - {env: [prod]}", "sets nothing"),
        ("canary:\n  - {steps: ['50', '10']}", "have to grow"),
        ("canary:\n  - {steps: ['0']}", "a percentage from 1 to 99"),
        ("canary:\n  - {steps: []}", "at least one"),
        ("canary:\n  - {hold: sometimes}", "or manual"),
        ("canary:\n  - {requests: '0'}", "a number of requests"),
        ("canary:\n  - {deadline: 0s}", "a duration such as"),
        ("canary:\n  - {percent: '5'}", "unknown; known here: app, deadline"),
        ("canary:\n  - measures: [{name: A, query: up}]", "is held to nothing"),
        ("canary:\n  - measures: [{name: Errors, query: up, over: '1'}]", "is measured already"),
        ("canary:\n  - measures: [{name: A, query: up, over: much}]", "a number that is not negative"),
        ("canary:\n  - measures: [{name: A, query: up, times: '0.9'}]", "is below 1 where more is better"),
        ("canary:\n  - measures: [{name: A, over: '1'}]", "query"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(more: str, words: str) -> None:
    assert words in complaint(BASE + more)


def test_every_problem_is_said_at_once_and_no_more_than_ten() -> None:
    changed = BASE.replace("slack: [U0BOB0002]", "slack: [bob]").replace("{name: Kim}", "{}")
    assert complaint(changed).count("line") == 2
    many = BASE + "timings:\n" + "  - {bake: x}\n" * 30
    assert "and 20 more" in complaint(many)


def test_windows_are_read_in_their_zone() -> None:
    more = (
        "freezes:\n"
        "  - {name: a, reason: b, zone: Europe/Berlin, from: 2026-12-23 18:00, to: 2027-01-04}\n"
        "  - {name: c, reason: d, zone: UTC, weekly: Fri 16:00 - Mon 08:00, exempt: [sre]}\n"
    )
    once, weekly = load((BASE + more).encode()).freezes
    assert isinstance(once.when, Span)
    assert (once.when.start.isoformat(), once.when.end.isoformat()) == (
        "2026-12-23T17:00:00+00:00",
        "2027-01-03T23:00:00+00:00",
    )
    assert isinstance(weekly.when, Weekly)
    assert (weekly.when.start_day, weekly.when.end_day, weekly.exempt) == (4, 0, ("sre",))


def test_several_slack_ids_are_one_person() -> None:
    assert load(BASE.encode()).people[Principal("ana")].slack == ("U0ANA0001", "T0TWO/W0ANA0009")


def bad_files() -> list[bytes]:
    """More than 300 files that are no policy: broken in one place each, or made of nothing but noise."""
    rng = random.Random(102)
    lines = BASE.splitlines()
    found = []
    for index, line in enumerate(lines):
        key = line.lstrip(" -{").partition(":")[0]
        for wrong in (
            line.replace(key, key + "_", 1) if line.startswith(" ") is False else line + " &a",
            line.replace(":", ": !!str", 1),
            line.replace(":", ": &anchor", 1),
            line.replace("[", "[*alias, ", 1) if "[" in line else "*alias",
            line + "\n" + line.replace(" - ", "   "),
            line.replace(": ", ": \x07", 1) if ": " in line else "\x07",
            "\t" + line,
            line.replace("]", "", 1) if "]" in line else line + " ]",
            line + " \udc80",
        ):
            changed = [*lines[:index], wrong, *lines[index + 1 :]]
            found.append("\n".join(changed).encode("utf-8", "surrogateescape"))
    found += [rng.randbytes(rng.randrange(1, 2000)) for _ in range(200)]
    found += [b"[" * n for n in (1, 30, 1000, 200_000)] + [b"{" * n for n in (1, 30, 1000, 200_000)]
    found += [b"", b"\n", b"---", b"...", b"null", b"{}", b"[]", b"a", b"%", b"\xef\xbb\xbf", b"-" * 200_000]
    found += [b"x" * 300_000, b"a: " + b'"' + b"\\x41" * 50_000, b"- " * 100_000, b"? " * 100_000, b": " * 100_000]
    found += [b"!" * 100_000, b"&" * 100_000, b"#" * 250_000, b"|" * 1000, b"a:\n" * 80_000, b"'" * 200_000]
    return found


def test_more_than_300_bad_files_are_all_refused_with_a_complaint() -> None:
    files = bad_files()
    assert len(files) >= 300
    for source in files:
        assert complaint(source), source[:200]


@given(st.data())
def test_a_policy_with_bytes_changed_loads_or_is_refused(data: st.DataObject) -> None:
    source = bytearray(BASE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(source) - 1))
        source[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(PolicyBroken):
        assert load(bytes(source)).grants


def slowest() -> tuple[float, bytes]:
    """For the figure in the docs; timed by hand, not by a test."""
    worst = (0.0, b"")
    for source in bad_files():
        began = time.perf_counter()
        complaint(source)
        worst = max(worst, (time.perf_counter() - began, source[:40]))
    return worst
