"""What doctor says of Slack: each failing check names the exact way to mend it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.app.clock import SystemClock
from bot.domain.errors import IntegrationError, Unavailable
from bot.slack.api import Api
from bot.slack.checks import Checks
from bot.slack.manifest import SCOPES
from tests.slack.stage import PROD, Stage


class Wrong(SystemClock):
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=2)


class Scoped(Api):
    """The answers of the server, with other scopes."""

    def __init__(self, stage: Stage, *scopes: str) -> None:
        super().__init__(stage.edge.line.client)
        self.scopes = scopes

    def answered(self, method, body):  # type: ignore[no-untyped-def]
        found, headers = super().answered(method, body)
        return found, {**headers, "x-oauth-scopes": ",".join(self.scopes)}


@pytest.fixture
def checks(stage: Stage) -> Checks:
    return Checks(stage.edge.line.api, SystemClock(), PROD)


def test_all_of_them_pass_in_a_workspace_that_is_set_up(checks: Checks) -> None:
    said = {name: ask() for name, ask in checks.all()}
    assert said["slack"] == "Acme, as pilothouse"
    assert said["slack scopes"] == f"{len(SCOPES)} as wanted"
    assert said["audit channel"] == "a member"
    assert said["clock"].startswith("within ")


def test_a_missing_and_a_superfluous_scope_are_named(stage: Stage) -> None:
    few, many = Scoped(stage, *SCOPES[1:]), Scoped(stage, *SCOPES, "admin")
    for api, name in ((few, SCOPES[0]), (many, "admin")):
        with pytest.raises(IntegrationError, match=name) as refused:
            Checks(api, SystemClock()).scopes()
        assert refused.value.next is not None
        assert "pilothouse manifest" in refused.value.next.plain()


def test_a_channel_without_the_bot_is_mended_by_an_invitation(stage: Stage, checks: Checks) -> None:
    stage.slack.run(lambda: stage.slack.world.remove_bot("prod"))
    with pytest.raises(IntegrationError, match="no member") as refused:
        checks.channel()
    assert refused.value.next is not None
    assert "/invite @pilothouse" in refused.value.next.plain()


def test_a_clock_that_is_wrong_is_told(stage: Stage) -> None:
    with pytest.raises(IntegrationError, match="clock is"):
        Checks(stage.edge.line.api, Wrong()).clocks()


def test_socket_mode_that_is_not_connected_is_told(stage: Stage) -> None:
    socket = stage.edge.socket(stage.edge.line.account.bot_token)
    with pytest.raises(Unavailable):
        socket.ping()
