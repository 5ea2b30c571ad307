"""The six commands, and restart, over Socket Mode: one app through all of them on the real node."""

from __future__ import annotations

from bot.domain.refs import OperationId
from tests.kit.live import Json, Town
from tests.rig.load import Load, send
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp


def test_one_app_through_all_commands(rig: Rig, town_over_socket: Town) -> None:
    town = town_over_socket
    old = rig.push_image("web", "1.0")
    new = rig.push_image("web", "2.0")
    url = town.deploy(SampleApp("web", image("web", "1.0"), replicas=1, min_ready_seconds=1))
    with Load(url, rate=20) as load:
        ids = [
            does(town, "deploy web@2.0 to staging", "Deploy", "Done: web 2.0 is live on staging"),
            does(town, "restart web to staging", "Restart", "Done: web on staging was restarted"),
            does(town, "scale web 2 to staging", "Scale", "Done: web on staging has 2 pods"),
        ]
        assert town.image("web") == new
        canary = town.asks("ana", "canary web@1.0 33 to staging", "Start the canary")
        card = town.slack.wait_for(lambda: holding(town, canary), 90)
        assert send(url, total=60).share("1.0") > 0
        town.slack.person("ana").click(card, "Abort")
        assert town.ended(canary)["text"].startswith("Rolled back: canary of web 1.0 on staging")
        ids += [canary, does(town, "rollback web to staging", "Roll back now", "Done: web on staging is on 1.0 again")]
    assert load.result.lost == ()
    assert town.image("web") == old
    rig.elasticsearch.wait_for_lines(namespace=town.staging.name, text="request", at_least=10)
    assert "From Elasticsearch" in town.answer("ana", "logs web request in staging", "Logs: web on staging")["text"]
    town.answer("ana", "alerts in staging", "Nothing fires")
    for id in ids:
        town.check_who_wrote(id, "ana@example.com")
        assert town.audited("Outcome", id)
    assert town.slack.calls("/deploy")
    assert town.slack.refusals() == []


def does(town: Town, line: str, button: str, outcome: str) -> OperationId:
    id = town.asks("ana", line, button)
    ended = town.ended(id)["text"]
    assert ended.startswith(outcome), ended
    town.settled("web")
    return id


def holding(town: Town, id: OperationId) -> Json | None:
    card = town.shown(id)
    return card if card is not None and "(1 of 3 pods)" in card["text"] else None
