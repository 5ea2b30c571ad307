"""The rules of the house that no other tool checks, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("bot", "commands", "integrations")
LAZY = {"matplotlib", "PIL", "elasticsearch", "elastic_transport", "drain3"}
"""Heavy libraries that may be imported where they are used."""
LAZY_OWN = {
    "integrations.elasticsearch.bounded_node",
    "integrations.database.postgres",
    "integrations.database.upgrade",
    "bot.app.playground",
    "bot.app.real_parts",
    "bot.app.found_cluster",
}
"""Modules of ours whose own head imports what is heavy and what not every start needs: clients of systems, Alembic, the simulated world."""

LONG: dict[str, str] = {"bot/ports/store.py": "one contract, read as one page; three quarters of it are docstrings"}
"""Files over 400 lines, with the reason. We aim to keep this empty."""

CATCH_ALL = {
    "bot/road/road.py": "a command's bug becomes a reference",
    "bot/operations/engine.py": "a tick's bug leaves the operation to be looked at again",
    "bot/app/recorder.py": "a bug in sealing or feeding must not end the thread that seals for all",
    "integrations/prometheus/expressions.py": "what a parser in Rust panics with is no Exception",
    "bot/slack/runner.py": "a bug in one request must not end the thread that works for all",
}


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    return tuple(sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def found(offences: list[str]) -> str:
    return "\n" + "\n".join(offences)


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(p) for p in modules(*PRODUCT) if p.read_text().strip() and ast.get_docstring(tree(p)) is None]
    assert not silent, found(silent)


def test_files_stay_under_400_lines() -> None:
    long = [name_of(p) for p in modules(*PRODUCT) if len(p.read_text().splitlines()) > 400 and name_of(p) not in LONG]
    assert not long, found(long)


def test_functions_stay_under_80_lines() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in modules(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 80
    ]
    assert not long, found(long)


@pytest.mark.parametrize(
    ("banned", "homes"),
    [
        ("datetime.now", {"bot/app/clock.py"}),
        ("datetime.utcnow", set()),
        ("time.sleep", {"bot/app/clock.py"}),
        ("os.getenv", set()),
    ],
)
def test_time_and_environment_have_one_home(banned: str, homes: set[str]) -> None:
    offences = [
        f"{name_of(path)}:{call.lineno}"
        for path in modules(*PRODUCT)
        for call, function in calls(path)
        if function == banned and name_of(path) not in homes
    ]
    assert not offences, found(offences)


def test_only_the_settings_read_the_environment() -> None:
    offences = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ" and name_of(path) != "bot/settings.py"
    ]
    assert not offences, found(offences)


def test_everything_is_caught_only_where_it_is_turned_into_a_reference() -> None:
    offences = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and name_of(path) not in CATCH_ALL
    ]
    assert not offences, found(offences)


def test_imports_stand_at_the_top() -> None:
    offences = []
    for path in modules(*PRODUCT):
        for function in ast.walk(tree(path)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                names: list[str] = []
                if not isinstance(node, ast.stmt):
                    continue
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                offences += [
                    f"{name_of(path)}:{node.lineno} {n}"
                    for n in names
                    if n.split(".")[0] not in LAZY and n not in LAZY_OWN
                ]
    assert not offences, found(offences)


def test_templates_are_literals() -> None:
    """An untrusted word in a template would be formatted; joined templates hold placeholders only."""
    offences = []
    for path in modules("bot", "commands", "integrations"):
        for call, function in calls(path):
            if function in {"text", "Text", "counted"} and call.args:
                first = call.args[1] if function == "counted" and len(call.args) > 1 else call.args[0]
                if isinstance(first, ast.JoinedStr):
                    offences.append(f"{name_of(path)}:{call.lineno}")
    assert not offences, found(offences)


def test_protocols_are_small() -> None:
    offences = []
    for path in modules(*PRODUCT):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
                methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
                if len(methods) > 6 and (name_of(path), node.name) not in WIDE:
                    offences.append(f"{name_of(path)}:{node.lineno} {node.name} has {len(methods)}")
    assert not offences, found(offences)


WIDE = {
    ("bot/ports/store.py", "Store"): "the memory as a whole: its transactions, its time, its end",
    ("integrations/database/store.py", "Backend"): "the same, a Session in place of a Tx",
    ("bot/ports/store.py", "Operations"): "one table, all its transitions; each is one statement",
    ("bot/ports/store.py", "Records"): "the chain and its feeds",
    ("bot/ports/store.py", "Outbox"): "one table, all its transitions; each is one statement",
}


def test_nothing_is_left_to_do() -> None:
    offences = [
        f"{name_of(path)}:{n}"
        for path in modules(*PRODUCT, "tests")
        if path.name != "test_architecture.py"
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if "TODO" in line or "FIXME" in line or ("raise NotImplementedError" in line and "tests" not in path.parts)
    ]
    assert not offences, found(offences)


def test_nothing_is_patched_outside_the_integrations_tests() -> None:
    offences = [
        f"{name_of(path)}:{call.lineno}"
        for path in modules("tests")
        if "integrations" not in path.parts
        for call, function in calls(path)
        if function in {"patch", "mock.patch", "Mock", "MagicMock", "monkeypatch.setattr"}
    ]
    assert not offences, found(offences)
