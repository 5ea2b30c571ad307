"""World and Hands, put together for one acting person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.canaries import CanaryDefaults
from bot.domain.errors import Missing, NotPermitted
from bot.domain.operation import Operation, Phase, Place, voters
from bot.domain.refs import AppName, EnvName, Principal
from bot.domain.reply import Reply, text
from bot.operations.book import StoredBook, StoredLedger, told_key
from bot.operations.card import OperationCards
from bot.policy.judge import Judge
from bot.ports.apps import App, Apps
from bot.ports.builds import Builds, BuildWriter, NoBuilds
from bot.ports.clusters import Cluster, ClusterReads, ClusterWrites
from bot.ports.observing import Alerts, AlertWriter, Images, Logs, Metrics
from bot.ports.people import People
from bot.ports.store import Store, Tx
from bot.ports.world import Check, Errand, Hands, HelpLine, Planned, Trail, World


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything outside: real adapters, or the simulated world's."""

    clusters: Mapping[str, Cluster]
    images: Images
    logs: Logs
    metrics: Metrics
    alerts: Alerts
    alert_writer: AlertWriter
    builds: Builds = field(default_factory=NoBuilds)
    build_writer: BuildWriter = field(default_factory=NoBuilds)
    closers: tuple[Callable[[], None], ...] = ()
    """What ends the connections that they keep."""

    def close(self) -> None:
        for close in self.closers:
            close()

    def cluster(self, name: str) -> Cluster:
        found = self.clusters.get(name)
        if found is None:
            raise Missing("kubernetes", text("There is no cluster {name} in the settings.", name=name))
        return found

    def reads(self, name: str) -> ClusterReads:
        return self.cluster(name).reads()


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """bot.ports.world.Rules for one asker."""

    judge: Judge
    asker: Principal

    def may(self, permission: str, app: App | None) -> bool:
        return self.judge.may(self.asker, permission, app)

    def roles(self) -> tuple[str, ...]:
        return self.judge.roles_of(self.asker)

    def groups(self) -> tuple[str, ...]:
        return self.judge.groups_of(self.asker)

    def waits_for(self, op: Operation) -> bool:
        if op.phase is not Phase.WAITING or op.requester == self.asker or self.asker in voters(op):
            return False
        return not op.quorum.group or self.judge.is_voter(self.asker, op.quorum.group)

    def duration(self, name: str, app: AppName, env: EnvName) -> timedelta:
        return self.judge.duration(name, app, env)

    def canary(self, app: App) -> CanaryDefaults:
        return self.judge.canary(app)


@dataclass(frozen=True, slots=True)
class Worlds:
    store: Store
    parts: Parts
    apps: Apps
    judge: Callable[[], Judge]
    trail: Trail
    help: Callable[[Judge, Principal], tuple[HelpLine, ...]]
    checks: Callable[[], tuple[Check, ...]]
    errand: Callable[[Judge, Principal, str], Errand]
    people: People

    def world(self, asker: Principal, place: Place) -> World:
        judge = self.judge()
        return World(
            now=self.store.now(),
            asker=asker,
            place=place,
            apps=self.apps,
            images=self.parts.images,
            logs=self.parts.logs,
            metrics=self.parts.metrics,
            alerts=self.parts.alerts,
            book=StoredBook(self.store),
            trail=self.trail,
            cards=OperationCards(),
            rules=PolicyRules(judge, asker),
            help=lambda: self.help(judge, asker),
            checks=self.checks,
            schedules=lambda: self.schedules(judge),
            cluster=self.parts.reads,
            errand=lambda whom, line: self.errand(judge, whom, line),
            told=lambda id, whom: self.store.read(lambda tx: tx.outbox.get(told_key(id, whom))) is not None,
            builds=self.parts.builds,
        )

    def schedules(self, judge: Judge) -> tuple[Planned, ...]:
        def work(tx: Tx) -> tuple[Planned, ...]:
            due = {entry.name: entry.next_due for entry in tx.schedules.list()}
            return tuple(
                Planned(each, due.get(each.name), next(iter(tx.schedules.past(each.name, limit=1)), None))
                for each in judge.policy.schedules
            )

        return self.store.read(work)

    def world_of(self, asker: Principal, op: Operation) -> World:
        return self.world(asker, op.place)

    def hands(self, acting: Principal, op: Operation) -> Hands:
        """Only the engine is given this."""
        judge = self.judge()

        def cluster(name: str) -> ClusterWrites:
            person = judge.acting(acting)
            if person is None:
                raise NotPermitted(
                    text("The clusters do not know {who}.", who=acting),
                    why=text("The policy gives no kubernetes name for this person."),
                )
            return self.parts.cluster(name).writes(replace(person, operation=op.id))

        ledger = StoredLedger(self.store, acting, op)

        def tell(whom: Principal, reply: Reply) -> None:
            ledger.tell(whom, reply, address=_address(judge, self.people, whom, op.place))

        return Hands(
            acting, ledger, self.parts.alert_writer, cluster, tell, ledger.acknowledge, self.parts.build_writer
        )


def _address(judge: Judge, people: People, whom: Principal, place: Place) -> str:
    """Of their own: empty where the place is a channel that they read. Raises NotPermitted."""
    ids = judge.slack_ids(whom)
    is_channel = place.channel.startswith(("C", "G"))
    # Slack notifies nobody whom a mention names in a channel that they are not in.
    if is_channel and (not ids or people.is_reading(ids[0], place.channel)):
        return ""
    if not ids:
        raise NotPermitted(
            text("{who} cannot be told.", who=whom),
            why=text("The policy names no Slack account of theirs."),
            next=text("Tell them yourself, or ask in a channel."),
        )
    return ids[0]
