"""What looks like a secret, masked before it is stored or shown. A net, not a licence: secrets travel as refs.Secret.

Standard library only. Every pattern is bounded, so that hostile text costs no more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "***"

_NAMES = (
    r"pass(?:word|wd|phrase|code)|(?<![A-Za-z])pass(?![A-Za-z])|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key"
    r"|credentials?|authorization|cookie|session[_-]?id|client[_-]?secret|dsn"
)
_SECRET_NAME = re.compile(rf"(?:^|[_.\-\s])(?:{_NAMES})s?(?:$|[_.\-\s])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}KEY-----(?:(?!-----).){0,20000}(?:-----END [A-Z0-9 ]{0,40}KEY-----)?", re.DOTALL
        ),
        MASK,
    ),
    (re.compile(r"https://hooks\.slack\.com/[A-Za-z]{1,20}/[A-Za-z0-9/_-]{1,300}"), f"https://hooks.slack.com/{MASK}"),
    (re.compile(r"\b(?:xox[a-z]|xoxe\.xox[a-z]|xapp)-[A-Za-z0-9-]{6,400}"), MASK),
    (re.compile(r"\b(?:gh[opsur]_|github_pat_|glpat-|sk-|sk_live_|rk_live_|npm_|hvs\.)[A-Za-z0-9_-]{12,300}"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,4000}(?:\.[A-Za-z0-9_-]{0,4000})?"), MASK),
    (re.compile(r"\b(bearer|basic|negotiate)\s{1,4}[A-Za-z0-9._~+/=-]{6,4000}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://[^\s/:@]{0,200}):[^\s/@]{1,500}@"), rf"\1:{MASK}@"),
    (
        re.compile(
            rf"(?<![A-Za-z0-9])([A-Za-z0-9_.-]{{0,40}}?(?:{_NAMES})s?(?:[_.-][A-Za-z0-9_.-]{{0,40}})?[\"']?)"
            r"(\s{0,4}(?:=|:)\s{0,4})"
            r"(\"[^\"]{1,4000}\"|'[^']{1,4000}'|(?!\*\*\*|(?:bearer|basic|negotiate)\s)[^\s,;&\"'}]{1,4000})",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
    (
        re.compile(
            rf"((?<!\S)--?[a-z-]{{0,40}}(?:{_NAMES})\s{{1,4}})(\"[^\"]{{1,4000}}\"|'[^']{{1,4000}}'|[^\s-]\S{{0,4000}})",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # `docker login -u ci -p VALUE`: elsewhere -p is a port.
    (re.compile(r"(\blogin\s[^\n]{0,200}?(?<!\S)-p\s{1,4})(?!\*\*\*)\S{1,4000}"), rf"\1{MASK}"),
)


_HINT = re.compile(
    rf"{_NAMES}|xox|xapp|gh[opsur]_|github_pat|glpat|sk-|sk_|rk_|npm_|hvs\.|A[KSGRI][IP]A|AROA|AIDA|eyJ|bearer|basic"
    r"|negotiate|://|-----BEGIN|login\s",
    re.IGNORECASE,
)
"""In one pass: whether any of the shapes can be there at all."""


def redact(words: str) -> str:
    """The same text with what looks like a secret replaced by `***`; what names it stays."""
    if _HINT.search(words) is None:
        return words
    for shape, mask in _SHAPES:
        words = shape.sub(mask, words)
    return words


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """`DB_PASSWORD`, `api-key`, `clientSecret`; not `author`, not `key`."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name)) is not None


def redact_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Values by what they look like, and whole where the name says so."""
    return {name: MASK if value and is_secret_name(name) else redact(value) for name, value in fields.items()}
