"""What a route says at a share: its lists of backends, and the rules that lead some requests to the canary always. Pure.

Without such requests only the lists of backends change. With them the rules change too, so the whole list of rules is what
is tested and set: a rule more moves the places of all that follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bot.domain.codec import canonical
from bot.ports.traffic import Match, MatchKind, Route
from integrations.kubernetes.patching import Object

Backends = list[dict[str, Any]]
Rule = dict[str, Any]
MOST_RULES = 16
"""Of an HTTPRoute, by its definition."""
LISTS = {"HTTPRoute": ("rules", "backendRefs"), "IngressRoute": ("routes", "services")}
"""Where rules stand in a spec, and backends in a rule."""


def state_of(route: Route, found: Object) -> tuple[int, bool] | None:
    """The share that all its lists have, and whether the requests that always reach the canary are led there; None where
    something there is none of ours."""
    standing = {pointer: at(found, pointer) for pointer in route.backends}
    weights = {0} | {weight for value in standing.values() for weight in _weights(value, route.canary)}
    for weight in sorted(weights):
        for is_matched in (False, True) if route.match is not None else (False,):
            if standing == lists_at(route, weight, is_matched=is_matched):
                return weight, is_matched
    return None


def lists_at(route: Route, weight: int, *, is_matched: bool) -> dict[str, Any]:
    """By place: what the plan found at 0 without such requests, to the letter."""
    if route.match is None:
        return {pointer: _split(was, route, weight) for pointer, was in route.backends.items()}
    return {pointer: _rules(was, route, weight, is_matched=is_matched) for pointer, was in route.backends.items()}


def bind(kind: str, found: Object, lists: dict[str, str], match: Match | None) -> dict[str, str]:
    """What of the route a plan binds: `lists` (alone those in which the Service stands), or all rules."""
    if match is None:
        return lists
    rules, _ = LISTS[kind]
    return {f"/spec/{rules}": canonical(found["spec"][rules])}


def can_match(kind: str, found: Object, service: str, match: Match, *, is_traefik: bool) -> str:
    """Why such requests cannot be told apart there, in words; empty where they can."""
    if kind not in LISTS:
        return f"a {kind} has no rules"
    if kind == "IngressRoute":
        return ""
    if match.kind is MatchKind.COOKIE and not is_traefik:
        return "the Gateway API has no rule for cookies, and only Traefik is known to match headers by expression"
    rules = found["spec"]["rules"]
    mine = [rule for rule in rules if _is_whole(rule.get("backendRefs") or [], service)]
    if len(rules) + len(mine) > MOST_RULES:
        return f"it has {len(rules)} rules, and {MOST_RULES} are allowed"
    name = _header(match)[0].lower()
    if any(name == header["name"].lower() for rule in mine for each in _matches(rule) for header in _headers(each)):
        return f"its rules look at the header {name} already"
    return ""


def places(kind: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Lists of backends, with where they stand (JSON pointer)."""
    if kind not in LISTS:
        yield "/spec/weighted/services", (spec.get("weighted") or {}).get("services") or []
        return
    rules, backends = LISTS[kind]
    for index, rule in enumerate(spec.get(rules) or []):
        yield f"/spec/{rules}/{index}/{backends}", rule.get(backends) or []


def at(found: Object, pointer: str) -> Any:
    """What stands at a JSON pointer; None where nothing does."""
    value: Any = found
    for part in pointer.split("/")[1:]:
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _split(was: str, route: Route, weight: int) -> Backends:
    """The list as it was at 0, else its one backend beside the same one of the canary."""
    return _shared(msgspec.json.decode(was, type=Backends), route, weight)


def _shared(original: Backends, route: Route, weight: int) -> Backends:
    if weight == 0:
        return original
    [only] = original
    return [{**only, "weight": 100 - weight}, {**only, "name": route.canary, "weight": weight}]


def _rules(was: str, route: Route, weight: int, *, is_matched: bool) -> list[Rule]:
    _, key = LISTS[route.ref.kind]
    found: list[Rule] = []
    for rule in msgspec.json.decode(was, type=list[Rule]):
        backends = rule.get(key) or []
        if not _is_whole(backends, route.service):
            found.append(rule)
            continue
        if is_matched:
            assert route.match is not None
            always = _narrow_traefik(rule, route.match) if key == "services" else _narrow(rule, route.match)
            found.append({**always, key: [{**backends[0], "name": route.canary}]})
        found.append({**rule, key: _shared(backends, route, weight)})
    return found


def _narrow(rule: Rule, match: Match) -> Rule:
    """For the requests of `match` only: more exact than the rule itself, so that it goes first by the Gateway API's order."""
    name, value, is_expression = _header(match)
    header = {"name": name, "type": "RegularExpression" if is_expression else "Exact", "value": value}
    matches = [{**each, "headers": [*_headers(each), header]} for each in _matches(rule)]
    return {**{key: each for key, each in rule.items() if key != "name"}, "matches": matches}


def _narrow_traefik(rule: Rule, match: Match) -> Rule:
    """Traefik orders by the length of the expression, or by a priority that somebody gave."""
    name, value, is_expression = _header(match)
    # Version 2 of its grammar has the plural.
    word = ("HeaderRegexp" if is_expression else "Header") if rule.get("syntax") != "v2" else ""
    word = word or ("HeadersRegexp" if is_expression else "Headers")
    more = {"priority": rule["priority"] + 1} if rule.get("priority") else {}
    return {**rule, "match": f"({rule['match']}) && {word}(`{name}`, `{value}`)", **more}


def _header(match: Match) -> tuple[str, str, bool]:
    """Name, value, and whether the value is a regular expression."""
    if match.kind is MatchKind.HEADER:
        return match.name, match.value, False
    name, value = (words.replace(".", r"\.") for words in (match.name, match.value))
    return "Cookie", rf"(^|.*;\s*){name}={value}(;.*|$)", True


def _matches(rule: Rule) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rule.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]
    return found


def _headers(match: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = match.get("headers") or []
    return found


def _is_whole(backends: Backends, service: str) -> bool:
    return len(backends) == 1 and backends[0].get("name") == service and backends[0].get("kind", "Service") == "Service"


def _weights(value: Any, canary: str) -> Iterator[int]:
    """Whatever weights the canary has in it, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _weights(each, canary)
    elif isinstance(value, dict):
        weight = value.get("weight")
        if value.get("name") == canary and isinstance(weight, int):
            yield weight
        yield from (weight for each in value.values() for weight in _weights(each, canary))
