"""What Slack's clients make of what people type."""

import pytest

from bot.playground.seed import default_seed
from bot.playground.typed_text import curl, encode, encode_command
from bot.playground.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(default_seed(), lambda: 1_795_000_000.0)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("@ana and @sre, see #prod", "<@U0ANA0001> and <!subteam^S0SRE0001|@sre>, see <#C0PROD001|prod>"),
        ("@nobody #nowhere", "@nobody #nowhere"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("see https://ci.acme.dev/job?a=1&b=2", "see <https://ci.acme.dev/job?a=1&amp;b=2>"),
        ("deploy web@1.8.2", "deploy web@1.8.2"),
        ("shop.acme.com", "<http://shop.acme.com|shop.acme.com>"),
        ("ana@acme.com", "<mailto:ana@acme.com|ana@acme.com>"),
        ("<@U0BOT00001> help", "<@U0BOT00001> help"),
        ("thanks @ana.", "thanks <@U0ANA0001>."),
    ],
)
def test_a_message_is_encoded_as_slack_encodes_it(workspace: Workspace, typed: str, stored: str) -> None:
    assert encode(workspace, typed) == stored


def test_a_command_carries_names_only_where_it_should_escape(workspace: Workspace) -> None:
    assert encode_command(workspace, "ask @bo & go", should_escape=True) == "ask <@U0BOB0002|bo> &amp; go"
    assert encode_command(workspace, "ask @bo & go", should_escape=False) == "ask @bo &amp; go"


def test_quotes_are_curled_but_not_in_code() -> None:
    assert curl("""it's "fine" and `"raw"`""") == """it’s “fine” and `"raw"`"""
