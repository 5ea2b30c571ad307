"""The policy file to a Policy, or every complaint about it with its line. Total: any bytes give one or the other.

One strict YAML document (strict_yaml), checked against schema.json, then for what a schema cannot see: names that
nobody defined, one Slack id for two people, rules that nobody could fulfil. Decides nothing about anybody.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.analysis import LARGEST, AppMeasure, Criterion
from bot.domain.errors import PolicyBroken
from bot.domain.refs import Principal
from bot.domain.reply import text
from bot.domain.schedules import Misfire, Schedule
from bot.policy import strict_yaml
from bot.policy.cron import problem_of
from bot.policy.model import (
    ANY,
    Approval,
    CanaryRule,
    Cap,
    Grant,
    Group,
    Person,
    Policy,
    Span,
    Timing,
    Timings,
    Weekly,
    Where,
    Window,
)
from bot.policy.strict_yaml import BrokenFile, Document, Problem

MANUAL = "manual"
_SHOWN = 10
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Part: TypeAlias = "Mapping[str, strict_yaml.Value]"


def load(source: Path | bytes) -> Policy:
    """Raises PolicyBroken, and nothing else, saying what is wrong and on which lines."""
    try:
        return parse(source if isinstance(source, bytes) else _bytes(source))
    except BrokenFile as broken:
        raise complaint(broken.problems) from broken


def parse(source: bytes) -> Policy:
    """As `load`, but raises BrokenFile with every problem on its own."""
    document = strict_yaml.read(source)
    if problems := strict_yaml.check(document, schema()):
        raise BrokenFile(problems)
    reader = _Reader(document)
    policy = reader.policy(hashlib.sha256(source).hexdigest()[:12])
    if reader.problems:
        raise BrokenFile(sorted(reader.problems, key=lambda problem: problem.line))
    return policy


def complaint(problems: tuple[Problem, ...]) -> PolicyBroken:
    shown = "; ".join(map(str, problems[:_SHOWN]))
    more = len(problems) - _SHOWN
    return PolicyBroken(
        text("The policy cannot be used, so nobody may do anything."),
        why=text("{problems}", problems=f"{shown}; and {more} more" if more > 0 else shown),
        next=text("Whoever keeps the policy file has to mend it; `doctor` lists what is wrong."),
    )


@cache
def schema() -> Mapping[str, object]:
    words = resources.files("bot.policy").joinpath("schema.json").read_text("utf-8")
    found: Mapping[str, object] = json.loads(words)
    return found


def _bytes(path: Path) -> bytes:
    """One byte more than is allowed is enough to be refused."""
    try:
        with path.open("rb") as file:
            return file.read(strict_yaml.SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise BrokenFile([Problem(0, "", f"there is no file {path}")]) from None
    except (OSError, ValueError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else None
        raise BrokenFile([Problem(0, "", f"{path} cannot be read: {reason or 'not a file'}")]) from None


class _Reader:
    """Walks a document that the schema has passed; collects what is wrong instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self._document = document
        assert isinstance(document.value, dict)
        self._root: Part = document.value
        self.problems: list[Problem] = []

    def policy(self, version: str) -> Policy:
        people = {person.id: person for person in self._people()}
        self._people_known = people.keys()
        groups = {group.name: group for group in self._groups()}
        self._groups_known = groups
        roles = {name: _texts(_part(self._root, "roles"), name) for name in _part(self._root, "roles")}
        return Policy(
            version=version,
            people=people,
            groups=groups,
            roles=roles,
            grants=tuple(self._grants(roles)),
            keepers=self._principals(self._root, "keepers", ()),
            approvals=tuple(self._approvals()),
            caps=tuple(self._caps()),
            freezes=tuple(self._freezes()),
            timings=tuple(self._timings()),
            canary=tuple(self._canary()),
            schedules=tuple(self._schedules()),
        )

    def _complain(self, path: strict_yaml.Path, what: str) -> None:
        self.problems.append(self._document.problem(path, what))

    def _list(self, name: str) -> Iterator[tuple[strict_yaml.Path, Part]]:
        items = self._root.get(name, [])
        assert isinstance(items, list)
        for index, item in enumerate(items):
            assert isinstance(item, dict)
            yield (name, index), item

    # --- who ----------------------------------------------------------------------------------

    def _people(self) -> Iterator[Person]:
        taken: dict[str, str] = {}
        for id in _part(self._root, "people"):
            found = _part(_part(self._root, "people"), id)
            subject = _text(found, "kubernetes")
            self._check_subject(subject, ("people", id, "kubernetes"))
            slack, os_users, email = _texts(found, "slack"), _texts(found, "os"), _text(found, "email")
            keys = [("slack", each, f"the Slack id {each}") for each in slack]
            keys += [("slack", f"*/{each.rpartition('/')[2]}", "") for each in slack if "/" not in each]
            keys += [("os", f"os:{each}", f"the user name {each}") for each in os_users]
            keys += [("kubernetes", f"kubernetes:{subject}", f"the cluster user {subject}")] if subject else []
            keys += [("email", f"mail:{email.lower()}", f"the address {email}")] if email else []
            for field, key, words in keys:
                owner = taken.setdefault(key, id)
                if owner != id and words:
                    self._complain(("people", id, field), f"{words} belongs to {owner} already")
            yield Person(Principal(id), _text(found, "name"), slack, os_users, subject, email)
        self._check_workspaces()

    def _check_workspaces(self) -> None:
        """An id without its workspace means any: nobody else may then have it with one."""
        bare: dict[str, str] = {}
        people = _part(self._root, "people")
        for id in people:
            bare.update({each: id for each in _texts(_part(people, id), "slack") if "/" not in each})
        for id in people:
            for each in _texts(_part(people, id), "slack"):
                owner = bare.get(each.rpartition("/")[2], id)
                if "/" in each and owner != id:
                    self._complain(("people", id, "slack"), f"the Slack id {each} belongs to {owner} already")

    def _check_subject(self, subject: str, path: strict_yaml.Path) -> None:
        if subject.startswith(("system:", "pilothouse:")):
            self._complain(path, "names that begin with system: or pilothouse: are nobody's")

    def _groups(self) -> Iterator[Group]:
        found = _part(self._root, "groups")
        for name in found:
            group = _part(found, name)
            path = ("groups", name)
            self._check_subject(_text(group, "kubernetes"), (*path, "kubernetes"))
            members = self._principals(group, "members", path)
            leads = self._principals(group, "leads", path)
            for index, lead in enumerate(leads):
                if lead not in members:
                    self._complain((*path, "leads", index), f"{lead} leads the group and is no member of it")
            yield Group(name, members, leads, _text(group, "slack"), _text(group, "kubernetes"))

    def _principals(self, part: Part, field: str, path: strict_yaml.Path) -> tuple[Principal, ...]:
        found = tuple(map(Principal, _texts(part, field)))
        for index, who in enumerate(found):
            if who not in self._people_known:
                self._complain((*path, field, index), f"there is no person {who}")
        return found

    def _known_group(self, name: str, path: strict_yaml.Path) -> str:
        if name and name not in self._groups_known:
            self._complain(path, f"there is no group {name}")
        return name

    # --- what ---------------------------------------------------------------------------------

    def _where(self, part: Part, path: strict_yaml.Path) -> Where:
        for field in ("tenant", "env", "app"):
            names = _texts(part, field)
            if ANY in names and len(names) > 1:
                self._complain((*path, field), "has * beside names; write * alone, or the names")
        return Where(*(_texts(part, field) or (ANY,) for field in ("tenant", "env", "app")))

    def _grants(self, roles: Mapping[str, tuple[str, ...]]) -> Iterator[Grant]:
        for path, part in self._list("grants"):
            role = _text(part, "role")
            if role not in roles:
                self._complain((*path, "role"), f"there is no role {role}")
            groups, people = [], []
            for index, receiver in enumerate(_texts(part, "to")):
                kind, _, name = receiver.partition(":")
                if kind == "group":
                    groups.append(self._known_group(name, (*path, "to", index)))
                else:
                    people.append(Principal(name))
                    if people[-1] not in self._people_known:
                        self._complain((*path, "to", index), f"there is no person {name}")
            yield Grant(role, tuple(groups), tuple(people), self._where(part, path))

    def _votes(self, part: Part, path: strict_yaml.Path) -> tuple[int, str]:
        votes, name = int(_text(part, "votes") or "0"), self._known_group(_text(part, "from"), (*path, "from"))
        group = self._groups_known.get(name)
        if group is not None and len(group.members) < votes:
            self._complain((*path, "votes"), f"{name} has only {len(group.members)} members")
        return votes, name

    def _approvals(self) -> Iterator[Approval]:
        for path, part in self._list("approvals"):
            votes, group = self._votes(part, path)
            yield Approval(_texts(part, "for"), self._where(part, path), votes, group)

    def _caps(self) -> Iterator[Cap]:
        for path, part in self._list("caps"):
            votes, group = self._votes(part, path)
            if (_text(part, "then") == "approval") != bool(votes and group) or bool(votes) != bool(group):
                self._complain(path, "wants votes and from with `then: approval`, and neither with `then: refuse`")
            yield Cap(self._where(part, path), _number(part, "max-pods"), _number(part, "max-share"), votes, group)

    # --- when ---------------------------------------------------------------------------------

    def _freezes(self) -> Iterator[Window]:
        for path, part in self._list("freezes"):
            exempt = _texts(part, "exempt")
            for index, name in enumerate(exempt):
                self._known_group(name, (*path, "exempt", index))
            when = self._when(part, path)
            if when is not None:
                yield Window(_text(part, "name"), self._where(part, path), when, _text(part, "reason"), exempt)

    def _when(self, part: Part, path: strict_yaml.Path) -> Span | Weekly | None:
        zone = self._zone(part, path)
        if zone is None:
            return None
        weekly, start, end = _text(part, "weekly"), _text(part, "from"), _text(part, "to")
        if bool(weekly) == bool(start or end) or bool(start) != bool(end):
            self._complain(path, "wants either from and to, or weekly")
            return None
        if weekly:
            first, second = (_weekday(each) for each in weekly.split(" - "))
            if first[0] == second[0] and second[1] <= first[1]:
                self._complain((*path, "weekly"), "ends on the day that it begins, and not after it")
            return Weekly(*first, *second, zone)
        moments = [self._moment(part, field, path, zone) for field in ("from", "to")]
        if moments[0] is None or moments[1] is None:
            return None
        if moments[0] >= moments[1]:
            self._complain((*path, "to"), "is not after from")
        return Span(moments[0], moments[1])

    def _zone(self, part: Part, path: strict_yaml.Path) -> ZoneInfo | None:
        try:
            return ZoneInfo(_text(part, "zone"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._complain((*path, "zone"), "there is no such time zone")
            return None

    def _moment(self, part: Part, field: str, path: strict_yaml.Path, zone: ZoneInfo) -> datetime | None:
        try:
            return datetime.fromisoformat(_text(part, field)).replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            self._complain((*path, field), "there is no such day or time")
            return None

    def _timings(self) -> Iterator[Timings]:
        for path, part in self._list("timings"):
            values = {timing: _duration(_text(part, timing)) for timing in Timing if timing in part}
            if not values:
                self._complain(path, f"sets nothing; one of {', '.join(Timing)}")
            yield Timings(self._where(part, path), values)

    def _schedules(self) -> Iterator[Schedule]:
        names: set[str] = set()
        for path, part in self._list("schedules"):
            name, by, cron, zone = (_text(part, field) for field in ("name", "as", "cron", "zone"))
            if name in names:
                self._complain((*path, "name"), f"{name} stands there twice")
            names.add(name)
            if Principal(by) not in self._people_known:
                self._complain((*path, "as"), f"there is no person {by}")
            if wrong := problem_of(cron):
                self._complain((*path, "cron"), wrong)
            if self._zone(part, path) is not None:
                misfire = Misfire(_text(part, "misfire"))
                line, channel = _text(part, "line"), _text(part, "channel")
                yield Schedule(name, cron, zone, line, Principal(by), channel, misfire)

    def _canary(self) -> Iterator[CanaryRule]:
        for path, part in self._list("canary"):
            steps = tuple(map(int, _texts(part, "steps")))
            if list(steps) != sorted(set(steps)):
                self._complain((*path, "steps"), "have to grow")
            if not part.keys() - {"tenant", "env", "app"}:
                self._complain(path, "sets nothing; one of steps, hold, requests, deadline, measures")
            hold = _text(part, "hold")
            yield CanaryRule(
                self._where(part, path),
                steps=steps or None,
                hold=timedelta() if hold == MANUAL else _duration(hold) if hold else None,
                requests=_number(part, "requests"),
                deadline=_duration(_text(part, "deadline")) if "deadline" in part else None,
                measures=tuple(self._measures(part, path)) if "measures" in part else None,
            )

    def _measures(self, rule: Part, path: strict_yaml.Path) -> Iterator[AppMeasure]:
        """Numbers stand there in the unit that people see: points and milliseconds, where shares and seconds are measured."""
        found = rule["measures"]
        assert isinstance(found, list)
        taken: set[str] = {"errors", "p95", "restarts"}
        for index, part in enumerate(found):
            assert isinstance(part, dict)
            here = (*path, "measures", index)
            name, unit = _text(part, "name"), _text(part, "unit")
            if name.lower() in taken:
                self._complain((*here, "name"), f"{name} is measured already")
            taken.add(name.lower())
            scale = {"%": 100.0, "ms": 1000.0}.get(unit, 1.0)
            numbers = {key: float(_text(part, key)) for key in ("over", "times", "limit") if key in part}
            if not numbers:
                self._complain(here, "is held to nothing; one of over, times, limit")
            is_more_better = _text(part, "better") == "more"
            if "times" in numbers and (numbers["times"] < 1) != is_more_better and numbers["times"] != 1:
                self._complain((*here, "times"), "is below 1 where more is better, and only there")
            criterion = Criterion(
                name,
                unit,
                scale,
                over=numbers["over"] / scale if "over" in numbers else None,
                times=numbers.get("times"),
                limit=numbers["limit"] / scale if "limit" in numbers else None,
                is_more_better=is_more_better,
                least=-LARGEST,
            )
            yield AppMeasure(criterion, _text(part, "query"))


def _part(part: Part, name: str) -> Part:
    found = part[name]
    assert isinstance(found, dict)
    return found


def _text(part: Part, name: str) -> str:
    found = part.get(name, "")
    assert isinstance(found, str)
    return found


def _texts(part: Part, name: str) -> tuple[str, ...]:
    found = part.get(name, [])
    assert isinstance(found, list)
    return tuple(str(each) for each in found)


def _number(part: Part, name: str) -> int | None:
    return int(_text(part, name)) if name in part else None


def _duration(words: str) -> timedelta:
    return timedelta(**{_UNITS[words[-1]]: int(words[:-1])})


def _weekday(words: str) -> tuple[int, time]:
    match = re.fullmatch(r"(\w{3}) (\d\d):(\d\d)", words)
    assert match is not None
    return _DAYS.index(match[1]), time(int(match[2]), int(match[3]))
