"""The policy's answers: who somebody is, what they may do, how many must agree, what stands still. Pure.

Whatever the policy does not say is denied. Knows no Slack, no clock, no file; takes every answer from one Policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from bot.domain.canaries import REQUESTS, CanaryDefaults
from bot.domain.operation import Quorum
from bot.domain.refs import AUTO, AppName, EnvName, Principal
from bot.domain.reply import Text, counted, text
from bot.policy.model import ANY, DEFAULT_TIMINGS, Cap, Grant, Policy, Span, Timing, Weekly, Where
from bot.ports.apps import App
from bot.ports.clusters import Acting
from bot.ports.people import Identity

_NAMED = 3
_READ = "read"


@dataclass(frozen=True, slots=True)
class Allowed:
    permission: str


@dataclass(frozen=True, slots=True)
class Denied:
    permission: str
    elsewhere: tuple[str, ...] = ()
    """Environments (of the app's tenant) where this person has it."""
    granters: tuple[Principal, ...] = ()
    """Leads of the groups that belong to the app's tenant, then the keepers of the policy; at most three."""
    runners: tuple[Principal, ...] = ()
    """Others who may do it; at most three."""
    leads: Mapping[Principal, str] = field(default_factory=dict)
    """Of the granters who lead a group: which."""


@dataclass(frozen=True, slots=True)
class Freeze:
    name: str
    reason: str
    until: datetime
    exempt: str
    """Groups that it does not hold, as words; empty: nobody."""


class Judge:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._by_slack = {_slack_key(each): person.id for person in policy.people.values() for each in person.slack}
        self._groups: dict[Principal, tuple[str, ...]] = {}
        self._grants: dict[Principal, tuple[Grant, ...]] = {}
        """Of those who were asked about. A policy does not change: a new one gets a new judge."""
        self._by_os = {each: person.id for person in policy.people.values() for each in person.os}

    @property
    def version(self) -> str:
        return self.policy.version

    # --- who ----------------------------------------------------------------------------------

    def person(self, identity: Identity) -> Principal | None:
        """None: nobody whom the policy names. Two Slack ids of one person are one principal."""
        match identity.system:
            case "slack":
                homes = (identity.team, identity.enterprise, "")
                found = (self._by_slack.get((home, identity.user)) for home in homes)
                return next((who for who in found if who is not None), None)
            case "terminal":
                return self._by_os.get(identity.user)
            case "schedule":
                # A schedule acts for the person who made it, by the policy's own id.
                return Principal(identity.user) if Principal(identity.user) in self.policy.people else None
            case _:
                return None

    def slack_ids(self, principal: Principal) -> tuple[str, ...]:
        """User ids without their workspaces; empty for somebody who is not in Slack."""
        person = self.policy.people.get(principal)
        return tuple(each.rpartition("/")[2] for each in person.slack) if person else ()

    def identities(self, principal: Principal) -> tuple[Identity, ...]:
        """The accounts that may be asked for live; one without a workspace is of the installation's own."""
        person = self.policy.people.get(principal)
        pairs = (each.rpartition("/") for each in person.slack) if person else ()
        return tuple(Identity(system="slack", team=team, user=user) for team, _, user in pairs)

    def display_name(self, principal: Principal) -> str:
        person = self.policy.people.get(principal)
        return person.name if person else principal.id

    def group_slack_id(self, name: str) -> str:
        """Empty where the group has none, or does not exist."""
        group = self.policy.groups.get(name)
        return group.slack if group else ""

    def groups_of(self, principal: Principal) -> tuple[str, ...]:
        found = self._groups.get(principal)
        if found is None:
            found = tuple(group.name for group in self.policy.groups.values() if principal in group.members)
            if principal in self.policy.people:
                self._groups[principal] = found
        return found

    def roles_of(self, principal: Principal) -> tuple[str, ...]:
        return tuple(dict.fromkeys(grant.role for grant in self._grants_of(principal)))

    def acting(self, principal: Principal) -> Acting | None:
        """Whom the clusters see. None: the clusters know this person under no name, so nothing can be done there."""
        if principal == AUTO:
            return Acting(user=AUTO.id, groups=(AUTO.id,))
        person = self.policy.people.get(principal)
        if person is None or not person.kubernetes:
            return None
        named = (self.policy.groups[name].kubernetes for name in self.groups_of(principal))
        return Acting(user=person.kubernetes, groups=tuple(name for name in named if name))

    # --- may they -----------------------------------------------------------------------------

    def authorise(self, principal: Principal, permission: str, app: App | None) -> Allowed | Denied:
        """`app` None: a permission for what belongs to no app; then it is enough to have it anywhere.

        The bot's own principal may read, and change nothing: what it undoes was approved with the plan.
        """
        if principal == AUTO:
            return Allowed(permission) if permission.endswith(f":{_READ}") else Denied(permission)
        if any(_is_about(grant, app) and self._gives(grant, permission) for grant in self._grants_of(principal)):
            return Allowed(permission)
        granters = self._granters(principal, app)
        return Denied(
            permission,
            elsewhere=self._elsewhere(principal, permission, app),
            granters=tuple(who for who, _ in granters),
            runners=self._runners(principal, permission, app),
            leads={who: group for who, group in granters if group},
        )

    def may(self, principal: Principal, permission: str, app: App | None) -> bool:
        return isinstance(self.authorise(principal, permission, app), Allowed)

    def _gives(self, grant: Grant, permission: str) -> bool:
        # A wildcard is matched by its resource as a whole, and a permission that itself holds one is none.
        if ANY in permission:
            return False
        resource = permission.partition(":")[0]
        given = self.policy.roles.get(grant.role, ())
        return permission in given or f"{resource}:{ANY}" in given

    def _grants_of(self, principal: Principal) -> tuple[Grant, ...]:
        if principal not in self.policy.people:
            return ()
        found = self._grants.get(principal)
        if found is None:
            groups = frozenset(self.groups_of(principal))
            grants = self.policy.grants
            found = tuple(each for each in grants if principal in each.people or not groups.isdisjoint(each.groups))
            self._grants[principal] = found
        return found

    def _elsewhere(self, principal: Principal, permission: str, app: App | None) -> tuple[str, ...]:
        if app is None:
            return ()
        found: dict[str, None] = {}
        for grant in self._grants_of(principal):
            where = grant.where
            is_here = Where(where.tenants, (ANY,), where.apps).covers(tenant=app.tenant, env="", app=str(app.name))
            if is_here and self._gives(grant, permission):
                found.update(dict.fromkeys(where.envs))
        return tuple(found)

    def _granters(self, principal: Principal, app: App | None) -> tuple[tuple[Principal, str], ...]:
        """Each with the group that they lead; empty: they keep the policy."""
        found: dict[Principal, str] = {}
        for grant in self.policy.grants if app else ():
            if app and app.tenant in grant.where.tenants:
                for name in grant.groups:
                    for who in self.policy.groups[name].leads:
                        found.setdefault(who, name)
        for who in self.policy.keepers:
            found.setdefault(who, "")
        return tuple((who, group) for who, group in found.items() if who != principal)[:_NAMED]

    def _runners(self, principal: Principal, permission: str, app: App | None) -> tuple[Principal, ...]:
        found: dict[Principal, None] = {}
        for grant in self.policy.grants:
            if _is_about(grant, app) and self._gives(grant, permission):
                for name in grant.groups:
                    found.update(dict.fromkeys(self.policy.groups[name].members))
                found.update(dict.fromkeys(grant.people))
        return tuple(who for who in found if who != principal)[:_NAMED]

    # --- how many must agree ------------------------------------------------------------------

    def quorum(self, command: str, permission: str, app: App | None, *, pods: int = 0, share: int = 0) -> Quorum:
        """The rule with the most votes, of those that are about it; the first in the file of equal ones.

        `pods` and `share` (percent): what the plan replaces or removes; beyond a cap its votes count too.
        """
        resource = permission.partition(":")[0]
        names = {ANY, command, permission, f"{resource}:{ANY}"}
        found = [
            Quorum(rule.votes, rule.group)
            for rule in self.policy.approvals
            if _covers(rule.where, app) and not names.isdisjoint(rule.subjects)
        ]
        found += [
            Quorum(cap.votes, cap.group)
            for cap in self._caps_of(app)
            if cap.votes and _exceeds(cap, pods=pods, share=share)
        ]
        return max(found, key=lambda quorum: quorum.votes, default=Quorum())

    def cap(self, app: App | None, *, pods: int, share: int) -> Text | None:
        """What is allowed at most, where this would be more and no approval makes it possible."""
        for cap in self._caps_of(app):
            if not cap.votes and _exceeds(cap, pods=pods, share=share):
                return _limit(cap)
        return None

    def _caps_of(self, app: App | None) -> Iterator[Cap]:
        return (cap for cap in self.policy.caps if _covers(cap.where, app))

    def is_voter(self, principal: Principal, group: str) -> bool:
        """A member, and a person whom the policy (still) names; nobody is a member of a group that is not there."""
        found = self.policy.groups.get(group)
        return found is not None and principal in found.members and principal in self.policy.people

    # --- when ---------------------------------------------------------------------------------

    def freeze(self, app: App | None, now: datetime, principal: Principal | None = None) -> Freeze | None:
        """The freeze that holds the app now, and this person; the one that ends last."""
        groups = frozenset(self.groups_of(principal)) if principal else frozenset[str]()
        found = []
        for window in self.policy.freezes:
            if _covers(window.where, app) and groups.isdisjoint(window.exempt):
                until = _until(window.when, now)
                if until is not None:
                    found.append(Freeze(window.name, window.reason, until, " or ".join(window.exempt)))
        return max(found, key=lambda freeze: freeze.until, default=None)

    def duration(self, timing: Timing | str, app: AppName | None = None, env: EnvName | None = None) -> timedelta:
        """Raises ValueError for a name that is none of Timing's. The last rule of the file that is about it counts."""
        timing = Timing(timing)
        found = DEFAULT_TIMINGS[timing]
        for rule in self.policy.timings:
            # A tenant is not known here: rules for one tenant name its apps.
            where = Where((ANY,), rule.where.envs, rule.where.apps)
            if timing in rule.values and where.covers(tenant="", env=str(env or ""), app=str(app or "")):
                found = rule.values[timing]
        return found

    def canary(self, app: App) -> CanaryDefaults:
        """Of several rules that are about the app the last that says something counts, for each field on its own."""
        names = ("steps", "hold", "requests", "deadline", "measures")
        found: dict[str, Any] = {}
        for rule in self.policy.canary:
            if _covers(rule.where, app):
                values = {name: getattr(rule, name) for name in names}
                found.update({name: value for name, value in values.items() if value is not None})
        return CanaryDefaults(
            steps=found.get("steps", ()),
            hold=found.get("hold") or None,
            requests=found.get("requests", REQUESTS),
            deadline=found.get("deadline"),
            measures=found.get("measures", ()),
            said=tuple(name for name in names if name in found),
        )


def _slack_key(id: str) -> tuple[str, str]:
    """Workspace (empty: any) and user, apart: as one text, an envelope could forge the line between them."""
    home, _, user = id.rpartition("/")
    return home, user


def _covers(where: Where, app: App | None) -> bool:
    """A rule that restricts holds what belongs to no app only where it is about everything."""
    if app is None:
        return where == Where()
    return where.covers(tenant=app.tenant, env=str(app.env), app=str(app.name))


def _is_about(grant: Grant, app: App | None) -> bool:
    return app is None or _covers(grant.where, app)


def _exceeds(cap: Cap, *, pods: int, share: int) -> bool:
    return (cap.pods is not None and pods > cap.pods) or (cap.share is not None and share > cap.share)


def _limit(cap: Cap) -> Text:
    if cap.pods is None:
        return text("{share} % of an app at once", share=cap.share or 0)
    pods = counted(cap.pods, "{n} pod", "{n} pods")
    if cap.share is None:
        return text("{pods} at once", pods=pods)
    return text("{pods} and {share} % of an app at once", pods=pods, share=cap.share)


def _until(when: Span | Weekly, now: datetime) -> datetime | None:
    """The end of the window that `now` is in; None outside."""
    match when:
        case Span():
            return when.end if when.start <= now < when.end else None
        case Weekly():
            return _until_weekly(when, now)
        case _:
            assert_never(when)


def _until_weekly(when: Weekly, now: datetime) -> datetime | None:
    local = now.astimezone(when.zone)
    days = (local.weekday() - when.start_day) % 7
    length = (when.end_day - when.start_day) % 7
    begins = local.date() - timedelta(days=days)
    start = datetime.combine(begins, when.start, when.zone).astimezone(UTC)
    end = datetime.combine(begins + timedelta(days=length), when.end, when.zone).astimezone(UTC)
    return end if start <= now < end else None
