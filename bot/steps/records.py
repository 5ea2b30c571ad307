"""Steps that change our own records and what people set: releases, locks, channel defaults, silences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.operation import Place, Progress, Standing
from bot.domain.refs import AUTO, ObjectRef, Principal
from bot.domain.reply import Button, Buttons, Note, Paragraph, Reply, Text, text
from bot.domain.workloads import Mark
from bot.ports.store import Lock, Proof, Release
from bot.ports.world import Hands, World

_UNSET = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordRelease:
    """Keeps what an app runs, or is about to run: digest, whole template, config bytes."""

    app: str
    env: str
    version: str
    image: str
    container: str
    template: str
    config: str
    proof: Proof

    def describe(self) -> Text:
        if self.proof is Proof.ADOPTED:
            return text("remember {version} as the release to go back to", version=self.version)
        return text("record release {version}", version=self.version)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        known = world.book.releases(self.app, self.env, limit=50)
        there = any(r.operation == mark.operation and r.template == self.template for r in known)
        return Progress(Standing.DONE if there else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.ledger.put_release(
            Release(
                app=self.app,
                env=self.env,
                number=0,
                version=self.version,
                image=self.image,
                container=self.container,
                template=self.template,
                config=self.config,
                proof=self.proof,
                operation=mark.operation,
                at=_UNSET,
                by=hands.acting,
            )
        )


@dataclass(frozen=True, slots=True)
class JudgeRelease:
    """Says what the operation's candidate has become. As an undo it locks the release out, unless a person stopped it."""

    app: str
    env: str
    version: str
    proof: Proof

    def describe(self) -> Text:
        if self.proof is Proof.BAD:
            return text("lock {version} out of {env}", version=self.version, env=self.env)
        return text("{version} is proven on {env}", version=self.version, env=self.env)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        if self.proof is Proof.BAD:
            operation = world.book.operation(mark.operation)
            if operation is None or operation.failed_step is None:
                return Progress(Standing.DONE)
        known = world.book.releases(self.app, self.env, limit=50)
        mine = [r for r in known if r.operation == mark.operation and r.proof is not Proof.ADOPTED]
        is_done = all(r.proof is self.proof for r in mine)
        return Progress(Standing.DONE if is_done else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.ledger.judge_release(self.app, self.env, operation=mark.operation, proof=self.proof)


@dataclass(frozen=True, slots=True)
class SetProof:
    """Locks a release out (a rollback leaves it behind), or allows it again."""

    app: str
    env: str
    number: int
    version: str
    before: Proof
    after: Proof

    def describe(self) -> Text:
        if self.after is Proof.BAD:
            return text("lock {version} out of {env}", version=self.version, env=self.env)
        return text("allow {version} on {env} again", version=self.version, env=self.env)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        known = world.book.releases(self.app, self.env, limit=200)
        is_set = any(r.number == self.number and r.proof is self.after for r in known)
        return Progress(Standing.DONE if is_set else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.ledger.set_proof(self.app, self.env, self.number, self.after)


def taken_over(other: Principal) -> str:
    """The reason of a lock that was taken without saying why."""
    return f"taken over from {other}"


@dataclass(frozen=True, slots=True)
class PutLock:
    app: str
    env: str
    holder: Principal
    reason: str
    time: timedelta | None
    taken_from: Principal | None
    """Who held it when this was planned: somebody else now is a change of the plan."""

    def describe(self) -> Text:
        return text("lock {app} on {env}", app=self.app, env=self.env)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        lock = world.book.lock(self.app, self.env)
        is_ours = lock is not None and lock.holder == self.holder and lock.reason == self.reason
        return Progress(Standing.DONE if is_ours else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        if self.taken_from is not None:
            has_reason = self.reason != taken_over(self.taken_from)
            words = text(
                "{other}, {who} takes over your lock of {app} on {env}{why}",
                other=self.taken_from,
                who=self.holder,
                app=self.app,
                env=self.env,
                why=text(": {reason}", reason=self.reason) if has_reason else text("."),
            )
            hands.tell(self.taken_from, Reply(None, (Paragraph(words),)))
        hands.ledger.lock(
            Lock(app=self.app, env=self.env, holder=self.holder, reason=self.reason, at=_UNSET, until=None),
            time=self.time,
            over=self.taken_from,
        )


@dataclass(frozen=True, slots=True)
class DropLock:
    app: str
    env: str
    holder: Principal

    def describe(self) -> Text:
        return text("unlock {app} on {env}", app=self.app, env=self.env)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        lock = world.book.lock(self.app, self.env)
        return Progress(Standing.ABSENT if lock is not None and lock.holder == self.holder else Standing.DONE)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.ledger.unlock(self.app, self.env, holder=self.holder)


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Asks somebody to run a command line: nothing is done for them, the click is theirs."""

    whom: Principal
    asker: Principal
    line: str
    run: Button

    def describe(self) -> Text:
        return text("ask {who} to run {line}", who=self.whom, line=self.line)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        return Progress(Standing.DONE if world.told(mark.operation, self.whom) else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        words = text("{whom}, {asker} asks you to run `{line}`.", whom=self.whom, asker=self.asker, line=self.line)
        note = text("It runs as you, if you may. Nothing has changed yet.")
        hands.tell(self.whom, Reply(None, (Paragraph(words), Note(note), Buttons((self.run,)))))


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody looks after an alert: its card says who."""

    number: int
    name: str

    def describe(self) -> Text:
        return text("acknowledge {name}, al-{number}", name=self.name, number=self.number)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        thread = world.trail.alert(self.number)
        if thread is None:
            return Progress(Standing.FAILED, why=text("There is no alert al-{number}.", number=self.number))
        return Progress(Standing.DONE if json.loads(thread.state).get("acked_by") else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.acknowledge(self.number)


@dataclass(frozen=True, slots=True)
class SetDefaults:
    """What a channel or thread means when it names no app or env."""

    channel: str
    thread: str
    defaults: Mapping[str, str]

    def describe(self) -> Text:
        return text("remember the defaults of this channel")

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        now = world.trail.defaults(Place(self.channel, self.thread))
        return Progress(Standing.DONE if now == dict(self.defaults) else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.ledger.set_defaults(Place(self.channel, self.thread), dict(self.defaults))


@dataclass(frozen=True, slots=True)
class Silence:
    """Quiets an alert in Alertmanager by exact matchers; its comment names the operation."""

    matchers: Mapping[str, str]
    namespace: str
    time: timedelta
    reason: str

    def _comment(self, mark: Mark) -> str:
        return f"{mark.operation}: {self.reason}"

    def describe(self) -> Text:
        return text("silence {name} for {time}", name=self.matchers.get("alertname", ""), time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        found = world.book.operation(mark.operation)
        until = (found.started if found and found.started else world.now) + self.time
        there = world.alerts.silenced(self._comment(mark))
        return Progress(Standing.DONE if there or world.now > until else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        by = hands.acting if hands.acting != AUTO else Principal("pilothouse")
        hands.alerts.silence(self.matchers, time=self.time, by=str(by), comment=self._comment(mark))
