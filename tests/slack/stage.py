"""What the tests of the Slack edge share: a scripted product behind it, and a real edge before the local Slack server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import uvicorn

from bot.app.clock import SystemClock
from bot.domain.codec import Json
from bot.domain.errors import Unavailable
from bot.domain.forms import Form, FormField, Widget
from bot.domain.refs import Secret
from bot.domain.reply import Paragraph, Reply, Text, text
from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer
from bot.ports.people import Identity
from bot.ports.store import Arrival
from bot.road.answers import Answer
from bot.road.request import Request
from bot.slack.connect import Account, Edge, Line, Product
from bot.slack.front import Disturbed
from bot.slack.macs import Macs
from bot.slack.manifest import Shortcut, SlashCommand, manifest
from bot.slack.mrkdwn import Names
from bot.web.application import Doors, application

MACS = Macs(Secret("k" * 32))
NAMES = Names({"ana": "U0ANA0001", "bo": "U0BOB0002", "lee": "U0LEE0003"}, {"sre": "S0SRE0001"})
WEB, PROD, AUDIT = "C0WEB0001", "C0PROD001", "C0AUDIT01"

FORM = Form(
    "deploy",
    "Deploy",
    (
        FormField("app", Widget.APP, "App", True, "", "the app"),
        FormField("env", Widget.ENV, "Env", True, "", "where", options=("staging", "prod")),
        FormField("pods", Widget.NUMBER, "Pods", False, "3", "how many"),
        FormField("force", Widget.TOGGLE, "Force", False, "no", "even so"),
        FormField("token", Widget.SECRET, "Token", False, "", "never shown"),
    ),
)

Script = Callable[[Request], Answer]


def says(words: str) -> Reply:
    return Reply(None, (Paragraph(text("{words}", words=words)),))


@dataclass
class Scripted:
    """bot.slack.front: Front, Forms and Views, as a test wants them."""

    script: Script = lambda request: Answer(says(f"did: {request.line}"))
    stored: list[Arrival] = field(default_factory=list)
    worked: list[Request] = field(default_factory=list)
    disturbances: list[Disturbed] = field(default_factory=list)
    errors: Mapping[str, Text] = field(default_factory=dict)
    homes: list[tuple[str, bool]] = field(default_factory=list)
    waits: str = "waits"
    """What a Home tab says."""
    beat: str = ""
    is_down: bool = False
    gate: threading.Event | None = None
    """Work waits for it."""
    stands_still: threading.Event | None = None
    """Accepting waits for it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        if self.stands_still is not None:
            self.stands_still.wait(30)
        if self.is_down:
            raise Unavailable("database", text("It is down."))
        return [self._keep(arrival) for arrival in arrivals]

    def _keep(self, arrival: Arrival) -> int | None:
        with self._lock:
            if any(arrival.nonce == one.nonce or arrival.delivery == one.delivery for one in self.stored):
                return None
            self.stored.append(arrival)
            return len(self.stored)

    def work(self, request: Request) -> Answer:
        if self.gate is not None:
            self.gate.wait(10)
        self.worked.append(request)
        return self.script(request)

    def wants_form(self, line: str) -> bool:
        return line in {"deploy", "rollback"}

    def mistakes(self, request: Request) -> Mapping[str, Text]:
        return self.errors

    def form(self, request: Request) -> Form | None:
        return FORM

    def suggest(self, identity: Identity, field: str, typed: str) -> tuple[str, ...]:
        return tuple(name for name in ("web", "web-admin", "cart") if typed in name)

    def home(self, identity: Identity, *, is_open: bool) -> Reply:
        self.homes.append((identity.user, is_open))
        return Reply(text("Home"), (Paragraph(text("Nothing {what} for {who}.", what=self.waits, who=identity.user)),))

    def pulse(self) -> str:
        return self.beat

    def disturbed(self, what: Disturbed) -> None:
        self.disturbances.append(what)


def our_manifest() -> dict[str, Json]:
    commands = [SlashCommand(name, name, "APP to ENV") for name in ("deploy", "logs", "rollback")]
    shortcuts = [Shortcut("Logs", "logs", True), Shortcut("Deploy", "deploy", False)]
    return manifest(commands, shortcuts)


@dataclass(frozen=True)
class Stage:
    slack: PlaygroundServer
    product: Scripted
    edge: Edge


@contextmanager
def staged(way: str, *, conduct: Conduct | None = None, threads: int = 4, waiting: int = 64) -> Iterator[Stage]:
    """The edge over `socket` or `http`, connected."""
    clock = SystemClock()
    scripted = Scripted()
    with ExitStack() as stack:
        slack = stack.enter_context(
            PlaygroundServer(
                manifest=our_manifest(), conduct=conduct or Conduct(ack_seconds=15.0, trigger_seconds=15.0)
            )
        )
        line = Line(account(slack), clock)
        stack.callback(line.close)
        product = Product(
            scripted, scripted, scripted, lambda: NAMES, MACS, ("deploy", "logs", "rollback"), audit_channel=AUDIT
        )
        edge = Edge(line, product, clock, threads=threads, waiting=waiting)
        stack.callback(edge.close)
        if way == "socket":
            _connect(slack, edge, stack)
        else:
            slack.deliver_to(stack.enter_context(served(edge, slack)))
        yield Stage(slack, scripted, edge)


def account(slack: PlaygroundServer) -> Account:
    return Account(Secret(slack.bot_token), slack.api_url, slack.slack.workspace.seed.team_id)


def _connect(slack: PlaygroundServer, edge: Edge, stack: ExitStack) -> None:
    socket = edge.socket(Secret(slack.app_token), ping_interval=0.2)

    def close() -> None:
        socket.client.auto_reconnect_enabled = False
        slack.hang_up()
        slack.wait_for(lambda: not socket.client.is_connected())
        socket.stop()

    stack.callback(close)
    socket.connect()  # type: ignore[no-untyped-call]
    slack.wait_for_app()


@contextmanager
def served(edge: Edge, slack: PlaygroundServer) -> Iterator[str]:
    """The edge's door behind a real server; gives the address."""
    door = edge.door((Secret(slack.signing_secret),), SystemClock())
    config = uvicorn.Config(application(Doors(slack=door)), port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/slack/events"
    server.should_exit = True
    thread.join()
