"""PromQL that an app declares, confined to one workload of one namespace: parsed, each selector given our matchers as part
of the syntax tree, written out with every value escaped, and read once more before it is asked.

Pure. What cannot be confined is refused; nothing here asks Prometheus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import promql_parser as promql

from bot.domain.errors import BadArguments
from bot.domain.reply import text
from bot.ports.observing import Expression, Scope
from integrations.prometheus.promql import Labels, escaped

LENGTH = 1000
DEPTH = 40
"""Of brackets: parsers of deep nesting are the ones that fall over."""
FARTHEST = timedelta(hours=1)
"""That a range may look back; `[$window]` is meant to be used."""
SELECTORS = 10
_PLACES = frozenset({"namespace", "workload", "track", "pods"})
_OWN = frozenset({"workload", "track", "pods"})
"""A selector that says one of these tells canary from stable by itself."""
_MODIFIED = "looks at another time than now (offset, @)"


@dataclass(frozen=True, slots=True)
class Confines:
    """What is put in: for one scope."""

    labels: Labels
    scope: Scope
    track: str

    def values(self) -> dict[str, str]:
        pods = self.labels.pods(self.scope)
        names = {"namespace": self.scope.namespace, "workload": self.scope.workload, "track": self.track}
        return {**names, "pods": pods}


def confined(asked: Expression, scope: Scope, *, labels: Labels, window: timedelta) -> str:
    """PromQL whose every selector is held to the scope. Raises BadArguments where that cannot be had."""
    tree = parsed(asked.words, window)
    _check(tree)
    confines = Confines(labels, scope, asked.track)
    wanted: list[tuple[str, list[tuple[str, str, str]]]] = []

    def confine(node: promql.Expr) -> promql.Expr | None:
        if not isinstance(node, promql.VectorSelector):
            return None
        wanted.append((node.name or "", _matchers(node, confines)))
        return promql.parse(_written(*wanted[-1]))

    written = promql.transform(tree, None, confine).prettify()
    # The library's own writing is not believed: what it wrote is read again, and has to say exactly this.
    found = [(node.name or "", _plain(node)) for node in _selectors(_read(written, "cannot be written again"))]
    if [(name, sorted(parts)) for name, parts in found] != [(name, sorted(parts)) for name, parts in wanted]:
        raise _bad("cannot be confined to a namespace")
    return written


def check(words: str, *, labels: Labels) -> None:
    """Raises BadArguments, with what is wrong, for what `confined` would refuse."""
    confined(Expression(words, "canary"), Scope("cluster", "namespace", "workload"), labels=labels, window=FARTHEST)


def parsed(words: str, window: timedelta) -> promql.Expr:
    """Raises BadArguments for what is no PromQL, or is too long or too deep to be looked at."""
    if len(words) > LENGTH:
        raise _bad(f"is longer than {LENGTH} characters")
    if _depth(words) > DEPTH:
        raise _bad("is nested too deep")
    seconds = f"{max(1, int(window.total_seconds()))}s"
    return _read(words.replace("[$window]", f"[{seconds}]"), "is no PromQL")


def _read(words: str, complaint: str) -> promql.Expr:
    try:
        return promql.parse(words)
    except ValueError as bad:
        raise _bad(f"{complaint}: {str(bad)[:100]}") from bad
    except BaseException as bad:
        # The parser panics at some numbers (`[1e100]`), and what it raises then is no Exception.
        if type(bad).__name__ != "PanicException":
            raise
        raise _bad("has a number that no parser takes") from bad


def _check(tree: promql.Expr) -> None:
    found: list[promql.VectorSelector] = []

    def look(node: promql.Expr) -> bool:
        match node:
            case promql.SubqueryExpr():
                raise _bad("has a subquery, which may ask for anything")
            case promql.MatrixSelector(range=back) if back > FARTHEST:
                raise _bad("looks back for more than an hour")
            case promql.VectorSelector():
                found.append(node)
                _check_selector(node)
            case _:
                pass
        return True

    promql.walk(tree, look)
    if not found:
        raise _bad("asks for no series")
    if len(found) > SELECTORS:
        raise _bad(f"has more than {SELECTORS} selectors")


def _check_selector(node: promql.VectorSelector) -> None:
    if not node.name:
        raise _bad("has a selector without the name of a metric")
    if node.matchers.or_matchers:
        raise _bad("has alternatives (or) between matchers")
    if node.offset is not None or node.at is not None:
        raise _bad(_MODIFIED)
    for matcher in node.matchers.matchers:
        if matcher.name == "__name__":
            raise _bad("names a metric by a matcher")
        unknown = _places(matcher.value) - _PLACES
        if unknown:
            raise _bad(f"has a placeholder ${min(unknown)} that means nothing")
        if "pods" in _places(matcher.value) and _operator(matcher) not in _PATTERNS:
            raise _bad("has $pods outside a regular expression (=~)")


def _matchers(node: promql.VectorSelector, confines: Confines) -> list[tuple[str, str, str]]:
    """(label, operator, value): its own with their placeholders filled in, and ours."""
    values = confines.values()
    found = [(matcher.name, _operator(matcher), _filled(matcher, values)) for matcher in node.matchers.matchers]
    said = {place for matcher in node.matchers.matchers for place in _places(matcher.value)}
    ours = confines.labels.parts(confines.scope, is_by_pod=said.isdisjoint(_OWN))
    return [*found, *(part for part in ours if part not in found)]


def _filled(matcher: promql.Matcher, values: dict[str, str]) -> str:
    is_pattern = _operator(matcher) in _PATTERNS
    safe = {name: value if name == "pods" or not is_pattern else _literal(value) for name, value in values.items()}
    return _PLACE.sub(lambda match: safe.get(match[1], match[0]), matcher.value)


_PLACE = re.compile(r"\$([a-z]+)")
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_PATTERNS = frozenset({"=~", "!~"})


def _operator(matcher: promql.Matcher) -> str:
    return _OPERATORS[str(matcher.op)]


def _places(value: str) -> set[str]:
    return set(_PLACE.findall(value))


def _literal(value: str) -> str:
    """In RE2: names in a cluster have dots and dashes only."""
    return value.replace(".", "\\.")


def _written(name: str, parts: list[tuple[str, str, str]]) -> str:
    inside = ",".join(f'{label}{operator}"{escaped(value)}"' for label, operator, value in parts)
    return f"{name}{{{inside}}}"


def _plain(node: promql.VectorSelector) -> list[tuple[str, str, str]]:
    return [(each.name, _operator(each), each.value) for each in node.matchers.matchers]


def _selectors(tree: promql.Expr) -> list[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []
    # After the children, as `transform` changes them.
    promql.walk(tree, None, lambda node: found.append(node) if isinstance(node, promql.VectorSelector) else None)
    return found


def _depth(words: str) -> int:
    deepest = depth = 0
    for sign in words:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    return deepest + words.count("-")


def _bad(what: str) -> BadArguments:
    return BadArguments(text("The expression {what}.", what=what), field="query")
