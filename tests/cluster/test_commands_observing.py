"""Logs from Elasticsearch, and an alert that Prometheus fires: what the person is shown of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.settings import Elasticsearch
from tests.kit.live import ALERTS, Json, Town, running
from tests.rig.load import Load, send
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp
from tests.rig.waiting import until


def serve(rig: Rig, town: Town) -> str:
    rig.push_image("web", "1.0")
    return town.deploy(SampleApp("web", image("web", "1.0"), min_ready_seconds=1))


def test_logs_bring_back_the_lines_that_the_pods_wrote(rig: Rig, town: Town) -> None:
    url = serve(rig, town)
    send(url, total=40)
    lines = rig.elasticsearch.wait_for_lines(namespace=town.staging.name, text="request", at_least=41)
    shown = town.answer("ana", "logs web request in staging", "Logs: web on staging")
    assert f"{len(lines)} lines" in shown["text"], shown["text"]
    newest = str(shown["blocks"])
    assert {line.pod.rpartition("-")[2] for line in lines[-5:]} >= {
        word for line in lines for word in [line.pod.rpartition("-")[2]] if word in newest
    }
    assert "request" in newest
    assert "Elasticsearch" in shown["text"]
    assert town.slack.refusals() == []


WITHOUT: Mapping[str, Elasticsearch] = {
    "one that does not answer": Elasticsearch(url="http://127.0.0.1:9"),
    "none at all": Elasticsearch(),
}


@pytest.mark.parametrize("how", WITHOUT)
def test_without_elasticsearch_the_lines_come_from_the_pods_and_what_is_missing_is_said(
    rig: Rig, tmp_path: Path, how: str
) -> None:
    with running(rig, tmp_path, change={"elasticsearch": WITHOUT[how]}) as town:
        url = serve(rig, town)
        send(url, total=10)
        shown = town.answer("ana", "logs web request in staging", "From pod logs")
        assert "11 lines" in shown["text"], shown["text"]
        assert "Only what running pods still have" in shown["text"]
        assert ("Elasticsearch cannot be reached" in shown["text"]) == (WITHOUT[how].url is not None)
        checked = town.answer("bo", "doctor", "Doctor")
        assert ("*logs:* " in str(checked["blocks"])) == (WITHOUT[how].url is not None)
        assert town.slack.refusals() == []


def test_an_alert_reaches_its_thread_with_logs_and_is_resolved_by_rolling_back(rig: Rig, town: Town) -> None:
    url = serve(rig, town)
    rig.push_image("web", "2.0", ERROR_RATE="0.5")
    with Load(url, rate=30):
        id = town.asks("ana", "deploy web@2.0 to staging", "Deploy")
        deployed = town.card(id, "Done")
        until("the alert to fire in Prometheus", lambda: firing(rig, town), seconds=90)
        card = town.slack.wait_for(lambda: alert_card(town, "Firing"), 60)
        assert card["text"].startswith("Firing: HighErrorRate"), card["text"]
        assert "web on staging" in card["text"]
        assert "deploy web 2.0 to staging" in card["text"]
        assert id in card["text"]
        logs = town.slack.wait_for(lambda: next((w for w in town.thread(card) if w.startswith("Logs")), None), 60)
        assert "lines" in logs, logs
        assert [words for words in town.thread(card) if words.startswith("Metrics")]
        [why] = [words for words in town.thread(card) if words.startswith("Why")]
        assert "fires above 0.05" in why
        assert f"({id}): suspect" in why
        listed = town.answer("bo", "alerts in staging", "HighErrorRate")
        assert "web on staging" in listed["text"]

        linked = town.slack.wait_for(lambda: next((w for w in town.thread(deployed) if "HighErrorRate" in w), None), 30)
        assert "likely cause" in linked
        back = town.goes("ana", card, "Roll back to 1.0")
        assert town.ended(back)["text"].startswith("Done: web on staging is on 1.0 again")
        over = town.slack.wait_for(lambda: alert_card(town, "Resolved"), 120)
    assert over["ts"] == card["ts"]
    assert not firing(rig, town)
    town.answer("bo", "alerts in staging", "Nothing fires")
    kinds = [sealed.record.outcome for sealed in town.recorded(kind="alert")]
    assert kinds == ["firing", "resolved"]
    assert town.slack.refusals() == []


def firing(rig: Rig, town: Town) -> bool:
    query = f'ALERTS{{alertname="HighErrorRate", alertstate="firing", namespace="{town.staging.name}"}}'
    return bool(rig.prometheus.query(query))


def alert_card(town: Town, state: str) -> Json | None:
    return next((each for each in town.slack.messages(ALERTS) if each["text"].startswith(state)), None)
