"""Plans and replies to their stored JSON and back. The canonical JSON of holds and steps is what people approve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from bot.domain import analysis as verdicts
from bot.domain import refs, reply
from bot.domain.codec import Codec, Json, canonical, digest
from bot.domain.operation import Progress, Standing
from bot.domain.progressive import Program, StepList
from bot.domain.refs import PlanHash
from bot.domain.templates import Template
from bot.ports.observing import Level, Scope
from bot.ports.store import Proof
from bot.ports.traffic import Match, MatchKind, Route
from bot.steps import analysis, build, canary, following, progressive, records, rollout, scaling, takeover, weights
from bot.steps.step import Face, Plan, Planned

STEPS: tuple[type, ...] = (
    rollout.ReplaceTemplate,
    rollout.Bake,
    rollout.Restart,
    scaling.SetReplicas,
    scaling.SetBounds,
    canary.CreateCanary,
    canary.ScaleCanary,
    canary.SwitchSelector,
    canary.DeleteCanary,
    takeover.TakeOver,
    takeover.ResizeCanary,
    weights.CreateCanaryService,
    weights.DeleteCanaryService,
    weights.DrainCanary,
    weights.SetWeight,
    weights.ReturnTraffic,
    weights.Settle,
    weights.HoldScaleDown,
    analysis.Analyse,
    progressive.PutProgram,
    progressive.ReachStop,
    progressive.HoldStop,
    progressive.BakeStop,
    progressive.PassStop,
    rollout.CreateConfig,
    records.RecordRelease,
    records.JudgeRelease,
    records.SetProof,
    records.PutLock,
    records.DropLock,
    records.AskPerson,
    records.Acknowledge,
    records.SetDefaults,
    records.Silence,
    build.StartBuild,
    build.AwaitBuild,
    build.StopBuild,
    following.FollowLogs,
)

_REPLY: tuple[type, ...] = (
    reply.Text,
    reply.Group,
    reply.Channel,
    reply.Link,
    refs.Principal,
    reply.Style,
    reply.Opens,
    reply.Confirm,
    reply.Button,
    reply.Paragraph,
    reply.Note,
    reply.Quote,
    reply.Risks,
    reply.Fact,
    reply.Facts,
    reply.Bar,
    reply.Histogram,
    reply.Table,
    reply.Code,
    reply.Series,
    reply.Chart,
    reply.Buttons,
    reply.Heading,
    reply.Reply,
    Progress,
    Standing,
    verdicts.Verdict,
    verdicts.Outcome,
)

_CODEC = Codec(
    (
        *_REPLY,
        *STEPS,
        Face,
        Planned,
        Template,
        Program,
        StepList,
        refs.ObjectRef,
        Route,
        Match,
        MatchKind,
        Proof,
        Scope,
        Level,
        verdicts.Criterion,
        verdicts.AppMeasure,
    )
)

_KEPT = 1024
"""Plans read last, of as many operations as one replica has in flight: every tick reads its own anew, letter for letter
the same, and what comes of it cannot be changed."""


def dump(value: object) -> str:
    """Canonical JSON of a Reply, a Face, a Text, a Progress."""
    return canonical(_CODEC.dump(value))


def load_reply(stored: str) -> reply.Reply:
    loaded = _CODEC.load(json.loads(stored))
    assert isinstance(loaded, reply.Reply)
    return loaded


@lru_cache(maxsize=_KEPT)
def load_face(stored: str) -> Face:
    loaded = _CODEC.load(json.loads(stored))
    assert isinstance(loaded, Face)
    return loaded


def binding(plan: Plan) -> Json:
    """What is hashed: everything that runs, and nothing that only describes it."""
    return {"holds": list(plan.holds), "steps": [_CODEC.dump(step) for step in plan.steps]}


def dump_plan(plan: Plan) -> str:
    return canonical(binding(plan))


def hash_plan(plan: Plan) -> PlanHash:
    return PlanHash(digest(binding(plan)))


@lru_cache(maxsize=_KEPT)
def load_steps(stored: str) -> tuple[Planned, ...]:
    """Raises UnknownKind for a step that a newer version wrote: its operation waits for that version."""
    raw: Mapping[str, Json] = json.loads(stored)
    steps = _CODEC.load(raw["steps"])
    assert isinstance(steps, tuple)
    return steps
