"""What a load that runs on the rig sees of a canary: the share that it really gets, and that nothing is lost."""

from __future__ import annotations

from tests.kit.live import Town
from tests.rig.load import Load

REQUESTS = 2000


def measured(town: Town, load: Load) -> float:
    """The share of 2.x among the next REQUESTS answers."""
    before = load.result
    town.slack.wait_for(lambda: load.result.sent - before.sent >= REQUESTS, 90)
    after = load.result
    seen = {name: count - before.by_version.get(name, 0) for name, count in after.by_version.items()}
    return sum(count for name, count in seen.items() if name.startswith("2.")) / sum(seen.values())


def check_no_loss(load: Load, what: str) -> None:
    result = load.result
    print(f"{what}: {len(result.lost)} lost and {result.errors} errors of {result.sent}; {dict(result.by_version)}")
    assert result.lost == ()
    assert result.errors == 0, dict(result.by_status)
