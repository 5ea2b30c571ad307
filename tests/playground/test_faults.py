"""A Slack that misbehaves on demand: limits, errors, dead connections, lost and doubled deliveries."""

import http.client
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from bot.playground.errors import PersonError
from bot.playground.limits import RateLimits
from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer
from tests.playground.conftest import RunApp, StartSlack, new_app

Json = dict[str, Any]
WEB, ANA = "C0WEB0001", "U0ANA0001"


def client_of(slack: PlaygroundServer, **options: Any) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[], **options)


def test_a_429_names_its_wait_and_the_sdk_honours_it(slack: PlaygroundServer) -> None:
    slack.arm(rate_limited={"chat.postMessage": {"times": 1, "retry_after": 1}})
    client = WebClient(
        slack.bot_token, base_url=slack.api_url, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)]
    )
    client.chat_postMessage(channel=WEB, text="x")
    first, second = slack.calls("chat.postMessage")
    assert (first.status, second.status) == ("429", "ok")
    assert second.at - first.at >= 1
    assert len(slack.messages(WEB)) == 1


def test_a_method_over_its_published_rate_is_refused_until_the_minute_is_over() -> None:
    clock = [0.0]
    limits = RateLimits(Conduct(), lambda: clock[0])
    for _ in range(50):
        assert limits.retry_after("chat.update", 50, None) is None
        clock[0] += 0.1
    assert limits.retry_after("chat.update", 50, None) == 55
    assert limits.retry_after("views.open", 100, None) is None
    clock[0] = 60.0
    assert limits.retry_after("chat.update", 50, None) is None


def test_a_channel_takes_a_burst_and_then_one_message_a_second() -> None:
    clock = [0.0]
    limits = RateLimits(Conduct(channel_burst=3), lambda: clock[0])
    waits = [limits.retry_after("chat.postMessage", 300, "C1") for _ in range(4)]
    assert waits == [None, None, None, 1]
    assert limits.retry_after("chat.postMessage", 300, "C2") is None
    clock[0] = 1.0
    assert [limits.retry_after("chat.postMessage", 300, "C1") for _ in range(2)] == [None, 1]


def test_limits_may_be_tuned_and_switched_off() -> None:
    tight = RateLimits(Conduct(method_limits={"chat.update": 1}), lambda: 0.0)
    assert [tight.retry_after("chat.update", 50, None) for _ in range(2)] == [None, 60]
    off = RateLimits(Conduct(rate_limits=False), lambda: 0.0)
    assert {off.retry_after("chat.update", 1, None) for _ in range(100)} == {None}


def test_the_fifty_first_update_of_a_minute_is_a_429(start_slack: StartSlack) -> None:
    slack = start_slack(conduct=Conduct(channel_burst=100), now=lambda: 1_795_000_000.0)
    client = client_of(slack)
    ts = client.chat_postMessage(channel=WEB, text="x")["ts"]
    for number in range(50):
        client.chat_update(channel=WEB, ts=ts, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        client.chat_update(channel=WEB, ts=ts, text="one too many")
    assert (caught.value.response.status_code, caught.value.response.headers["retry-after"]) == (429, "60")
    assert slack.messages(WEB)[0]["text"] == "49"


def test_a_server_error_stores_nothing(slack: PlaygroundServer) -> None:
    slack.arm(server_error={"*": 1})
    with pytest.raises(SlackApiError):
        client_of(slack).chat_postMessage(channel=WEB, text="x")
    assert slack.messages(WEB) == []


@pytest.mark.parametrize(("fault", "stored"), [("reset_before", 0), ("reset_after", 1)])
def test_a_dead_connection_leaves_open_whether_it_was_stored(slack: PlaygroundServer, fault: str, stored: int) -> None:
    slack.arm(**{fault: {"chat.postMessage": 1}})
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        client_of(slack).chat_postMessage(channel=WEB, text="x")
    assert len(slack.messages(WEB)) == stored


def test_a_slow_slack_outlasts_a_short_timeout(slack: PlaygroundServer) -> None:
    slack.arm(slow={"chat.postMessage": {"times": 1, "seconds": 1.0}})
    with pytest.raises(TimeoutError):
        client_of(slack, timeout=0.2).chat_postMessage(channel=WEB, text="x")


def counting_app(slack: PlaygroundServer, seen: list[Json]) -> App:
    app = new_app(slack)

    @app.command("/paas")
    def paas(ack: Ack, body: Json) -> None:
        ack()
        seen.append(body)

    @app.event("app_mention")
    def mentioned(event: Json, body: Json, request: Any) -> None:
        seen.append({**body, "retry": request.headers.get("x-slack-retry-num")})

    @app.event("message")
    def message() -> None:
        return

    return app


def test_a_doubled_delivery_reaches_the_app_twice_alike(slack: PlaygroundServer, run_socket: RunApp) -> None:
    seen: list[Json] = []
    run_socket(slack, counting_app(slack, seen))
    slack.arm(duplicate_delivery=1)
    slack.person(ANA).slash("/paas", channel=WEB)
    slack.wait_for(lambda: len(seen) == 2)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("fault", "reached"), [("lost_ack", 1), ("lost_delivery", 0)])
