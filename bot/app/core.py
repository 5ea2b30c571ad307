"""The middle of the bot, put together once for every way in: road, desk, engine, alerts. Knows no edge and no vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.alerts.card import draw as draw_alert
from bot.alerts.card import read as read_alert
from bot.alerts.threads import AlertDesk, redraw
from bot.app.worlds import Parts, Worlds
from bot.domain.clock import Clock
from bot.domain.errors import PolicyBroken, UserError
from bot.domain.operation import Place
from bot.domain.refs import AUTO, EnvName, OperationId, Principal
from bot.domain.reply import Reply
from bot.operations.book import StoredBook, StoredTrail
from bot.operations.card import card
from bot.operations.desk import Desk
from bot.operations.engine import Engine
from bot.operations.gate import Gate
from bot.operations.request_card import preview
from bot.operations.worker import Worker
from bot.policy.judge import Judge
from bot.ports.apps import App
from bot.ports.clusters import ClusterReads
from bot.ports.people import Identity, People
from bot.ports.store import OperationFilter, Store
from bot.ports.world import Check, HelpLine, Verdict
from bot.road.answers import Answer, answer
from bot.road.catalogue import Catalogue
from bot.road.directory import AppDirectory, Site
from bot.road.errands import errand
from bot.road.planner import Replanner
from bot.road.request import Answered, Origin, Request
from bot.road.road import Road
from bot.steps.suspects import SHOWN
from commands.catalogue import CATALOGUE
from commands.rollback import COMMAND as ROLLBACK
from commands.self import report

ALERTS = Identity("internal", "", "alerts")


@dataclass(frozen=True, slots=True)
class Core:
    store: Store
    catalogue: Catalogue
    apps: AppDirectory
    road: Road
    engine: Engine
    worker: Worker
    alerts: AlertDesk
    judge: Callable[[], Judge]
    cluster: Callable[[str], ClusterReads]

    def walk(self, request: Request) -> Answer:
        return answer(self.road.walk(request), preview, request.place)

    def draw(self, subject: str) -> Reply | None:
        """A card by its outbox subject; None where what it shows is gone."""
        kind, _, key = subject.partition("/")
        if kind == "operation":
            operation = StoredBook(self.store).operation(OperationId(key))
            return card(operation) if operation else None
        thread = self.store.read(lambda tx: tx.alerts.of_card(subject))
        if thread is None:
            return None
        state = read_alert(thread)
        recent = OperationFilter(app=state.app, env=state.env, kinds=SHOWN)
        return draw_alert(thread, StoredBook(self.store).operations(recent) if state.app else ())


def build(
    *,
    store: Store,
    parts: Parts,
    sites: Mapping[EnvName, tuple[Site, ...]],
    people: People,
    judge: Callable[[], Judge],
    clock: Clock,
    verifier: Callable[[], Verdict],
    checks: Callable[[], tuple[Check, ...]],
    app_label: str = "app.kubernetes.io/name",
    app_channels: Mapping[str, str] | None = None,
    alerts_channel: str = "",
    hindrance: Callable[[], UserError | None] = lambda: None,
) -> Core:
    catalogue = Catalogue(CATALOGUE)
    apps = AppDirectory(sites, parts.reads, clock, label=app_label, channels=app_channels)
    worlds = Worlds(
        store=store,
        parts=parts,
        apps=apps,
        judge=judge,
        trail=StoredTrail(store, verifier),
        help=lambda found, asker: _help(catalogue, found, asker),
        checks=checks,
        errand=lambda found, whom, line: errand(catalogue, apps, found, whom, line),
        people=people,
    )
    gate = Gate(judge=judge, people=people, apps=apps, planner=Replanner(catalogue))
    engine = Engine(store=store, gate=gate, world=worlds.world_of, hands=worlds.hands, clock=clock, ended=redraw)
    worker = Worker(engine, store)

    def wake() -> None:
        worker.wake()
        store.bell.ring()

    road = Road(
        catalogue=catalogue,
        store=store,
        judge=judge,
        people=people,
        apps=apps,
        desk=Desk(store, wake),
        world=lambda principal, request: worlds.world(principal, request.place),
        hindrance=lambda: hindrance() or engine.timekeeper.hindrance(),
        diagnose=lambda: report(checks()),
    )
    alerts = AlertDesk(
        store=store,
        apps=apps,
        ask=lambda line: _ask(road, line),
        needs_votes=lambda app: _needs_votes(judge, app),
        default_channel=alerts_channel,
    )
    return Core(store, catalogue, apps, road, engine, worker, alerts, judge, parts.reads)


def _help(catalogue: Catalogue, judge: Judge, asker: Principal) -> tuple[HelpLine, ...]:
    allowed = {c.permission for c in catalogue.commands if judge.may(asker, c.permission, None)}
    return catalogue.help_lines(allowed)


def _needs_votes(judge: Callable[[], Judge], app: App) -> bool:
    """For the label of a button only: what is then asked is judged as it is planned."""
    try:
        return judge().quorum(ROLLBACK.name, ROLLBACK.permission, app, pods=0, share=100).votes > 0
    except PolicyBroken:
        return False


def _ask(road: Road, line: str) -> Reply | None:
    """A read command of the service principal: what it says, or None where it is refused."""
    request = Request(Origin.ALERT, ALERTS, line, Place(""), principal=AUTO)
    outcome = road.walk(request)
    return outcome.reply if isinstance(outcome, Answered) else None
