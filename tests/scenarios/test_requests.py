"""The same request twice, and requests of people who may not be here: whatever Slack or somebody else delivers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.domain.operation import Phase
from bot.playground.errors import PersonError
from bot.settings import Mode
from tests.scenarios.office import Office, opened


@pytest.fixture
def http_office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path, mode=Mode.HTTP) as ready:
        yield ready
        ready.check()


def signed(office: Office, body: str, *, at: float | None = None) -> dict[str, str]:
    stamp = str(int(at or time.time()))
    signature = SignatureVerifier(office.slack.signing_secret).generate_signature(timestamp=stamp, body=body)
    assert signature is not None
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": signature,
    }


def post(office: Office, body: str, headers: dict[str, str]) -> httpx.Response:
    assert office.live.web is not None
    url = f"http://127.0.0.1:{office.live.web.port}/slack/events"
    return httpx.post(url, content=body, headers=headers, timeout=10)


def command(
    office: Office, text: str, *, user: str = "U0ANA0001", team: str = "T0PAAS001", trigger: str = "1.2.3"
) -> str:
    fields = {
        "command": "/deploy",
        "text": text,
        "user_id": user,
        "team_id": team,
        "channel_id": "C0STAGE01",
        "api_app_id": "A0PILOT01",
        "trigger_id": trigger,
        "token": "x",
    }
    return urlencode(fields)


def test_the_same_signed_bytes_again_do_nothing(http_office: Office) -> None:
    office = http_office
    body = command(office, "web@1.8.2 to staging")
    headers = signed(office, body)
    assert [post(office, body, headers).status_code for _ in range(5)] == [200] * 5
    office.wait_for(office.operations)
    assert len(office.operations()) == 1
    requests = [each for each in office.records() if each.record.kind == "request"]
    assert len(requests) == 1


def test_the_same_command_in_other_bytes_does_nothing(http_office: Office) -> None:
    office = http_office
    body = command(office, "web@1.8.2 to staging")
    now = time.time()
    assert {post(office, body, signed(office, body, at=now - n)).status_code for n in range(3)} == {200}
    office.wait_for(office.records)
    assert len([each for each in office.records() if each.record.kind == "request"]) == 1


def test_a_whole_deploy_over_signed_http(http_office: Office) -> None:
    office = http_office
    id = office.start(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    assert office.ends(id).phase is Phase.DONE
    office.card(id, channel="staging", says="Done")


def test_forged_old_and_malformed_requests_are_turned_away(http_office: Office) -> None:
    office = http_office
    body = command(office, "web@1.8.2 to staging")
    good = signed(office, body)
    assert post(office, body + "x", good).status_code == 401
    assert post(office, body, {}).status_code == 401
    assert post(office, body, signed(office, body, at=time.time() - 400)).status_code == 401
    assert post(office, body, signed(office, body, at=time.time() + 120)).status_code == 401
    assert post(office, body, {**good, "x-slack-request-timestamp": "abc"}).status_code == 401
    large = "x" * (1024 * 1024 + 1)
    assert post(office, large, signed(office, large)).status_code == 413
    assert office.operations() == ()
    assert office.records() == ()


def test_another_workspace_and_another_app_are_refused(http_office: Office) -> None:
    office = http_office
    foreign = command(office, "web@1.8.2 to staging", team="T0OTHER01")
    assert post(office, foreign, signed(office, foreign)).status_code == 200
    office.wait_for(office.records)
    assert office.records()[-1].record.outcome == "not-enrolled"
    other = body = foreign.replace("A0PILOT01", "A0OTHER01").replace("T0OTHER01", "T0PAAS001")
    assert post(office, other, signed(office, body)).status_code == 401
    assert office.operations() == ()


def test_a_delivery_that_comes_twice_is_worked_on_once(office: Office) -> None:
    office.slack.arm(duplicate_delivery=1)
    plan = office.plan(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    office.slack.arm(duplicate_delivery=1)
    id = office.newest().id
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE
    assert len(office.operations()) == 1
    assert len(office.effects(id)) == 1
    assert [each.record.kind for each in office.records()].count("denied") == 0


def test_a_click_on_a_message_that_somebody_else_forged_is_not_ours(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    card = office.card(id, says="Approval needed")
    value = next(
        element["value"] for block in card["blocks"] for element in block.get("elements", []) if "value" in element
    )
    assert id in value
    forged = json.loads(json.dumps(card).replace(value, value.replace("review", "approve")))
    assert forged != card
    before = len(office.operation(id).signals)
    office.slack.run(lambda: _replace_blocks(office, card, forged))
    office.bo.click(office.card(id), "Review and approve")
    office.ephemeral(office.bo.id, "expired")
    assert len(office.operation(id).signals) == before
    assert office.operation(id).phase is Phase.WAITING


def _replace_blocks(office: Office, card: dict[str, object], forged: dict[str, object]) -> None:
    message = office.slack.slack.workspace.channels[str(card["channel"])].messages[str(card["ts"])]
    message.blocks = forged["blocks"]  # type: ignore[assignment]


def test_who_was_deactivated_can_no_longer_do_anything(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    id = office.newest().id
    office.slack.run(lambda: office.slack.world.set_deactivated("U0ANA0001"))
    office.wait_for(lambda: office.slack.calls("user_change"))
    office.slack.run(lambda: None)
    with contextlib.suppress(PersonError):
        office.ana.click(plan, "Deploy")  # a deactivated person may have no window any more
    assert office.operation(id).phase in {Phase.DRAFT, Phase.REFUSED}
    assert not office.world.effects
