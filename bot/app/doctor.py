"""What doctor looks at: settings, policy, every backend, the audit record. Failing checks say how they are mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bot.domain.errors import BadArguments, IntegrationError, PilothouseError
from bot.domain.reply import Text, counted, text
from bot.policy.holder import PolicyFile
from bot.policy.judge import Judge
from bot.policy.strict_yaml import Problem
from bot.ports.world import Check

Ping = tuple[str, Callable[[], str]]

_MEND: dict[str, Text] = {
    "time": text("set the clock right; if it is right now, start me again, and times are counted by it"),
    "database": text("look at the database's own log, and at `database: url:` in the settings"),
    "registry": text("`curl -sS URL/v2/` with the `url:` of `registries:` in the settings, and mend what it says"),
    "logs": text("`curl -sS URL` with the `url:` of `elasticsearch:` in the settings; without it pod logs are used"),
    "metrics": text("set `prometheus: {{url: ...}}` in the settings, and `curl -sS URL/-/ready`"),
    "alerts": text("set `alertmanager: {{url: ...}}` in the settings, and `curl -sS URL/-/ready`"),
    "slack": text("put the bot token of OAuth & Permissions into `slack: bot-token:`, and start me again"),
    "Socket Mode": text("it connects again by itself; if not, make a new app token with `connections:write`"),
    "builds": text("look at `jenkins:` in the settings, and whether its user may read and build the jobs"),
}
_CLUSTER = text("`kubectl --context CONTEXT auth can-i --list` with the `context:` of this cluster in the settings")
_LONGEST = 24
"""Of what stands beside the name of a check that passes."""


class Doctor:
    def __init__(
        self,
        *,
        pings: Sequence[Ping],
        policy: PolicyFile,
        settings_problems: tuple[Problem, ...],
        audit: Callable[[], Text | None],
        behind: Callable[[], Text | None] = lambda: None,
        expression: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`audit`: what is wrong with the record, as far as the last look found; `behind`: which place of checkpoints is.
        `expression`: raises BadArguments for a query of the policy's own that could not be asked."""
        self._pings = tuple(pings)
        self._policy = policy
        self._settings_problems = settings_problems
        self._audit = audit
        self._behind = behind
        self._expression = expression

    def checks(self) -> tuple[Check, ...]:
        with ThreadPoolExecutor(max(1, len(self._pings)), thread_name_prefix="doctor") as pool:
            backends = tuple(pool.map(_check, self._pings))
        return (self._settings(), self._policies(), self._record(), *backends)

    def add(self, ping: Ping) -> None:
        """An edge that is connected later than the rest."""
        self._pings = (*self._pings, ping)

    def _settings(self) -> Check:
        if not self._settings_problems:
            return Check("settings", True, text(""))
        first = self._settings_problems[0]
        words = _problems(len(self._settings_problems), str(first))
        return Check("settings", False, words, text("mend that line, and start me again"))

    def _policies(self) -> Check:
        problems = self._policy.problems()
        if problems:
            words = _problems(len(problems), str(problems[0]))
            return Check("policy", False, words, text("mend that line; the policy is read again by itself"))
        judge = self._policy.judge()
        broken = self._measures(judge)
        if not broken:
            return Check("policy", True, text("version {version}", version=judge.version))
        # Its app's canaries are refused meanwhile: one that is no data would hold up every share.
        words = counted(
            len(broken),
            "one measure of canaries cannot be asked: {first}",
            "{n} measures of canaries cannot be asked, the first: {first}",
            first=broken[0],
        )
        mend = text("mend its `query:` under `canary: measures:` of the policy, which is read again by itself")
        return Check("policy", False, words, mend)

    def _measures(self, judge: Judge) -> list[Text]:
        """Those of the policy whose expression is none, or cannot be held to its app's namespace."""
        found = []
        for measure in (each for rule in judge.policy.canary for each in rule.measures or ()):
            try:
                self._expression(measure.query)
            except BadArguments as bad:
                found.append(text("{name}. {what}", name=measure.criterion.name, what=bad.what))
            except IntegrationError:
                # Without metrics there is nothing to be asked; that check says so.
                continue
        return found

    def _record(self) -> Check:
        wrong = self._audit()
        if wrong is None:
            late = self._behind()
            if late is not None:
                return Check("audit", False, late, text("mend that place; until then what is newer could be rewritten"))
            return Check("audit", True, text("the chain fits its checkpoints"))
        return Check(
            "audit",
            False,
            wrong,
            text("stop me, `pilothouse audit verify`, then `pilothouse audit adopt --reason WHY`"),
        )


def _problems(count: int, first: str) -> Text:
    return counted(count, "{n} problem: {first}", "{n} problems, the first: {first}", first=first)


def _check(ping: Ping) -> Check:
    name, ask = ping
    try:
        said = ask()
        return Check(name, True, text("{words}", words=said if len(said) <= _LONGEST else ""))
    except PilothouseError as error:
        words = text("{what} {why}", what=error.what, why=error.why) if error.why else error.what
        system = error.system if isinstance(error, IntegrationError) else name
        mend = error.next or _MEND.get(name) or (_CLUSTER if name.startswith("cluster ") else None)
        mend = mend or text("look at {system} and at its part of the settings", system=system)
        return Check(name, False, words, mend)
