"""A cell's history against a simple model: done exactly once at its target, or not at all and explained; recorded first.

Reads what the target counted, the database and what Slack shows. Knows nothing of how the bot works inside.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bot.app.clock import SystemClock
from bot.audit.checkpoint import Keys
from bot.audit.verify import verify
from integrations.database.store import open_store
from tests.faults.cells import Cell, Fault
from tests.faults.kubernetes_server import collection, digest_of
from tests.faults.stage import CHANNEL, Stage

STATE_WORDS = {
    "done": ("done",),
    "undone": ("rolled back", "stopped:"),
    "refused": ("stopped before",),
    "expired": ("expired",),
}
OPENED_WITH = {"request", "attempt"}


@dataclass
class Outcome:
    cell: str
    problems: list[str]
    fired: bool
    phase: str
    effects: int
    seconds: float
    recovered: float | None = None
    hit: int = 1
    lost: str = ""
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def judge(cell: Cell, stage: Stage, codes: list[int], *, recovered: float | None = None) -> Outcome:
    problems: list[str] = []
    writes = stage.writes()
    operations = stage.database.rows("SELECT id, kind, phase, final, body FROM operations ORDER BY number")
    done = [row for row in operations if row[2] != "draft" and not _was_never_asked(stage, row[0])]
    phase = done[0][2] if len(done) == 1 else ",".join(row[2] for row in done)
    if len(done) != 1:
        problems.append(f"{len(done)} operations were asked for: {[row[:3] for row in operations]}")
    for id, _, state, final, _ in done:
        if not final:
            problems.append(f"{id} did not end: {state}")
        problems += _effects(cell, id, state, writes)
        problems += _builds(cell, stage, id, state)
        problems += _records(stage, id, writes, has_votes=cell.kind.has_votes)
    problems += _strangers(done, writes)
    problems += _target(cell, stage, phase)
    problems += _left_over(stage)
    problems += _chain(stage)
    problems += _cards(stage, done)
    problems += [f"a bot ended with {code} at SIGTERM" for code in codes if code != 0]
    is_fired = cell.fault is Fault.LOST or stage.latch.exists()
    return Outcome(
        cell=cell.name,
        problems=problems,
        fired=is_fired,
        phase=phase,
        effects=sum(write["is_effect"] for write in writes),
        seconds=round(stage.history.events[-1]["t"], 1),
        recovered=recovered,
        hit=cell.hit,
        lost=cell.lost if cell.fault is Fault.LOST else "",
    )


def _was_never_asked(stage: Stage, id: str) -> bool:
    return not stage.database.rows(f"SELECT 1 FROM signals WHERE op = '{id}' AND kind = 'ask'")


def _short(write: dict[str, Any]) -> str:
    return f"{write['verb']} {'/'.join(write['path'].split('/')[-2:])}"


def _effects(cell: Cell, id: str, phase: str, writes: list[dict[str, Any]]) -> list[str]:
    """Exactly once, or not at all; what was undone is undone in pairs."""
    mine = [write for write in writes if write["is_effect"] and write["operation"] == id]
    problems = []
    seen = Counter((write["step"], _short(write)) for write in mine)
    problems += [f"{what} of step {step} was applied {n} times" for (step, what), n in seen.items() if n > 1]
    found = tuple(_short(write) for write in mine)
    if phase == cell.kind.outcome and sorted(found) != sorted(cell.kind.effects):
        problems.append(f"{phase} with {found} instead of {cell.kind.effects}")
    if phase in {"refused", "expired", "denied", "withdrawn"} and found:
        problems.append(f"{phase}, and yet {found}")
    by_object: dict[str, list[int]] = {}
    for write in writes:
        # What is deleted still bears the mark that it had.
        if write["operation"] == id and write["verb"] != "DELETE":
            by_object.setdefault(write["path"], []).append(write["fence"])
    problems += [
        f"fences of {path} went back: {fences}" for path, fences in by_object.items() if fences != sorted(fences)
    ]
    # Whether a build was started may be what nobody can know: then a person ends it, and it is explained.
    allowed = {cell.kind.outcome, "refused", *(("undone",) if cell.kind.builds else ())}
    if phase not in allowed and phase in {"done", "undone", "stuck", "closed"}:
        problems.append(f"it ended {phase}, and nothing was wrong with its target")
    return problems


def _builds(cell: Cell, stage: Stage, id: str, phase: str) -> list[str]:
    """Started once where it is done, at most once where a person ended it, and after its intent."""
    starts = stage.starts()
    problems = [f"a build of nobody: {each['operation']}" for each in starts if each["operation"] != id]
    if len(starts) > 1 or (phase == "done" and len(starts) != cell.kind.builds):
        problems.append(f"{phase}, and {len(starts)} builds were started")
    intents = stage.database.rows(f"SELECT at FROM audit WHERE op = '{id}' AND kind = 'intent'")
    early = [each for each in starts if not intents or each["at"] * 1_000_000 < intents[0][0]]
    return [*problems, *(f"build {each['number']} was started before the intent" for each in early)]


def _strangers(done: list[tuple[Any, ...]], writes: list[dict[str, Any]]) -> list[str]:
    known = {row[0] for row in done}
    return [f"a write of nobody: {_short(w)} by {w['operation']}" for w in writes if w["operation"] not in known]


def _records(stage: Stage, id: str, writes: list[dict[str, Any]], *, has_votes: bool) -> list[str]:
    """Request, votes, intent, effects, outcome: in this order, one intent, one outcome."""
    rows = stage.database.rows(f"SELECT kind, at, outcome, body FROM audit WHERE op = '{id}' ORDER BY id")
    kinds = [row[0] for row in rows]
    problems = []
    if kinds.count("outcome") != 1:
        problems.append(f"{kinds.count('outcome')} outcomes are recorded for {id}")
    mine = [write for write in writes if write["operation"] == id]
    has_begun = bool(mine) or "intent" in kinds
    if has_begun and kinds.count("intent") != 1:
        problems.append(f"{kinds.count('intent')} intents are recorded for {id}")
    if not has_begun or "intent" not in kinds:
        return problems
    intent = kinds.index("intent")
    if not OPENED_WITH & set(kinds[:intent]) or (has_votes and "vote" not in kinds[:intent]):
        problems.append(f"the intent of {id} came before request and vote: {kinds}")
    early = [write for write in mine if write["at"] * 1_000_000 < rows[intent][1]]
    problems += [f"{_short(write)} came before the intent" for write in early]
    last = [write for write in mine if "outcome" in kinds and write["at"] * 1_000_000 > rows[kinds.index("outcome")][1]]
    problems += [f"{_short(write)} came after the outcome" for write in last]
    details = json.loads(rows[intent][3])
    if has_votes and "bo" not in json.dumps(details):
        problems.append(f"the intent of {id} names no approver: {details}")
    return problems


def _target(cell: Cell, stage: Stage, phase: str) -> list[str]:
    """The state of the cluster that the outcome promises."""
    deployments = stage.objects(collection("deployments"))
    web = deployments["web"]["spec"]
    image = web["template"]["spec"]["containers"][0]["image"]
    is_new = phase == "done"
    tag = (
        {"deploy": "1.2.0", "promote": "1.2.0", "rollback": "1.0.0"}.get(cell.kind.name, "1.1.0") if is_new else "1.1.0"
    )
    problems = []
    if not image.endswith(digest_of(tag)):
        problems.append(f"{phase}, but web runs {image}")
    if web["replicas"] != (5 if is_new and cell.kind.name == "scale" else 3):
        problems.append(f"{phase}, but web has {web['replicas']} pods")
    if "web-canary" in deployments:
        problems.append("the canary is still there")
    bounds = stage.objects(collection("horizontalpodautoscalers"))["sized"]["spec"]
    if bounds["maxReplicas"] != (8 if is_new and cell.kind.name == "autoscale" else 6):
        problems.append(f"{phase}, but the autoscaler goes to {bounds['maxReplicas']}")
    locks = stage.database.rows("SELECT app, env FROM locks")
    if bool(locks) != (is_new and cell.kind.name == "lock"):
        problems.append(f"{phase}, and the locks are {locks}")
    return problems


def _left_over(stage: Stage) -> list[str]:
    held = stage.database.rows("SELECT key, holder FROM holds WHERE holder IS NOT NULL")
    unsealed = stage.database.rows("SELECT id FROM audit_pending")
    unsent = stage.database.rows("SELECT key FROM messages WHERE sent_rev < rev")
    problems = [f"{key} is still held by {holder}" for key, holder in held]
    if unsealed:
        problems.append(f"{len(unsealed)} records are not sealed")
    if unsent:
        problems.append(f"not sent: {[row[0] for row in unsent]}")
    return problems


def _chain(stage: Stage) -> list[str]:
    store = open_store(stage.database.url, clock=SystemClock())
    try:
        verdict = verify(store, sinks=(), keys=Keys((stage.signer.public,)))
    finally:
        store.close()
    return [] if verdict.is_intact else [f"the record is not intact: {[words.plain() for words in verdict.words]}"]


def _cards(stage: Stage, done: list[tuple[Any, ...]]) -> list[str]:
    """One card an operation, which says how it ended; each line of its thread once."""
    messages = stage.slack.messages(CHANNEL)
    keys = Counter(((m.get("metadata") or {}).get("event_payload") or {}).get("key", "") for m in messages)
    problems = [f"{key} stands {n} times in Slack" for key, n in keys.items() if key and n > 1]
    for id, _, phase, _, _ in done:
        card = next((m for m in messages if _key(m) == f"operation/{id}"), None)
        if card is None:
            problems.append(f"{id} has no card")
        elif not any(words in card["text"].lower() for words in STATE_WORDS.get(phase, ("",))):
            problems.append(f"{id} is {phase}, its card says {card['text'][:60]!r}")
    return problems


def _key(message: dict[str, Any]) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
