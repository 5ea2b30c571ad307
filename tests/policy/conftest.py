"""A policy that can be changed line by line, and apps to ask it about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.refs import AppName, EnvName
from bot.policy.judge import Judge
from bot.policy.loader import load
from bot.ports.apps import App

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "policy.yaml"

BASE = """\
keepers: [kim]
people:
  ana: {name: Ana, slack: [U0ANA0001, T0TWO/W0ANA0009], os: [ana], kubernetes: ana@example.com}
  bo: {name: Bo, slack: [U0BOB0002], os: [bo], kubernetes: bo@example.com}
  lee: {name: Lee, slack: [U0LEE0003], kubernetes: lee@example.com}
  kim: {name: Kim}
groups:
  sre: {members: [bo, lee], slack: S0SRE0001, kubernetes: platform-sre}
  team-web: {members: [ana, lee], leads: [lee], kubernetes: web}
  nobody: {members: []}
roles:
  viewer: [logs:read]
  developer: ["workloads:*", locks:take]
grants:
  - {role: viewer, to: [group:team-web, person:kim], tenant: ["*"], env: ["*"]}
  - {role: developer, to: [group:team-web], tenant: [team-web], env: [staging], app: [web, api]}
  - {role: developer, to: [group:sre], tenant: ["*"], env: ["*"]}
"""


def app(name: str = "web", env: str = "staging", tenant: str = "team-web") -> App:
    return App(AppName(name), EnvName(env), tenant, ())


@pytest.fixture
def judge() -> Callable[..., Judge]:
    """The base policy with further sections."""

    def made(more: str = "") -> Judge:
        return Judge(load((BASE + more).encode()))

    return made
