"""The whole bot in one process, as people meet it: the playground with short times, and what a scenario asks of it.

People act through the local Slack server; the state is read from the bot's store, the effects from the simulated world.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bot.app.live import Live
from bot.app.playground import Playground
from bot.domain.operation import FINAL, Operation, Phase
from bot.domain.refs import OperationId
from bot.playground.person import PersonAt, labels
from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer
from bot.ports.store import OperationFilter, RecordFilter, Sealed
from bot.settings import Mode
from integrations.simulated.faults import Effect
from integrations.simulated.world import SimulatedWorld

Json = dict[str, Any]
T = TypeVar("T")

PACE = 20.0
TIMINGS = "{approval-expiry: 15m, bake: 60s, deadline: 5m, canary-deadline: 24h}"
SHORT = "{approval-expiry: 15m, bake: 1s, deadline: 20s, canary-deadline: 10m}"
PATIENCE = 30.0
"""Seconds until something that has to come is given up."""


UNHURRIED = Conduct(rate_limits=False, ack_seconds=15, trigger_seconds=15)
"""What counts here is what happens: how fast Slack is answered is measured elsewhere, on a machine that does nothing else."""


def short_times(policy: str) -> str:
    assert TIMINGS in policy
    return policy.replace(TIMINGS, SHORT)


class Office:
    def __init__(self, ground: Playground, folder: Path) -> None:
        assert ground.slack is not None
        assert ground.live is not None
        assert ground.world is not None
        self.ground = ground
        self.folder = folder
        self.slack: PlaygroundServer = ground.slack
        self.live: Live = ground.live
        self.world: SimulatedWorld = ground.world
        self.ana, self.bo, self.lee, self.gus = (self.slack.person(who) for who in ("ana", "bo", "lee", "gus"))

        self.has_faults = False
        """A scenario that makes Slack refuse calls says so."""

    def arm(self, **faults: Any) -> None:
        self.has_faults = True
        self.slack.arm(**faults)

    def check(self) -> None:
        """What holds at the end of every scenario."""
        refused = [(each.name, each.request, each.response) for each in self.slack.refusals()]
        assert self.has_faults or refused == [], refused
        crashed = [each.seq for each in self.records() if each.record.outcome == "crashed"]
        assert crashed == []

    # --- what people do -----------------------------------------------------------------------

    def type(self, who: PersonAt, line: str, *, channel: str = "prod") -> None:
        """`/deploy web to prod` for the verbs with a command of their own, else `/paas ...`."""
        verb, _, rest = line.partition(" ")
        own = verb in {"deploy", "canary", "rollback", "scale", "logs", "alerts"}
        who.slash(f"/{verb}" if own else "/paas", rest if own else line, channel=channel)

    def answer(self, who: PersonAt, line: str, *, channel: str = "prod") -> Json:
        """What the person alone is shown next."""
        known = {each["ts"] for each in self.slack.ephemerals(who.id)}
        self.type(who, line, channel=channel)
        return self.next_to(who, known)

    def next_to(self, who: PersonAt, known: set[str]) -> Json:
        def look() -> Json | None:
            return next((e for e in reversed(self.slack.ephemerals(who.id)) if e["ts"] not in known), None)

        return self.slack.wait_for(look, PATIENCE)

    def plan(self, who: PersonAt, line: str, *, channel: str = "prod") -> Json:
        shown = self.answer(who, line, channel=channel)
        assert "nothing has changed yet" in shown["text"].lower(), shown["text"]
        return shown

    def start(self, who: PersonAt, line: str, *, channel: str = "prod") -> OperationId:
        """Plans it and presses the plan's first button."""
        plan = self.plan(who, line, channel=channel)
        id = self.newest().id
        who.click(plan, labels(plan)[0])
        return id

    def approve(self, who: PersonAt, id: OperationId, *, channel: str = "prod") -> None:
        who.click(self.card(id, channel=channel, says="Approval needed"), "Review and approve")
        who.submit(self.slack.wait_for(lambda: self.submittable(who), PATIENCE))

    def submittable(self, who: PersonAt) -> Json | None:
        view = who.modal()
        return view if view is not None and view.get("submit") else None

    # --- what people see ----------------------------------------------------------------------

    def card(self, id: OperationId, *, channel: str = "prod", says: str = "") -> Json:
        """The operation's card, once it says this."""

        def look() -> Json | None:
            return next((m for m in self.cards(id, channel) if says in m["text"]), None)

        try:
            return self.slack.wait_for(look, PATIENCE)
        except TimeoutError as late:
            shown = [m["text"] for m in self.slack.messages(channel)]
            raise AssertionError(f"no card of {id} says {says!r}: {shown}; {self._state(id)}") from late

    def cards(self, id: OperationId, channel: str = "prod") -> list[Json]:
        found = self.slack.messages(channel)
        return [m for m in found if _key(m) == f"operation/{id}"]

    def thread(self, card: Json) -> list[str]:
        """What stands under a message."""
        found = self.slack.messages(card["channel"], thread=card["ts"])
        return [m["text"] for m in found if m["ts"] != card["ts"]]

    def audit(self) -> str:
        return "\n".join(m["text"] for m in self.slack.messages("paas-audit"))

    # --- state and effects --------------------------------------------------------------------

    def operation(self, id: OperationId) -> Operation:
        found = self.live.bot.store.read(lambda tx: tx.operations.load(id))
        assert found is not None
        return found

    def operations(self) -> tuple[Operation, ...]:
        return self.live.bot.store.read(lambda tx: tx.operations.find(OperationFilter(limit=100)))

    def newest(self) -> Operation:
        return self.operations()[0]

    def reaches(self, id: OperationId, *phases: Phase, seconds: float = PATIENCE) -> Operation:
        def look() -> Operation | None:
            found = self.operation(id)
            return found if found.phase in phases else None

        try:
            return self.slack.wait_for(look, seconds)
        except TimeoutError as late:
            raise AssertionError(f"{id} never became {phases}: {self._state(id)}") from late

    def _state(self, id: OperationId) -> str:
        found = self.operation(id)
        return f"{found.phase} at step {found.cursor}: {found.seen} {found.why.plain() if found.why else ''}"

    def ends(self, id: OperationId, *, seconds: float = 40.0) -> Operation:
        return self.reaches(id, *FINAL, seconds=seconds)

    def records(self) -> tuple[Sealed, ...]:
        """Oldest first."""
        return tuple(reversed(self.live.bot.store.read(lambda tx: tx.records.find(RecordFilter(limit=500)))))

    def effects(self, id: OperationId) -> tuple[Effect, ...]:
        """Writes to workloads; the operation's mark on what it holds is none."""
        return tuple(effect for effect in self.world.effects_of(id) if effect.method != "stamp")

    def see(self, wanted: Callable[[], T | None]) -> T:
        return self.slack.wait_for(wanted, PATIENCE)

    def ephemeral(self, user: str, words: str) -> Json:
        return self.slack.wait_for_ephemeral(user, words, seconds=PATIENCE)

    def message(self, channel: str, words: str) -> Json:
        return self.slack.wait_for_message(channel, words, seconds=PATIENCE)

    def wait_for(self, wanted: Callable[[], object], seconds: float = PATIENCE) -> None:
        self.slack.wait_for(wanted, seconds)

    def write_policy(self, change: Callable[[str], str]) -> None:
        """The bot sees it within two seconds."""
        path = self.folder / "policy.yaml"
        path.write_text(change(path.read_text()))

    def image(self, app: str = "web", env: str = "staging") -> str:
        """Of the app's Deployment in the cluster."""
        deployment = self.world.scene("eu-1").namespace(f"{app}-{env}").deployments[app]
        return deployment.template.images[app]


def _key(message: Json) -> str:
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    return str(payload.get("key", ""))


@contextmanager
def opened(
    folder: Path,
    *,
    policy: Callable[[str], str] = str,
    conduct: Conduct | None = None,
    mode: Mode = Mode.SOCKET,
    pace: float = PACE,
) -> Iterator[Office]:
    place = folder / "bot"
    ground = Playground(
        port=0,
        kubeconfig=None,
        context="",
        cluster="",
        folder=place,
        policy=lambda words: policy(short_times(words)),
        pace=pace,
        conduct=conduct or UNHURRIED,
        mode=mode,
    )
    ground.start()
    try:
        assert ground.slack is not None
        if mode is Mode.SOCKET:
            ground.slack.wait_for_app()
        yield Office(ground, place)
    finally:
        _hang_up(ground)
        ground.stop()


def _hang_up(ground: Playground) -> None:
    """Spares the three seconds for which slack_sdk's client sits in `recv` when it is closed."""
    socket = ground.live._socket if ground.live is not None else None
    if socket is None or ground.slack is None:
        return
    socket.client.auto_reconnect_enabled = False
    ground.slack.hang_up()
    with contextlib.suppress(TimeoutError):
        ground.slack.wait_for(lambda: not socket.client.is_connected(), 2)
