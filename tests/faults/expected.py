"""What is to happen while a dependency is down, slow or wrong: the table of docs/reliability.md, as values.

Only what is expected; tests/faults/test_dependencies.py makes it happen and compares, tests/faults/tables.py writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.faults.ways import How


class Change(StrEnum):
    REFUSED = "refused"
    """Nothing is written, then or later."""
    DONE = "done"
    """It is not needed: carried out once while it is away."""
    LATER = "paused, done later"
    """Agreed to and kept; carried out once when it is back."""


class Alert(StrEnum):
    SHOWN = "shown"
    """At once."""
    LATER = "kept, shown later"
    """Acknowledged to Alertmanager and stored."""
    AGAIN = "not taken, sent again"
    """Refused to Alertmanager, which keeps it and repeats; shown then."""


@dataclass(frozen=True, slots=True)
class Cell:
    dependency: str
    how: How
    meaning: str
    """What is the matter."""
    change: Change
    told: str
    """What whoever asks for the change is told; part of it."""
    read: str
    """What whoever reads is told; part of it."""
    alert: Alert


@dataclass(frozen=True, slots=True)
class Asked:
    """Of one dependency: the change and the read that need it, where there are any."""

    change: str = "scale web 5 to prod"
    read: str = "status web in prod"


ASKED = {
    "registry": Asked("deploy web@1.2.0 to prod", "history web in prod"),
    "elasticsearch": Asked(read="logs web in prod"),
    "prometheus": Asked(read="doctor"),
    "alertmanager": Asked("silence HighErrorRate web in prod reason=known", "alerts in prod"),
    "checkpoints": Asked(read="doctor"),
}

PLAN, READY = "Nothing has changed yet", "pods ready. Version: 1a468a65f81c"
UNRECORDED = "I cannot record anything at the moment, so I did nothing"
NO_POLICY = "The policy cannot be used, so nobody may do anything"
CLOCK = "Nothing is changed while a clock is off"
NO_ALERTMANAGER = "What Alertmanager answered cannot be read"

CELLS = (
    Cell("database", How.DOWN, "connections are reset", Change.REFUSED, UNRECORDED, UNRECORDED, Alert.AGAIN),
    Cell("database", How.SLOW, "no answer comes", Change.REFUSED, UNRECORDED, UNRECORDED, Alert.AGAIN),
    Cell("database", How.WRONG, "it takes no writes", Change.REFUSED, UNRECORDED, UNRECORDED, Alert.AGAIN),
    Cell("slack", How.DOWN, "connections are reset", Change.REFUSED, "nothing", "nothing", Alert.LATER),
    Cell(
        "slack",
        How.SLOW,
        "no answer comes",
        Change.REFUSED,
        "Slack did not answer users.info",
        "Slack did not answer users.info",
        Alert.LATER,
    ),
    Cell("slack", How.WRONG, "something else answers", Change.REFUSED, "nothing", "nothing", Alert.LATER),
    Cell(
        "ingress",
        How.DOWN,
        "Slack does not reach us",
        Change.REFUSED,
        "dispatch_failed",
        "dispatch_failed",
        Alert.SHOWN,
    ),
    Cell("ingress", How.SLOW, "our answers reach Slack late", Change.DONE, PLAN, READY, Alert.SHOWN),
    Cell(
        "ingress",
        How.WRONG,
        "Slack reaches something else",
        Change.REFUSED,
        "Please sign in",
        "Please sign in",
        Alert.SHOWN,
    ),
    *(
        Cell(
            "kubernetes",
            how,
            meaning,
            Change.REFUSED,
            words,
            words,
            Alert.SHOWN,
        )
        for how, meaning, words in (
            (How.DOWN, "connections are reset", "Cluster one does not answer"),
            (How.SLOW, "no answer comes", "no answer within the time allowed"),
            (How.WRONG, "something else answers", "Cluster one gives answers that are not Kubernetes'"),
        )
    ),
    *(
        Cell("registry", how, meaning, Change.REFUSED, words, "History: web on prod", Alert.SHOWN)
        for how, meaning, words in (
            (How.DOWN, "connections are reset", "The registry registry.test cannot be reached"),
            (How.SLOW, "no answer comes", "The registry registry.test did not answer in time"),
            (How.WRONG, "something else answers", "The registry's answer about registry.test/web:1.2.0 cannot be read"),
        )
    ),
    *(
        Cell("elasticsearch", how, meaning, Change.DONE, PLAN, words, Alert.SHOWN)
        for how, meaning, words in (
            (How.DOWN, "connections are reset", "Not the whole answer: Elasticsearch cannot be reached"),
            (How.SLOW, "no answer comes", "Not the whole answer: Elasticsearch did not answer in time"),
            (How.WRONG, "something else answers", "What answers at its address is not Elasticsearch"),
        )
    ),
    *(
        Cell("prometheus", how, meaning, Change.DONE, PLAN, words, Alert.SHOWN)
        for how, meaning, words in (
            (How.DOWN, "connections are reset", "metrics: Prometheus cannot be reached"),
            (How.SLOW, "no answer comes", "metrics: Prometheus"),
            (How.WRONG, "something else answers", "metrics: What Prometheus answered cannot be read"),
        )
    ),
    *(
        Cell("alertmanager", how, meaning, Change.REFUSED, words, words, Alert.SHOWN)
        for how, meaning, words in (
            (How.DOWN, "connections are reset", "Alertmanager cannot be reached"),
            (How.SLOW, "no answer comes", "Alertmanager did not answer in time"),
            (How.WRONG, "something else answers", NO_ALERTMANAGER),
        )
    ),
    Cell("audit", How.DOWN, "audit.jsonl is on a full disk", Change.DONE, PLAN, READY, Alert.SHOWN),
    Cell("audit", How.SLOW, "writing audit.jsonl hangs", Change.DONE, PLAN, READY, Alert.SHOWN),
    Cell("audit", How.WRONG, "the bot is no member of the audit channel", Change.DONE, PLAN, READY, Alert.SHOWN),
    Cell(
        "checkpoints",
        How.DOWN,
        "nothing can be put there",
        Change.DONE,
        PLAN,
        "No checkpoint has reached vault",
        Alert.SHOWN,
    ),
    Cell(
        "checkpoints",
        How.SLOW,
        "putting something there hangs",
        Change.DONE,
        PLAN,
        "No checkpoint has reached vault",
        Alert.SHOWN,
    ),
    Cell(
        "checkpoints",
        How.WRONG,
        "it has seen more than the database has",
        Change.REFUSED,
        "The database is read-only until a keeper runs",
        "audit: A checkpoint of",
        Alert.LATER,
    ),
    *(
        Cell("policy", how, meaning, Change.REFUSED, words, words, Alert.SHOWN)
        for how, meaning, words in (
            (How.DOWN, "the file is gone", NO_POLICY),
            (How.SLOW, "half of the file is written", NO_POLICY),
            (How.WRONG, "it is no policy", NO_POLICY),
        )
    ),
    Cell(
        "clock",
        How.DOWN,
        "it is put back by an hour",
        Change.REFUSED,
        "dispatch_failed",
        "dispatch_failed",
        Alert.SHOWN,
    ),
    Cell("clock", How.SLOW, "it has stood still for 20 s", Change.REFUSED, CLOCK, READY, Alert.SHOWN),
    Cell(
        "clock",
        How.WRONG,
        "it is put forward by an hour",
        Change.REFUSED,
        "dispatch_failed",
        "dispatch_failed",
        Alert.SHOWN,
    ),
)
