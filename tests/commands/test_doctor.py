"""Doctor's card: what needs somebody first, each with what mends it; what passes in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.app.doctor import Doctor
from bot.domain.errors import Missing
from bot.domain.reply import Buttons, Paragraph, Style, text
from bot.policy.holder import PolicyFile
from bot.ports.world import Check
from commands.self import report
from integrations.prometheus.expressions import check
from integrations.prometheus.promql import Labels
from tests.kit.bench import POLICY
from tests.kit.clocks import ManualClock

GOOD = (Check("policy", True, text("version ab12")), Check("database", True, text("")))
BAD = Check("audit channel", False, text("I am no member of it."), text("write `/invite @pilothouse` there"))


def test_failing_checks_come_first_and_each_check_stands_there_once() -> None:
    reply = report((GOOD[0], BAD, GOOD[1]))
    assert reply.title is not None
    assert reply.title.plain() == "Doctor · 1 of 3 checks need you"
    first, rest, buttons = reply.blocks
    assert isinstance(first, Paragraph)
    assert first.text.template.endswith("\n*Mend:* {mend}")
    assert first.text.plain() == "audit channel: I am no member of it.\nMend: write /invite @pilothouse there"
    assert isinstance(rest, Paragraph)
    assert rest.text.plain() == "2 pass: policy (version ab12) · database"
    assert isinstance(buttons, Buttons)
    assert (buttons.row[0].line, buttons.row[0].style) == ("doctor", Style.PRIMARY)


def test_where_nothing_fails_no_button_waits_for_a_person() -> None:
    reply = report(GOOD)
    assert reply.title is not None
    assert reply.title.plain() == "Doctor · all 2 checks pass"
    rest, buttons = reply.blocks
    assert isinstance(rest, Paragraph)
    assert isinstance(buttons, Buttons)
    assert buttons.row[0].style is Style.PLAIN


GOOD_QUERY = "sum(rate(checkout_failed_total[$window])) / sum(rate(checkout_total[$window]))"


def ask_prometheus(query: str) -> None:
    check(query, labels=Labels())


def policy_check(folder: Path, *queries: str, ask: Callable[[str], None] = ask_prometheus) -> Check:
    """What doctor says of a policy with these measures."""
    rules = "".join(
        f"\n  - app: [web]\n    measures: [{{name: Figure {n}, limit: '5', query: '{query}'}}]"
        for n, query in enumerate(queries, 1)
    )
    path = folder / "policy.yaml"
    path.write_text(POLICY.read_text() + (f"\ncanary:{rules}\n" if rules else ""))
    doctor = Doctor(
        pings=(),
        policy=PolicyFile(path, ManualClock()),
        settings_problems=(),
        audit=lambda: None,
        expression=ask,
    )
    return next(each for each in doctor.checks() if each.name == "policy")


def test_a_measure_that_can_be_asked_is_no_trouble(tmp_path: Path) -> None:
    assert policy_check(tmp_path, GOOD_QUERY).is_ok


@pytest.mark.parametrize("query", ["sum(rate(checkout_total[", "sum(rate(checkout_total[1m] offset 5m))"])
def test_a_measure_that_cannot_be_asked_is_named_with_what_mends_it(tmp_path: Path, query: str) -> None:
    found = policy_check(tmp_path, GOOD_QUERY, query)
    assert not found.is_ok
    assert found.words.plain().startswith("one measure of canaries cannot be asked: Figure 2. ")
    assert found.mend is not None
    assert "canary: measures:" in found.mend.plain()


def test_several_of_them_are_counted(tmp_path: Path) -> None:
    found = policy_check(tmp_path, "sum(", "avg(")
    assert found.words.plain().startswith("2 measures of canaries cannot be asked, the first: Figure 1. ")


def test_where_there_are_no_metrics_their_own_check_says_it(tmp_path: Path) -> None:
    def nobody(_: str) -> None:
        raise Missing("metrics", text("No metrics are set up."))

    assert policy_check(tmp_path, "sum(", ask=nobody).is_ok
