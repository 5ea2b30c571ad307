"""The playground: the unmodified bot over the local Slack server and, unless told otherwise, the simulated world."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bot.app import parts as outside
from bot.app.bot import PLAYGROUND, Bot, assemble
from bot.app.clock import SystemClock
from bot.app.generated import manifest_of
from bot.app.grounds import RIG, RigGround
from bot.app.live import Live
from bot.app.simulated_parts import simulated, simulated_sites
from bot.audit.checkpoint import signer_from_file
from bot.domain.clock import Clock
from bot.domain.errors import SettingsBroken
from bot.domain.refs import Secret
from bot.domain.reply import text
from bot.playground.seed import Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.settings import Audit, Data, Database, Mode, PolicyPlace, Settings, Slack, Web
from integrations.simulated.world import SimulatedWorld

ALARMS_EVERY = timedelta(seconds=2)


class Playground:
    def __init__(
        self,
        *,
        port: int,
        kubeconfig: Path | None,
        context: str,
        cluster: str,
        folder: Path | None = None,
        policy: Callable[[str], str] = str,
        pace: float = 1.0,
        conduct: Conduct | None = None,
        mode: Mode = Mode.SOCKET,
    ) -> None:
        """`policy` may change the text of the policy; `pace`: how many times faster the simulated cluster works."""
        self._port = port
        self._policy = policy
        self._pace = pace
        self._conduct = conduct
        self._mode = mode
        self._folder = folder or PLAYGROUND.absolute()
        self._kubeconfig = kubeconfig
        self._context = context
        self._cluster = cluster
        self.slack: PlaygroundServer | None = None
        self.live: Live | None = None
        self.world: SimulatedWorld | None = None
        self._rig: RigGround | None = None

    @property
    def url(self) -> str:
        assert self.slack is not None
        return self.slack.url

    def start(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        clock = SystemClock()
        seed = default_seed()
        outer = self._outer(clock)
        settings = self._settings(seed, outer or Settings())
        self.slack = PlaygroundServer(manifest=manifest_of(settings), seed=seed, port=self._port, conduct=self._conduct)
        self.slack.start()
        settings = settings.model_copy(
            update={"slack": settings.slack.model_copy(update={"api_url": self.slack.api_url})}
        )
        bot = self._simulated(settings, clock) if outer is None else self._real(settings, clock)
        webhook = outside.alert_webhook(settings)
        self.live = Live(bot, webhook=webhook)
        if self._mode is Mode.HTTP or webhook is not None:
            self.live.connect()
            self.live.serve_web()
            assert self.live.web is not None
            if self._mode is Mode.HTTP:
                self.slack.deliver_to(f"http://127.0.0.1:{self.live.web.port}/slack/events")
        self.live.start()

    def stop(self) -> None:
        if self.live is not None:
            self.live.stop()
        if self.slack is not None:
            self.slack.stop()
        if self._rig is not None:
            self._rig.stop()

    def _outer(self, clock: Clock) -> Settings | None:
        """What a real cluster is worked on by; None: the simulated world. Raises PilothouseError."""
        if self._cluster == RIG:
            self._rig = RigGround(self._folder.parent / RIG)
            return self._rig.start()
        if self._cluster:
            raise SettingsBroken(
                text("There is no --cluster {name}.", name=self._cluster),
                why=text("It is `rig`, or left out; another cluster is named by --kubeconfig."),
            )
        if self._kubeconfig is None:
            return None
        from bot.app.found_cluster import of_cluster

        return of_cluster(self._kubeconfig.absolute(), self._context, clock)

    def _real(self, settings: Settings, clock: Clock) -> Bot:
        return assemble(
            settings=settings,
            clock=clock,
            store=outside.database(settings, clock),
            parts=outside.real(settings, clock),
            sites=outside.sites(settings),
            signer=signer_from_file(self._folder / "audit-key"),
        )

    def _simulated(self, settings: Settings, clock: Clock) -> Bot:
        world = simulated(clock, pace=self._pace)
        with world.world.entered():
            pass  # it lives through its history now, and not while the first who asks waits
        self.world = world.world
        bot = assemble(
            settings=settings,
            clock=clock,
            store=outside.database(settings, clock),
            parts=world.parts,
            sites=simulated_sites({"team-web": "C0ALERT01", "team-pay": "C0ALERT01"}),
            signer=signer_from_file(self._folder / "audit-key"),
        )
        self._seen = 0

        def alarms() -> None:
            for delivery in world.alarms.deliveries(self._seen):
                self._seen = delivery.number
                bot.core.alerts.receive(delivery.group, inbox=None)

        bot.ticker.every(ALARMS_EVERY, "alarms of the simulated world", alarms)
        return bot

    def _settings(self, seed: Seed, outer: Settings) -> Settings:
        """The playground's own where people and Slack are concerned; where the cluster is, those of `outer`."""
        policy = self._folder / "policy.yaml"
        words = Path(__file__).with_name("playground-policy.yaml").read_text()
        # Whoever runs the playground is Bo in a terminal.
        policy.write_text(self._policy(words.replace("os: [bo]", f"os: [bo, {getpass.getuser()}]")))
        slack = Slack(
            mode=self._mode,
            bot_token=Secret(seed.app.bot_token),
            app_token=Secret(seed.app.app_token),
            signing_secrets=(Secret(seed.app.signing_secret),),
            app_id=seed.app.id,
            team_id=seed.team_id,
        )
        own = {
            "slack": slack,
            "database": Database(),
            "data": Data(folder=self._folder),
            "policy": PolicyPlace(path=policy),
            "audit": Audit(channel="C0AUDIT01", checkpoint_file=self._folder / "outside" / "checkpoints"),
            "alertmanager": outer.alertmanager.model_copy(update={"default_channel": "C0ALERT01"}),
            "web": outer.web if outer.alertmanager.webhook_secret.reveal() else Web(port=0),
            "problems": tuple(problem for problem in outer.problems if not problem.where.startswith("slack")),
        }
        return outer.model_copy(update=own)
