"""How long until it is ready, how much memory it holds while nothing happens, and how soon the first command is answered."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.playground.seed import default_seed
from bot.playground.server import PlaygroundServer
from tests.bench.edges import Post
from tests.bench.figures import Figure, Goal
from tests.kit.bench import POLICY
from tests.slack.stage import our_manifest

ROUNDS = 3
IDLE = 6.0
"""Seconds of nothing before the memory is read."""
PATIENCE = 60.0

BARE = """
import sys, threading
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
bot, app, url = sys.argv[1:]
bolt = App(client=WebClient(bot, base_url=url), process_before_response=True)
bolt.command("/deploy")(lambda ack: ack())
SocketModeHandler(bolt, app).connect()
print("ready", flush=True)
threading.Event().wait()
"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        took, worked, held = [], [], 0
        for number in range(ROUNDS):
            spent, cpu, now_held = _playground(folder, idle=IDLE if number == ROUNDS - 1 else 0)
            took.append(spent)
            worked.append(cpu)
            held = max(held, now_held)
        ready = statistics.median(took)
        yield Figure("start", "start to ready, playground", f"{ready:.2f} s", "", ready, Goal(3, " s"))
        load = os.getloadavg()[0]
        said = f"CPU of it {statistics.median(worked):.2f} s; load {load:.1f} on {os.cpu_count()} cores"
        yield Figure("start", "start to ready, wall to CPU", f"{ready:.2f} s", said, ready / statistics.median(worked))
        seed = default_seed()
        with PlaygroundServer(manifest=our_manifest(), seed=seed) as slack:
            bare = _bare(slack)
            alone, first, next_ones = _alone(folder, slack)
    said = f"bare Bolt, Socket Mode: {_mb(bare)}"
    yield Figure("start", "resident, playground, idle", _mb(held), said, held / bare)
    yield Figure("start", "resident, the bot alone, idle", _mb(alone), said, alone / 2**20, Goal(120, " MB"))
    yield Figure(
        "start",
        "first command after start, HTTP",
        f"{first * 1e3:.1f} ms",
        f"the following: {next_ones * 1e3:.1f} ms",
        first / next_ones,
    )


def _mb(size: float) -> str:
    return f"{size / 2**20:.0f} MB"


def resident(process: subprocess.Popen[str]) -> int:
    """Bytes, of the process with its children."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(found.split()[1]) * 1024


@contextmanager
def running(*words: str, folder: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A Python of its own, ended in order."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))))
    known = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=known, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise AssertionError(f"{url} was not ready")


def _cpu(process: subprocess.Popen[str]) -> float:
    """Seconds that it has worked."""
    words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _playground(folder: Path, *, idle: float) -> tuple[float, float, int]:
    port = free_port()
    started = time.perf_counter()
    with running("-m", "bot", "playground", "--port", str(port), folder=folder) as process:
        _answers(f"http://127.0.0.1:{port}/", process)
        took = time.perf_counter() - started
        cpu = _cpu(process)
        time.sleep(idle)
        return took, cpu, resident(process)


def _bare(slack: PlaygroundServer) -> int:
    with running("-c", BARE, slack.bot_token, slack.app_token, slack.api_url, folder=Path.cwd()) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        time.sleep(IDLE / 2)
        return resident(process)


SETTINGS = """
slack: {{mode: http, bot-token: {bot}, app-token: {app}, signing-secrets: [{secret}], app-id: {id}, team-id: {team},
  api-url: "{url}"}}
data: {{folder: "{folder}/data"}}
policy: {{path: "{policy}"}}
clusters: {{eu-1: {{kubeconfig: "{folder}/kubeconfig", context: eu-1}}}}
envs: {{prod: [{{cluster: eu-1, namespaces: {{team-web: web-prod}}}}]}}
registries: [{{prefix: registry.test, url: "http://127.0.0.1:9"}}]
elasticsearch: {{url: "http://127.0.0.1:9"}}
prometheus: {{url: "http://127.0.0.1:9"}}
jenkins: {{url: "http://127.0.0.1:9", user: bot, token: t, job: "build"}}
alertmanager: {{url: "http://127.0.0.1:9", webhook-secret: webhook-secret-0123456789, default-channel: C0ALERT01}}
audit: {{channel: C0AUDIT01}}
web: {{port: "{port}"}}
"""
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "eu-1", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "bot", "user": {"token": "t"}}],
    "contexts": [{"name": "eu-1", "context": {"cluster": "eu-1", "user": "bot"}}],
}


def _alone(folder: Path, slack: PlaygroundServer) -> tuple[int, float, float]:
    """Every integration configured, none of them there. Memory; the first acknowledgement and the median of the next.

    Another process makes the database, as before any start but the first.
    """
    port = free_port()
    seed = slack.slack.workspace.seed
    (folder / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    settings = folder / "settings.yaml"
    settings.write_text(
        SETTINGS.format(
            bot=seed.app.bot_token,
            app=seed.app.app_token,
            secret=seed.app.signing_secret,
            id=seed.app.id,
            team=seed.team_id,
            url=slack.api_url,
            folder=folder,
            policy=POLICY,
            port=port,
        )
    )
    with running("-m", "bot", "migrate", "--settings", str(settings), folder=folder) as process:
        assert process.wait(PATIENCE) == 0
    with running("-m", "bot", "serve", "--settings", str(settings), folder=folder) as process:
        _answers(f"http://127.0.0.1:{port}/healthz", process)
        time.sleep(IDLE)
        held = resident(process)
        post = Post(slack.signing_secret)
        spans = [_sent(f"http://127.0.0.1:{port}/slack/events", post) for _ in range(21)]
        return held, spans[0], statistics.median(spans[1:])


def _sent(url: str, post: Post) -> float:
    headers, body = post.command()
    named = {name.decode(): value.decode() for name, value in headers}
    started = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, body, named), timeout=10) as answer:
        assert answer.status == 200
        answer.read()
    took = time.perf_counter() - started
    time.sleep(0.1)
    return took
