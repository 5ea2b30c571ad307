"""kill -9 around every write, on the real Kubernetes: what its API server says was written for the operation.

The points are those of docs/reliability.md: intent recorded, step stored as being sent, applied with the reply unseen, step
stored as done, last step seen done. `@3`: at the third step.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.kit.killed import to_be_killed
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp

DEPLOY = ("deploy web@2.0 to staging", {"patch deployments/web": 1})
SCALE = ("scale web 3 to staging", {"patch deployments/web": 1})
CANARY = (
    "canary web@2.0 50 to staging",
    {
        "patch deployments/web": 2,
        "patch services/web": 1,
        "create deployments/web-canary": 1,
        "delete deployments/web-canary": 1,
    },
)


@pytest.mark.parametrize(
    ("point", "asked"),
    [
        *((point, DEPLOY) for point in ("CP9", "CP10", "CP11", "CP12", "CP13")),
        *((point, SCALE) for point in ("CP10", "CP11")),
        *((point, CANARY) for point in ("CP9", "CP11@3", "CP10@5", "CP11@8", "CP12@3", "CP13")),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0].partition(" ")[0],
)
def test_the_api_server_saw_each_write_of_the_plan_once(
    point: str, asked: tuple[str, dict[str, int]], rig: Rig, tmp_path: Path
) -> None:
    line, promised = asked
    rig.push_image("web", "1.0")
    rig.push_image("web", "2.0")
    name, _, hit = point.partition("@")
    with to_be_killed(rig, tmp_path) as bot:
        bot.staging.deploy(SampleApp("web", image("web", "1.0"), replicas=2, min_ready_seconds=1))
        bot.start(f"{name}=exit@{hit or 1}")
        id = bot.plans(line)
        bot.says(f"ask {id}")
        if line.startswith("canary"):
            bot.promotes_or_is_killed(id)
        bot.waits_for_the_kill()
        bot.start()
        if line.startswith("canary"):
            bot.promotes(id)
        assert bot.ends(id) == "done"
        bot.stop()
        assert bot.effects(id) == Counter(promised)
        assert {event.extra.get("pilothouse.io/operation") for event in bot.writes()} == {(id,)}
        kinds = bot.kinds_of_records(id)
        assert (kinds.count("intent"), kinds.count("outcome")) == (1, 1)
        assert kinds.index("intent") < kinds.index("outcome")
