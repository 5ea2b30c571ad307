"""Secrets do not get into a record, whatever shape they have; what is no secret is left alone."""

import pytest

from bot.audit.records import DETAIL_LIMIT, record
from bot.domain.redact import MASK, is_secret_name, redact, redact_fields
from tests.contracts.store.stage import START

CANARY = "c4n4ryS3cr3tVALUE"


@pytest.mark.parametrize(
    "words",
    [
        f"password={CANARY}",
        f"PASSWORD: {CANARY}",
        f"DB_PASSWORD={CANARY} DEBUG=1",
        f"db.password = '{CANARY} with words'",
        f'"client_secret": "{CANARY}"',
        f"apiKey={CANARY}",
        f"AWS_SECRET_ACCESS_KEY={CANARY}",
        f"--password {CANARY} -v",
        f"--token={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"authorization: Basic {CANARY}==",
        f"curl -H 'X-Api-Key: {CANARY}'",
        f"https://bo:{CANARY}@registry.test/v2",
        f"postgresql://bo:{CANARY}@db/web?sslmode=require",
        f"xoxb-1234567890-{CANARY}",
        f"xapp-1-A0-{CANARY}",
        f"xoxe.xoxp-1-{CANARY}",
        f"https://hooks.slack.com/services/T0/B0/{CANARY}",
        f"ghp_{CANARY}{CANARY}",
        f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}",
        f"session_id={CANARY}; path=/",
        f"+ docker login registry.test -u ci -p {CANARY}",
        f"set token {CANARY}".replace("set token ", "token="),
    ],
)
def test_what_looks_like_a_secret_is_masked(words: str) -> None:
    assert CANARY not in redact(words)
    assert MASK in redact(words)


def test_an_amazon_key_is_masked() -> None:
    assert redact("key AKIAIOSFODNN7EXAMPLE used") == "key *** used"


@pytest.mark.parametrize(
    "words",
    [
        "deploy web@1.8.2 to prod",
        "author=ana",
        "compass=north",
        "the key is under the mat",
        "web/prod op-1042 7f3a9c21",
        "sha256:" + "ab" * 32,
        "upstream timed out after 3000 ms, host=cart",
        "https://registry.test:5000/web",
        "10:30:00 level=error path=/login",
        "docker run -p 8080:80 web",
        "",
    ],
)
def test_what_is_no_secret_is_left_alone(words: str) -> None:
    assert redact(words) == words


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact(f"password={CANARY} Authorization: Bearer {CANARY}")
    assert redact(once) == once


@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "api-key", "clientSecret", "x-auth-token", "credentials"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)
    assert redact_fields({name: CANARY, "app": "web"}) == {name: MASK, "app": "web"}


@pytest.mark.parametrize("name", ["author", "key", "app", "passenger", "tokenizer_version", "compass"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_a_record_holds_no_secret_and_no_novel() -> None:
    made = record(
        actor="ana",
        action="config:set",
        target="web/prod",
        op="op-1",
        kind="intent",
        outcome="ok",
        at=START,
        details={"line": f"config set DB_PASSWORD={CANARY}", "token": CANARY, "long": "x" * 10 * DETAIL_LIMIT},
    )
    assert CANARY not in made.body
    assert len(made.body) < 2 * DETAIL_LIMIT


def test_where_a_request_came_from_stands_in_one_place() -> None:
    def body(origin: str, details: dict[str, str]) -> str:
        return record(
            actor="a", action="b", target="c", op="d", kind="e", outcome="f", at=START, origin=origin, details=details
        ).body

    assert body("slack", {"x": "y"}) == body("", {"origin": "slack", "x": "y"})
