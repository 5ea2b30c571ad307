"""What may not stand in the page's sources; needs no browser."""

import re
from pathlib import Path

import pytest

import bot.playground

PAGE = Path(bot.playground.__file__).parent / "page"
SCRIPTS = sorted(PAGE.glob("js/*.js"))
PARSES_DATA_AS_MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|setHTMLUnsafe|\beval\(|new Function"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_parses_data_as_markup_or_code(script: Path) -> None:
    assert PARSES_DATA_AS_MARKUP.search(script.read_text()) is None


@pytest.mark.parametrize("path", sorted(path for path in PAGE.rglob("*") if path.is_file()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_another_server(path: Path) -> None:
    loaded = re.findall(r"""(?:src|href|url\(|from|import)\s*[=(]?\s*["'(]?(https?:)?//""", path.read_text())
    assert loaded == []


def test_every_script_says_what_it_is_for() -> None:
    assert [script.name for script in SCRIPTS if not script.read_text().startswith("/* ")] == []
