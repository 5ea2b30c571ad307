"""Doctor's card: what needs somebody first, each with what mends it; what passes in one line."""

from bot.domain.reply import Buttons, Paragraph, Style, text
from bot.ports.world import Check
from commands.self import report

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
