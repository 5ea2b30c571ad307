"""A whole bot on the rig: the real adapters behind it, the local Slack server before it, and people who type and click.

`running` assembles it as bot.app.programs.serve does; only the settings are made here. Slack reaches it over signed HTTP or
Socket Mode. Two namespaces, one for staging and one for prod, belong to team-web.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.app import parts as outside
from bot.app.bot import Bot, assemble
from bot.app.clock import SystemClock
from bot.app.generated import manifest_of
from bot.app.live import Live
from bot.audit.checkpoint import signer_from_file
from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId, Secret
from bot.playground.seed import Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.ports.store import OperationFilter, RecordFilter, Sealed
from bot.settings import (
    Alertmanager,
    Audit,
    ClusterPlace,
    Data,
    Elasticsearch,
    EnvPlace,
    Mode,
    PolicyPlace,
    Prometheus,
    Registry,
    Settings,
    Slack,
    Web,
)
from commands.catalogue import CATALOGUE
from tests.rig.access import People
from tests.rig.auditlog import AuditEvent
from tests.rig.rig import BOT, Namespace, Rig
from tests.rig.sample import SampleApp

Json = dict[str, Any]

CLUSTER = "rig"
HOOK_SECRET = "webhook-secret-of-the-rig-0123456789"
SLASH = frozenset(command.name for command in CATALOGUE if command.slash)
ALERTS, AUDIT = "alerts", "paas-audit"
ENDS = ("Done", "Rolled back", "Stopped", "Stuck", "Denied", "Expired", "Withdrawn", "Taken over")

PEOPLE = People(users=("ana@example.com", "bo@example.com", "lee@example.com"), groups=("team-web", "sre"))
"""As the clusters know them."""

POLICY = """
keepers: [lee]
people:
  ana: {name: Ana, slack: [U0ANA0001], kubernetes: ana@example.com}
  bo: {name: Bo, slack: [U0BOB0002], kubernetes: bo@example.com}
  lee: {name: Lee, slack: [U0LEE0003], kubernetes: lee@example.com}
  gus: {name: Gus, slack: [U0GUS0004]}
groups:
  sre: {members: [bo], slack: S0SRE0001, kubernetes: sre}
  team-web: {members: [ana, lee], leads: [lee], kubernetes: team-web}
roles:
  viewer: [self:*, workloads:read, logs:read, metrics:read, alerts:read, operations:read]
  developer: [workloads:*, alerts:*, operations:*, places:*]
  operator: [workloads:*, alerts:*, operations:*, places:*, audit:*]
grants:
  - {role: viewer, to: [group:team-web, group:sre], tenant: ["*"], env: ["*"]}
  - {role: developer, to: [group:team-web], tenant: [team-web], env: [staging, prod]}
  - {role: operator, to: [group:sre], tenant: ["*"], env: ["*"]}
approvals:
  - {for: [deploy], env: [prod], votes: "1", from: sre}
timings:
  - {approval-expiry: 15m, bake: 5s, deadline: 2m, canary-deadline: 30m}
