"""The one road that every command takes: identify, parse, resolve, authorise, plan, policy, store.

It returns an Outcome and never raises for what a command does: known errors are shown as they stand, anything else is
a bug, logged with a reference. Permissions, approvals and audit live here (and again in the engine, before the first
write), so no origin can walk around them. It changes nothing but our own records.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import structlog

from bot.audit.records import record
from bot.command import Answers, Changes, Risk, Signals
from bot.domain.errors import (
    BadArguments,
    NotPermitted,
    PilothouseError,
    PolicyBroken,
    Preflight,
    Unavailable,
    UnknownName,
    UserError,
)
from bot.domain.forms import Form
from bot.domain.operation import Operation
from bot.domain.refs import AppName, AppRef, EnvName, OperationId, Principal
from bot.domain.reply import Fact, Reply, Text, text
from bot.policy.gate import busy, check_permitted, check_rules, check_signal, check_standing, quorum_of
from bot.policy.judge import Judge
from bot.ports.apps import App, Apps
from bot.ports.people import People, Status
from bot.ports.store import Record, Store
from bot.ports.world import World
from bot.road.catalogue import Catalogue
from bot.road.errands import offer_errand
from bot.road.homes import home_of, is_app
from bot.road.nearest import env_in, offer, unmark
from bot.road.params import Shape, audit_fields, build, form, format_line, parse, partial, take_share
from bot.road.places import place_of
from bot.road.request import (
    Answered,
    Asks,
    Crashed,
    Origin,
    Outcome,
    Proposed,
    Refused,
    Request,
    Signalled,
    Started,
)
from bot.road.settled import settled
from bot.road.who import identify, standings
from bot.steps.codec import hash_plan
from bot.steps.proposal import Given, Proposal

log = structlog.get_logger(__name__)


class Desk(Protocol):
    """Stores what the road has agreed to, in one transaction with its record, card and inbox row (bot.operations)."""

    def propose(self, proposal: Proposal, *, inbox: int | None) -> Operation:
        """Stores the operation, or joins the open one that asks the same."""
        ...

    def signal(self, given: Given, *, inbox: int | None, expiry: timedelta) -> Operation:
        """Raises NotNow, PlanChanged, ApprovalExpired."""
        ...


@dataclass(slots=True)
class _Trip:
    """What is known of a request so far, for the record of a denial."""

    request: Request
    principal: Principal | None = None
    shape: Shape | None = None
    app: App | None = None
    fields: Mapping[str, str] | None = None


class Road:
    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: Store,
        judge: Callable[[], Judge],
        people: People,
        apps: Apps,
        desk: Desk,
        world: Callable[[Principal, Request], World],
        hindrance: Callable[[], UserError | None] = lambda: None,
        diagnose: Callable[[], Reply] | None = None,
    ) -> None:
        """`judge` raises PolicyBroken while the policy cannot be used. `hindrance`: why nothing may be changed.
        `diagnose`: what doctor says, for while nobody can be known."""
        self._catalogue = catalogue
        self._store = store
        self._judge = judge
        self._people = people
        self._apps = apps
        self._desk = desk
        self._world = world
        self._hindrance = hindrance
        self._diagnose = diagnose

    def walk(self, request: Request) -> Outcome:
        trip = _Trip(request)
        try:
            return self._walk(trip)
        except PilothouseError as error:
            self._offer(trip, error)
            return Refused(error, self._refuse(trip, error.code, error.what))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("a command crashed", reference=reference, line_verb=request.line.split(" ", 1)[0])
            self._refuse(trip, "crashed", text("reference {reference}", reference=reference))
            return Crashed(reference)

    def _walk(self, trip: _Trip) -> Outcome:
        request = trip.request
        try:
            judge = self._judge()
        except PolicyBroken:
            if (diagnosis := self._diagnosis(request)) is None:
                raise
            return diagnosis
        principal = trip.principal = request.principal or identify(judge, request.identity)
        shape, words = self._catalogue.find(request.line or "help")
        trip.shape = shape
        words, is_shared = take_share(words)
        world = self._world(principal, request)
        for status in standings(judge, self._people, principal, request):
            check_standing(status, is_change=not isinstance(shape.command.does, Answers))
        defaults = {**world.trail.defaults(request.place), **world.trail.about(request.place)} if shape.slots else {}
        if asks := self._form(trip, defaults, words):
            self._settle(request)
            return asks
        params = self._parse(shape, words, trip, defaults)
        trip.fields = audit_fields(shape, params)
        match shape.command.does:
            case Signals() as signals:
                return self._signal(trip, judge, principal, world, signals, params)
            case Answers() as answers:
                self._authorise(trip, judge, principal, params)
                reply = answers.call(params, world)
                if request.origin is not Origin.REFRESHED:
                    self._note_read(trip)
                return Answered(reply, is_shared)
            case Changes() as changes:
                return self._change(trip, judge, principal, world, changes, params)
            case _ as never:
                assert_never(never)

    def _offer(self, trip: _Trip, error: PilothouseError) -> None:
        if trip.request.values:
            return
        if trip.shape is None:
            unmark(error, trip.request.line)
            return
        words = trip.request.line.removeprefix(trip.shape.command.name).strip()
        envs = tuple(str(env) for env in self._apps.envs())
        offer(error, trip.shape, trip.request.line, words, envs=envs, has_app=trip.app is not None)
        unmark(error, trip.request.line)

    def _diagnosis(self, request: Request) -> Answered | None:
        """While the policy is broken nobody is known; doctor alone still answers members, and says what to mend."""
        if self._diagnose is None or request.line.strip().lower() != "doctor":
            return None
        if self._people.standing(request.identity).status is not Status.ACTIVE:
            return None
        self._settle(request)
        return Answered(self._diagnose())

    # --- identify, parse, resolve, authorise --------------------------------------------------

    def _form(self, trip: _Trip, known: Mapping[str, str], words: str) -> Asks | None:
        shape, request = trip.shape, trip.request
        assert shape is not None
        needs = [slot for slot in shape.slots if slot.is_required]
        if request.wants_form and not request.values:
            return Asks(self._filled(shape, request.line, known))
        # A verb alone that changes something asks, whatever the channel means: nobody restarts an app by one word.
        is_change = isinstance(shape.command.does, Changes) and bool(shape.slots)
        wants_form = not words.strip() and not request.values and (needs or is_change)
        if not wants_form or request.origin in {Origin.ALERT, Origin.SCHEDULED}:
            return None
        if all(slot.name in known for slot in needs) and not is_change:
            return None
        return Asks(self.form(shape.command.name, known))

    def form(self, name: str, filled: Mapping[str, str]) -> Form:
        """Of the command that `name` begins with; what follows the name fills it too."""
        shape, words = self._catalogue.find(name)
        known = {**filled, **partial(shape, words)}
        fields = tuple(
            replace(field, options=tuple(str(env) for env in self._apps.envs())) if field.widget == "env" else field
            for field in form(shape, known)
        )
        title = shape.command.name.capitalize()
        match shape.command.does:
            case Answers():
                return Form(shape.command.name, title, fields, submit="Show", note="")
            case Changes(risk=risk) if risk is not Risk.LOW:
                return Form(shape.command.name, title, fields)
            case _:
                return Form(shape.command.name, title, fields, submit=title, note="")

    def _filled(self, shape: Shape, line: str, known: Mapping[str, str]) -> Form:
        """Of a button. What it says about an operation is settled: only the rest is asked."""
        form = self.form(line, known)
        words = partial(shape, line.removeprefix(shape.command.name).strip())
        if not isinstance(shape.command.does, Signals) or not words:
            return form
        return settled(form, line, words, self._store)

    def _parse(self, shape: Shape, words: str, trip: _Trip, defaults: Mapping[str, str]) -> object:
        request = trip.request
        if request.values:
            return build(shape, {**partial(shape, words), **request.values})
        known = frozenset(str(env) for env in self._apps.envs())
        try:
            return parse(
                shape, words, defaults=defaults, is_env=known.__contains__, is_app=lambda word: is_app(self._apps, word)
            )
        except BadArguments as bad:
            slot = shape.by_name.get(bad.field)
            env = env_in(words) if slot is not None and slot.type is EnvName else None
            if env is not None and str(env) not in known:
                self._apps.locate(AppName("any"), env)
            raise

    def _resolve(self, trip: _Trip, params: object) -> App | None:
        shape = trip.shape
        assert shape is not None
        app = shape.of_type(params, AppName, AppRef)
        env = shape.of_type(params, EnvName)
        if isinstance(app, AppRef):
            app = app.app
        if env is not None and env not in self._apps.envs():
            self._apps.locate(app or AppName("any"), env)
        if app is None or env is None:
            return None
        trip.app = self._apps.locate(app, env)
        return trip.app

    def _authorise(self, trip: _Trip, judge: Judge, principal: Principal, params: object) -> App | None:
        assert trip.shape is not None
        command = trip.shape.command
        app = self._resolve(trip, params)
        if app is None:
            app = home_of(trip.shape, params, self._apps, lambda home: judge.may(principal, command.permission, home))
            trip.app = app
        try:
            check_permitted(judge, principal, command, app)
        except NotPermitted as denied:
            offer_errand(denied, trip.shape, params, self._catalogue, judge, principal)
            raise
        return app

    # --- changes ------------------------------------------------------------------------------

    def _change(
        self, trip: _Trip, judge: Judge, principal: Principal, world: World, changes: Changes[object], params: object
    ) -> Outcome:
        shape = trip.shape
        assert shape is not None
        app = self._authorise(trip, judge, principal, params)
        if (hindrance := self._hindrance()) is not None:
            raise hindrance
        try:
            plan = changes.plan(params, world)
        except Preflight:
            # What is being changed looks wrong half-way: who changes it is the better answer.
            if app is not None and (holder := world.book.holder(app.hold)) is not None:
                raise busy(world, app.hold, holder) from None
            raise
        check_rules(judge, plan, app, principal, world)
        quorum, why = quorum_of(judge, shape.command, app, plan)
        if why is not None:
            facts = (*plan.face.facts, Fact(text("Approvals"), why))
            plan = replace(plan, face=replace(plan.face, facts=facts))
        line = format_line(shape, params)
        fields = trip.fields or {}
        proposal = Proposal(
            command=shape.command.name,
            permission=shape.command.permission,
            line=line,
            app=app,
            requester=principal,
            origin=trip.request.origin.value,
            place=place_of(trip.request, is_private=changes.is_private, is_quiet=changes.is_quiet),
            plan=plan,
            ask_key=hashlib.sha256(f"{principal}\n{line}\n{hash_plan(plan)}".encode()).hexdigest(),
            policy_version=judge.version,
            quorum=quorum,
            expiry=_expiry(judge, app),
            fields={**fields, **plan.extra, "asks": plan.face.asks.plain(), **trip.request.of_schedule},
            # Nobody sees a private plan of a schedule: whoever wrote it into the policy has asked for it.
            is_asked=changes.risk is Risk.LOW or trip.request.origin is Origin.SCHEDULED or changes.is_asked(params),
            reason=fields.get("reason", ""),
            run=trip.request.run,
        )
        operation = self._desk.propose(proposal, inbox=trip.request.inbox)
        return Started(operation) if proposal.is_asked else Proposed(operation)

    # --- signals ------------------------------------------------------------------------------

    def _signal(
        self, trip: _Trip, judge: Judge, principal: Principal, world: World, signals: Signals[object], params: object
    ) -> Outcome:
        shape = trip.shape
        assert shape is not None
        if trip.request.origin is Origin.SCHEDULED:
            raise BadArguments(text("A schedule runs what reads or changes; {verb} steers.", verb=shape.command.name))
        if shape.of_type(params, OperationId) is None:
            self._resolve(trip, params)
        id = signals.find(params, world)
        operation = world.book.operation(id)
        if operation is None:
            raise UnknownName(text("There is no operation {id}.", id=id), next=text("Write `approvals` or `status`."))
        app = trip.app = self._app_of(operation)
        kind = signals.instead(params) or signals.kind
        check_signal(judge, principal, shape.command, kind, operation, app, now=world.now)
        given = Given(
            command=shape.command.name,
            permission=shape.command.permission,
            id=id,
            kind=kind,
            by=principal,
            origin=trip.request.origin.value,
            seen=signals.seen(params),
            step=signals.at_step(params),
            words=signals.words(params),
        )
        return Signalled(self._desk.signal(given, inbox=trip.request.inbox, expiry=_expiry(judge, app)))

    def _app_of(self, operation: Operation) -> App | None:
        if not operation.app or not operation.env:
            return None
        return self._apps.locate(AppName(operation.app), EnvName(operation.env))

    def _settle(self, request: Request) -> None:
        """A form is no attempt yet: nothing is recorded, but the request is answered."""
        inbox = request.inbox
        if inbox is not None:
            self._store.transact(lambda tx: tx.inbox.done(inbox))

    # --- records ------------------------------------------------------------------------------

    def _note(self, trip: _Trip, *, kind: str, outcome: str, why: str = "") -> int:
        shape, request = trip.shape, trip.request
        where = {"origin": request.origin.value, "channel": request.place.channel}
        said = {"command": shape.command.name if shape else "", "why": why}
        details = {**(trip.fields or {}), **request.of_schedule, **where, **{k: v for k, v in said.items() if v}}

        def made(at: datetime) -> Record:
            return record(
                at=at,
                actor=str(trip.principal or f"{request.identity.system}:{request.identity.user}"),
                action=shape.command.permission if shape else "unknown",
                target=trip.app.hold if trip.app else "",
                op="",
                kind=kind,
                outcome=outcome,
                details=details,
            )

        return self._store.note(made, request.inbox)

    def _note_read(self, trip: _Trip) -> None:
        """A record that cannot be written stops every change; what is only read is still answered."""
        try:
            self._note(trip, kind="read", outcome="ok")
        except Unavailable as error:
            log.warning("a read could not be recorded", error=str(error))

    def _refuse(self, trip: _Trip, code: str, what: Text) -> int:
        if trip.request.origin is Origin.REFRESHED:
            return 0
        try:
            return self._note(trip, kind="denied", outcome=code, why=what.plain())
        except Unavailable:
            log.warning("a refusal could not be recorded", code=code)
            return 0


def _expiry(judge: Judge, app: App | None) -> timedelta:
    """How long a request for approval stays open."""
    return judge.duration("approval-expiry", app.name if app else None, app.env if app else None)
