"""Who somebody is at an edge: Slack asks Slack, the terminal asks the operating system; nobody else is known."""

from __future__ import annotations

import pwd
from dataclasses import dataclass, replace

from bot.domain.clock import Clock
from bot.domain.errors import Unavailable
from bot.domain.reply import text
from bot.ports.people import Identity, People, Standing, Status


@dataclass(slots=True)
class Everybody:
    """bot.ports.people.People over the edges that there are."""

    clock: Clock
    team: str = ""
    slack: People | None = None

    def standing(self, identity: Identity) -> Standing:
        match identity.system:
            case "slack":
                if self.slack is None:
                    raise Unavailable("slack", text("Slack is not connected, so nobody of Slack can be looked up."))
                home = identity if identity.team else replace(identity, team=self.team)
                return self.slack.standing(home)
            case "terminal":
                return Standing(identity, _of_the_machine(identity.user), self.clock.now())
            case _:
                return Standing(identity, Status.STRANGER, self.clock.now())

    def is_reading(self, user: str, channel: str) -> bool:
        return self.slack is None or self.slack.is_reading(user, channel)


def _of_the_machine(user: str) -> Status:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return Status.GONE
    return Status.ACTIVE