"""


@dataclass(frozen=True, slots=True)
class Town:
    """The running bot with everything around it."""

    rig: Rig
    slack: PlaygroundServer
    bot: Bot
    live: Live
    staging: Namespace
    prod: Namespace
    audit_from: int
    """Where the API server's audit log ended before this bot did anything."""

    # --- apps ---------------------------------------------------------------------------------

    def deploy(self, app: SampleApp, *, env: str = "staging") -> str:
        """By kubectl, before the bot knows of it; the URL at which it is reached."""
        url = self.namespace(env).deploy(app)
        self.settled(app.name, env=env)
        return url

    def settled(self, name: str, *, env: str = "staging") -> None:
        """No pod of it is starting or ending: what a plan asks for."""
        status = self.rig.kubectl
        where = self.namespace(env).name

        def is_settled() -> bool:
            found = status.get("deployment", name, namespace=where)
            spec, seen = _mapping(found["spec"]), _mapping(found["status"])
            wanted = spec.get("replicas")
            counts = {seen.get(each) for each in ("replicas", "updatedReplicas", "availableReplicas")}
            return counts == {wanted} and not seen.get("terminatingReplicas")

        self.slack.wait_for(is_settled, 60)

    def namespace(self, env: str) -> Namespace:
        return {"staging": self.staging, "prod": self.prod}[env]

    def deployment(self, name: str, *, env: str = "staging") -> Mapping[str, Any]:
        """As kubectl shows it to the administrator."""
        return self.rig.kubectl.get("deployment", name, namespace=self.namespace(env).name)

    def image(self, name: str, *, env: str = "staging") -> str:
        found: str = self.deployment(name, env=env)["spec"]["template"]["spec"]["containers"][0]["image"]
        return found

    def pods(
        self, name: str, *, env: str = "staging", label: str = "app.kubernetes.io/name"
    ) -> list[Mapping[str, Any]]:
        found = self.rig.kubectl.list("pods", namespace=self.namespace(env).name, selector=f"{label}={name}")
        return [*found]

    # --- people -------------------------------------------------------------------------------

    def types(self, who: str, line: str, *, channel: str = "staging") -> None:
        """A slash command: `deploy web@2 to staging` is `/deploy`, what has none of its own is `/paas`."""
        verb, _, rest = line.partition(" ")
        person = self.slack.person(who)
        if verb in SLASH:
            person.slash(f"/{verb}", rest, channel=channel)
        else:
            person.slash("/paas", line, channel=channel)

    def answer(self, who: str, line: str, words: str, *, channel: str = "staging", seconds: float = 30) -> Json:
        """What only this person is told."""
        return self._told(who, words, lambda: self.types(who, line, channel=channel), seconds=seconds)

    def presses(self, who: str, shown: Json, button: str, words: str) -> Json:
        """What the person is told for pressing a button."""
        return self._told(who, words, lambda: self.slack.person(who).click(shown, button), seconds=30)

    def _told(self, who: str, words: str, does: Callable[[], None], *, seconds: float) -> Json:
        """The next private message, or one that it replaces."""
        person = self.slack.person(who)
        known = {(each["ts"], each["text"]) for each in person.ephemerals()}
        does()

        def look() -> Json | None:
            fresh = [each for each in person.ephemerals() if (each["ts"], each["text"]) not in known]
            return fresh[-1] if fresh else None

        found = self.slack.wait_for(look, seconds)
        assert words in found["text"], found["text"]
        return found

    def asks(self, who: str, line: str, button: str, *, channel: str = "staging") -> OperationId:
        """Types it, presses the button of the private plan, and gives the operation that it became."""
        return self.goes(who, self.answer(who, line, "Plan: ", channel=channel), button)

    def goes(self, who: str, plan: Json, button: str) -> OperationId:
        """Presses the button of a private plan, and gives the operation that it became."""
        before = {op.id for op in self.operations() if op.phase is not Phase.DRAFT}
        self.slack.person(who).click(plan, button)
        newest = self.slack.wait_for(
            lambda: next((op for op in self.operations() if op.id not in before and op.phase is not Phase.DRAFT), None),
            15,
        )
        return newest.id

    def approves(self, who: str, id: OperationId) -> None:
        person = self.slack.person(who)
        card = self.card(id, "Approval needed")
        person.click(card, "Review and approve")
        view = self.slack.wait_for(lambda: _with_submit(person.modal()), 15)
        person.submit(view)

    # --- what Slack shows ---------------------------------------------------------------------

    def shown(self, id: OperationId) -> Json | None:
        """The operation's card, in whatever channel."""
        return self._by_key(f"operation/{id}")

    def card(self, id: OperationId, state: str, *, seconds: float = 60) -> Json:
        """Once it says so."""

        def look() -> Json | None:
            found = self.shown(id)
            if found is not None and not found["text"].startswith(state) and found["text"].startswith(ENDS):
                raise AssertionError(f"waited for {state!r}, the card says: {found['text']}")
            return found if found is not None and found["text"].startswith(state) else None

        try:
            return self.slack.wait_for(look, seconds)
        except TimeoutError as late:
            found, op = self.shown(id), self.operation(id)
            said = found["text"] if found else "nothing"
            raise AssertionError(
                f"waited {seconds:g} s for {state!r}; the card says: {said}; {op.phase} at {op.cursor}: {op.seen} {op.why}"
            ) from late

    def ended(self, id: OperationId, *, seconds: float = 180) -> Json:
        """The card once nothing more happens, whatever it says."""
        try:
            return self.slack.wait_for(
                lambda: found if (found := self.shown(id)) and found["text"].startswith(ENDS) else None, seconds
            )
        except TimeoutError as late:
            op = self.operation(id)
            raise AssertionError(f"{id} does not end: {op.phase} at {op.cursor}: {op.seen} {op.why}") from late

    def thread(self, card: Json) -> list[str]:
        """The texts below a card."""
        found = self.slack.messages(card["channel"], thread=card["ts"])
        return [message["text"] for message in found if message["ts"] != card["ts"]]

    def _by_key(self, key: str) -> Json | None:
        for channel in ("staging", "prod", "team-web", ALERTS):
            for message in self.slack.messages(channel):
                if _mapping(_mapping(message.get("metadata")).get("event_payload")).get("key") == key:
                    return message
        return None

    # --- what was recorded --------------------------------------------------------------------

    def operations(self) -> tuple[Operation, ...]:
        return self.bot.store.read(lambda tx: tx.operations.find(OperationFilter(limit=100)))

    def operation(self, id: OperationId) -> Operation:
        found = self.bot.store.read(lambda tx: tx.operations.load(id))
        assert found is not None
        return found

    def records(self, id: OperationId) -> tuple[Sealed, ...]:
        return tuple(reversed(self.bot.store.read(lambda tx: tx.records.find(RecordFilter(op=id, limit=200)))))

    def audited(self, *words: str, seconds: float = 30) -> str:
        """The line of the audit channel that has all of these words, once it is there."""

        def look() -> str | None:
            texts = [message["text"] for message in self.slack.messages(AUDIT)]
            lines = [entry for text in texts for entry in _entries(text)]
            return next((line for line in lines if all(word in line for word in words)), None)

        return self.slack.wait_for(look, seconds)

    def recorded(self, *, kind: str) -> tuple[Sealed, ...]:
        """Oldest first."""
        return tuple(reversed(self.bot.store.read(lambda tx: tx.records.find(RecordFilter(kind=kind, limit=200)))))

    def writes(self, *, env: str = "staging") -> list[AuditEvent]:
        """What the API server itself says came with the bot's credentials."""
        return self.rig.audit_log.writes(namespace=self.namespace(env).name, since=self.audit_from, user=BOT)

    def check_who_wrote(self, id: OperationId, *people: str, env: str = "staging") -> Sequence[AuditEvent]:
        """Each write was done in the name of one of these people, for this operation, and none as the bot itself."""
        events = [each for each in self.writes(env=env) if each.is_done]
        mine = [each for each in events if each.extra.get("pilothouse.io/operation") == (id,)]
        assert mine, f"the API server saw no write for {id}: {events}"
        assert {each.person for each in mine} == set(people), mine
        assert not [each for each in events if not each.person or not each.extra], events
        return mine


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _with_submit(view: Json | None) -> Json | None:
    return view if view is not None and view.get("submit") else None