def test_a_lost_command_shows_an_error_whether_or_not_it_ran(
    slack: PlaygroundServer, run_socket: RunApp, fault: str, reached: int
) -> None:
    seen: list[Json] = []
    run_socket(slack, counting_app(slack, seen))
    slack.arm(**{fault: 1})
    with pytest.raises(PersonError) as caught:
        slack.person(ANA).slash("/paas", channel=WEB)
    assert (caught.value.code, len(seen)) == ("operation_timeout", reached)


@pytest.mark.parametrize("way", ["run_socket", "run_http"])
def test_an_event_that_nobody_acknowledged_comes_again_with_the_same_id(
    start_slack: StartSlack, request: pytest.FixtureRequest, way: str
) -> None:
    seen: list[Json] = []
    slack = start_slack(conduct=Conduct(event_retry_seconds=(0.0, 0.05)))
    request.getfixturevalue(way)(slack, counting_app(slack, seen))
    slack.run(lambda: slack.slack.manifest.events)
    slack.arm(lost_ack=2)
    slack.person(ANA).mention(WEB, "status")
    slack.wait_for(lambda: len(slack.calls("app_mention")) == 2 and len(seen) == 2)
    assert seen[0]["event_id"] == seen[1]["event_id"]
    assert seen[1]["retry"] in ("1", ["1"])


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
def test_the_app_comes_back_after_a_disconnect(slack: PlaygroundServer, run_socket: RunApp, reason: str) -> None:
    seen: list[Json] = []
    run_socket(slack, counting_app(slack, seen))
    slack.disconnect(reason)
    slack.wait_for(lambda: len(slack.calls("apps.connections.open")) > 1)
    slack.wait_for_app()

    def typed() -> bool:
        # The SDK reads nothing for up to three seconds while it closes the old connection: a person would type again, too.
        try:
            slack.person(ANA).slash("/paas", channel=WEB)
        except PersonError:
            return False
        return True

    slack.wait_for(typed, seconds=10)
    assert seen


def test_without_a_connection_a_command_fails(slack: PlaygroundServer) -> None:
    with pytest.raises(PersonError) as caught:
        slack.person(ANA).slash("/paas", channel=WEB)
    assert caught.value.code == "dispatch_failed"


def test_what_people_may_not_do(slack: PlaygroundServer) -> None:
    ana = slack.person(ANA)
    root = ana.say("hello", channel=WEB)

    def code(act: Any) -> str:
        with pytest.raises(PersonError) as caught:
            act()
        return caught.value.code

    assert code(lambda: ana.slash("/paas", channel=WEB, thread_ts=root)) == "not_supported_in_thread"
    assert code(lambda: ana.slash("/unknown", channel=WEB)) == "unknown_command"
    assert code(lambda: slack.person("gus").slash("/paas", channel="prod")) == "not_in_channel"
    assert code(lambda: slack.person("bo").edit("x", channel=WEB, ts=root)) == "not_yours"
    slack.run(lambda: slack.world.archive("team-web"))
    assert code(lambda: ana.say("x", channel=WEB)) == "is_archived"
    slack.run(lambda: slack.world.set_deactivated(ANA))
    assert code(lambda: ana.say("x", channel="prod")) == "user_deactivated"


def test_unknown_switches_are_refused(slack: PlaygroundServer) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        slack.arm(gremlins=3)
