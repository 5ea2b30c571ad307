"""What Slack and a phone's keyboard make of a typed line is undone."""

from __future__ import annotations

import pytest

from bot.slack.typed import Verbs, line, without_mention


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("web@1.8.2 to prod", "web@1.8.2 to prod"),
        ("“new cart” ‘x’", "\"new cart\" 'x'"),
        ("web —share", "web --share"),
        ("a–b", "a–b"),
        ("<http://web.prod|web.prod> to prod", "web.prod to prod"),
        ("<https://evil.example|web.prod>", "https://evil.example"),
        ("<https://x.example/a?b=1&amp;c=2>", "https://x.example/a?b=1&c=2"),
        ("<mailto:ana@acme.example|ana@acme.example>", "ana@acme.example"),
        ("<@U0ANA0001> <@U0ANA0001|ana>", "<@U0ANA0001> <@U0ANA0001>"),
        (
            "<#C0PROD001|prod> <#C0PROD001|> <#C0PROD001> <C0PROD001|>",
            "<#C0PROD001> <#C0PROD001> <#C0PROD001> <#C0PROD001>",
        ),
        ("<!subteam^S0SRE0001|@sre> <!here> <!channel|channel>", "<!subteam^S0SRE0001> @here @channel"),
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("  web\u00a0 to\n prod\t", "web to prod"),
        ("x" * 9_000, "x" * 3_500),
        ("", ""),
    ],
)
def test_a_typed_line_is_what_was_meant(typed: str, meant: str) -> None:
    assert line(typed) == meant


def test_only_the_first_mention_of_the_bot_goes() -> None:
    assert line(without_mention("<@U0BOT> logs <@U0BOT>", "U0BOT")) == "logs <@U0BOT>"
    assert line(without_mention("<@U0BOT|pilothouse>: logs web", "U0BOT")) == "logs web"


def test_a_slash_command_with_or_without_a_prefix_is_its_verb() -> None:
    verbs = Verbs(("deploy",), prefix="ph-")
    assert verbs.line("/ph-deploy", "web to prod") == "deploy web to prod"
    assert verbs.line("/ph-paas", "status web") == "status web"
    assert verbs.line("/ph-paas", "") == ""
    assert verbs.line("/deploy", "web") is None