def _entries(text: str) -> list[str]:
    """An entry of the audit channel is two lines, the first of which is bold."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("*") or not found:
            found.append(line)
        else:
            found[-1] += f"\n{line}"
    return found


def settings_for(
    rig: Rig, slack: PlaygroundServer, seed: Seed, *, folder: Path, mode: Mode, envs: Mapping[str, str]
) -> Settings:
    """As an operator would write them; `envs` to the namespace of team-web."""
    uid = rig.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    return Settings(
        slack=Slack(
            mode=mode,
            bot_token=Secret(slack.bot_token),
            app_token=Secret(slack.app_token),
            signing_secrets=(Secret(slack.signing_secret),),
            api_url=slack.api_url,
            app_id=seed.app.id,
            team_id=seed.team_id,
        ),
        data=Data(folder=folder / "data"),
        policy=PolicyPlace(path=policy),
        clusters={CLUSTER: ClusterPlace(kubeconfig=Path(rig.addresses.bot_kubeconfig), context="rig", uid=uid)},
        envs={env: (EnvPlace(cluster=CLUSTER, namespaces={"team-web": name}),) for env, name in envs.items()},
        audit=Audit(channel="C0AUDIT01", checkpoint_file=folder / "outside" / "checkpoints"),
        registries=(Registry(prefix=rig.addresses.registry_in_pods, url=rig.registry.url, insecure=True),),
        elasticsearch=Elasticsearch(url=rig.elasticsearch.url),
        prometheus=Prometheus(url=rig.prometheus.url),
        alertmanager=Alertmanager(
            url=rig.alertmanager.url, webhook_secret=Secret(HOOK_SECRET), default_channel="C0ALERT01"
        ),
        web=Web(port=0),
    )


@contextmanager
def running(
    rig: Rig, folder: Path, *, mode: Mode = Mode.HTTP, change: Mapping[str, object] | None = None
) -> Iterator[Town]:
    """`change`: topics of the settings to be others."""
    with ExitStack() as stack:
        staging, prod = (stack.enter_context(rig.namespace(env)) for env in ("staging", "prod"))
        for each in (staging, prod):
            each.allow_bot(PEOPLE)
        seed = default_seed()
        slack = PlaygroundServer(manifest=manifest_of(Settings()), seed=seed, conduct=Conduct(ack_seconds=3.0))
        stack.enter_context(slack)
        settings = settings_for(
            rig, slack, seed, folder=folder, mode=mode, envs={"staging": staging.name, "prod": prod.name}
        ).model_copy(update=change)
        clock = SystemClock()
        bot = assemble(
            settings=settings,
            clock=clock,
            store=outside.database(settings, clock),
            parts=outside.real(settings, clock),
            sites=outside.sites(settings),
            signer=signer_from_file(folder / "audit-key"),
        )
        live = Live(bot, webhook=outside.alert_webhook(settings))
        audit_from = rig.audit_log.position()
        live.connect()
        live.serve_web()
        assert live.web is not None
        live.start()
        stack.callback(live.stop)
        for each in (staging, prod):
            hook = f"http://127.0.0.1:{live.web.port}/hooks/alertmanager"
            rig.alertmanager.send_to(hook, namespace=each.name, token=HOOK_SECRET)
        if mode is Mode.HTTP:
            slack.deliver_to(f"http://127.0.0.1:{live.web.port}/slack/events")
        slack.wait_for_app()
        yield Town(rig, slack, bot, live, staging, prod, audit_from)
