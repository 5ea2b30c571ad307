"""The strict reader: total on any bytes, bounded, and every scalar stays the text that was written."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.strict_yaml import SIZE_LIMIT, BrokenFile, Value, check, read


@pytest.mark.parametrize(
    "words",
    ["no", "NO", "off", "12:30:45", "0123", "1.20", "2026-99-99", "null", "~", "0x1F", "1e3", ".inf", "=", "<<", "yes"],
)
def test_a_scalar_stays_the_text_that_was_written(words: str) -> None:
    assert read(f"key: {words}".encode()).value == {"key": words}


def test_an_empty_value_is_empty_text() -> None:
    assert read(b"key:").value == {"key": ""}


def test_values_know_their_lines() -> None:
    document = read(b"a:\n  - x\n  - y: 1\n    z: 2\n")
    assert document.lines["a", 1, "z"] == 4
    assert str(document.problem(("a", 1, "z"), "is wrong")) == "line 4, a[1].z: is wrong"
    assert document.problem(("a", 1, "missing"), "").line == 3


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        (b"", 0, "empty"),
        (b"# nothing\n", 0, "empty"),
        (b"a: 1\na: 2", 2, "given twice, first on line 1"),
        (b"a: &x 1", 1, "anchors"),
        (b"a: 1\nb: *x", 2, "aliases"),
        (b"&x a: 1", 1, "anchors"),
        (b"*x : 1", 1, "aliases"),
        (b"a: !!int 3", 1, "tags"),
        (b"a: !x 3", 1, "tags"),
        (b"a: ! 3", 1, "tags"),
        (b"!!map {a: 1}", 1, "tags"),
        (b"a: !!python/object/apply:os.system [ls]", 1, "tags"),
        (b"%YAML 1.1\n---\na: 1", 1, "directives"),
        (b"%TAG ! tag:x,2000:\n---\na: 1", 1, "directives"),
        (b"a: 1\n---\nb: 1", 2, "second document"),
        (b"? [a, b]\n: 1", 1, "a key has to be text"),
        (b"? {a: b}\n: 1", 1, "a key has to be text"),
        (b"a: \xff", 1, "UTF-8"),
        (b"a: 1\nb: \x00", 0, "not YAML"),
        (b"a: 'x", 1, "end of stream"),
        (b"a: b: c", 1, "not allowed"),
        (b"\ta: 1", 1, "cannot start"),
        (b"[" * 100_000, 1, "deeper than 20"),
        (b"{a: " * 60_000, 1, "deeper than 20"),
        (b"- " * 100_000, 1, "deeper than 20"),
        (b"x" * (SIZE_LIMIT + 1), 0, "bytes"),
    ],
)
def test_a_refusal_names_line_and_reason(source: bytes, line: int, words: str) -> None:
    with pytest.raises(BrokenFile, match=words) as caught:
        read(source)
    assert caught.value.problems[0].line == line


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    bomb = b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (97 + n, 97 + n, b", ".join([b"*%c" % (96 + n)] * 10)) for n in range(1, 9)
    )
    tracemalloc.start()
    with pytest.raises(BrokenFile, match="anchors"):
        read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    tracemalloc.stop()


@given(st.binary(max_size=300))
def test_any_bytes_give_a_document_or_a_broken_file(source: bytes) -> None:
    with suppress(BrokenFile):
        assert only_text(read(source).value)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@, \n\t0?~", max_size=60))
def test_any_mixture_of_yaml_signs_gives_a_document_or_a_broken_file(words: str) -> None:
    with suppress(BrokenFile):
        assert only_text(read(words.encode()).value)


def only_text(value: Value) -> bool:
    match value:
        case str():
            return True
        case list():
            return all(map(only_text, value))
        case dict():
            return all(isinstance(key, str) and only_text(each) for key, each in value.items())


def test_a_pattern_has_to_match_to_the_very_end() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x$", "description": "an x"}}}
    assert check(read(b"a: x"), schema) == ()
    assert [str(p) for p in check(read(b'a: "x\\n"'), schema)] == ['line 1, a: "x\\n" has to be an x']


def test_words_of_the_file_in_a_complaint_are_short_and_printable() -> None:
    schema = {"additionalProperties": False}
    [problem] = check(read(b'"\\e[31m' + b"y" * 500 + b'": 1'), schema)
    assert str(problem).isprintable()
    assert len(str(problem)) < 200
