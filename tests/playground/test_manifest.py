"""What Slack refuses in an app's manifest, and what it does by it."""

from collections.abc import Callable

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.errors import PersonError
from bot.playground.manifest import validate_manifest
from bot.playground.seed import Json, default_manifest
from tests.playground.conftest import StartSlack, manifest


def test_the_manifests_used_here_are_sound() -> None:
    assert validate_manifest(default_manifest()) == []
    assert validate_manifest(manifest()) == []


def commands(made: Json, **changed: object) -> None:
    made["features"]["slash_commands"][0] |= changed


def without_scope(made: Json, scope: str) -> None:
    made["oauth_config"]["scopes"]["bot"].remove(scope)


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (lambda m: commands(m, command="deploy"), "/features/slash_commands/0/command"),
        (lambda m: commands(m, command="/Deploy"), "/features/slash_commands/0/command"),
        (lambda m: commands(m, description=""), "/features/slash_commands/0/description"),
        (lambda m: commands(m, usage_hint="x" * 1001), "/features/slash_commands/0/usage_hint"),
        (
            lambda m: m["features"]["slash_commands"].append(m["features"]["slash_commands"][0]),
            "/features/slash_commands/1/command",
        ),
        (lambda m: m["display_information"].update(name="x" * 36), "/display_information/name"),
        (lambda m: m["features"].update(shortcuts=[{"name": "x" * 25}]), "/features/shortcuts/0/name"),
        (lambda m: m.update(colour="red"), ""),
        (lambda m: without_scope(m, "commands"), "/oauth_config/scopes/bot"),
        (lambda m: without_scope(m, "im:history"), "/oauth_config/scopes/bot"),
        (lambda m: m["settings"].update(socket_mode_enabled=False), "/features/slash_commands/0"),
    ],
)
def test_a_spoilt_manifest_is_refused_at_the_right_place(spoil: Callable[[Json], None], pointer: str) -> None:
    made = default_manifest()
    spoil(made)
    assert pointer in [problem.pointer for problem in validate_manifest(made)]


def test_what_the_manifest_switches_off_does_not_work(start_slack: StartSlack) -> None:
    made = default_manifest()
    made["features"]["app_home"] = {"messages_tab_enabled": True, "messages_tab_read_only_enabled": True}
    slack = start_slack(manifest=made)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    with pytest.raises(SlackApiError) as caught:
        client.views_publish(user_id="U0ANA0001", view={"type": "home", "blocks": []})
    assert caught.value.response["error"] == "not_enabled"
    with pytest.raises(PersonError) as refused:
        slack.person("ana").say("hello", channel="bot")
    assert refused.value.code == "messages_tab_disabled"


def test_a_reload_loses_what_only_one_person_sees(start_slack: StartSlack) -> None:
    slack = start_slack()
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.chat_postEphemeral(channel="C0WEB0001", user="U0ANA0001", text="psst")
    ana = slack.person("ana")
    (shown,) = ana.ephemerals()
    ana.reload()
    assert ana.ephemerals() == []
    with pytest.raises(PersonError) as caught:
        ana.click(
            {
                **shown,
                "blocks": [{"type": "actions", "block_id": "b", "elements": [{"type": "button", "action_id": "go"}]}],
            },
            "go",
        )
    assert caught.value.code == "message_not_found"
