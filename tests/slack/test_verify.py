"""The verifier is total: whatever the bytes, it says 200, 401 or 413, and only Slack's own bytes get 200."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.refs import Secret
from bot.slack.verify import LARGEST, Verifier, is_shallow

OLD, NEW = Secret("0123456789abcdef0123456789abcdef"), Secret("fedcba9876543210fedcba9876543210")
NOW = 1_795_530_840.0
BODY = b"command=%2Fdeploy&text=web"
VERIFIER = Verifier((NEW, OLD))

Headers = list[tuple[bytes, bytes]]


def signed(body: bytes = BODY, *, secret: Secret = NEW, stamp: bytes = b"1795530840") -> Headers:
    digest = hmac.new(secret.reveal().encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest().encode()
    return [(b"X-Slack-Request-Timestamp", stamp), (b"x-slack-signature", b"v0=" + digest)]


def test_what_slack_signed_is_accepted_and_named_by_its_bytes() -> None:
    verdict = VERIFIER.judge(signed(), BODY, now=NOW)
    assert verdict.is_accepted
    assert verdict.nonce == VERIFIER.judge(signed(), BODY, now=NOW + 9).nonce
    assert verdict.nonce != VERIFIER.judge(signed(stamp=b"1795530841"), BODY, now=NOW).nonce


def test_both_secrets_are_good_while_they_change_and_told_apart() -> None:
    assert VERIFIER.judge(signed(secret=NEW), BODY, now=NOW).secret == 0
    assert VERIFIER.judge(signed(secret=OLD), BODY, now=NOW).secret == 1
    assert VERIFIER.judge(signed(secret=Secret("x" * 32)), BODY, now=NOW).status == 401


@pytest.mark.parametrize(
    ("age", "status"), [(-31, 401), (-30, 200), (0, 200), (300, 200), (301, 401), (86_400, 401), (-299, 401)]
)
def test_the_window_is_five_minutes_back_and_half_a_minute_ahead(age: int, status: int) -> None:
    assert VERIFIER.judge(signed(), BODY, now=NOW + age).status == status


def test_the_window_can_be_set() -> None:
    narrow = Verifier((NEW,), oldest=timedelta(seconds=10), future=timedelta(0))
    assert narrow.judge(signed(), BODY, now=NOW + 11).status == 401


@pytest.mark.parametrize("stamp", [b"", b"abc", b"1e9", b"-1", b"1" * 5000, b"\xff", b" 1795530840", "１".encode()])
def test_no_timestamp_but_digits_is_accepted_even_when_it_is_signed(stamp: bytes) -> None:
    assert VERIFIER.judge(signed(stamp=stamp), BODY, now=NOW).status == 401


def test_a_header_that_stands_there_twice_is_refused() -> None:
    for extra in signed():
        assert VERIFIER.judge([*signed(), extra], BODY, now=NOW).status == 401


def test_every_changed_byte_of_the_signature_is_refused() -> None:
    stamp, (name, signature) = signed()
    for at in range(len(signature)):
        for flip in (1, 4, 128):
            changed = signature[:at] + bytes([signature[at] ^ flip]) + signature[at + 1 :]
            assert VERIFIER.judge([stamp, (name, changed)], BODY, now=NOW).status == 401


def test_a_body_over_the_cap_is_too_large_before_anything_else() -> None:
    body = b"x" * (LARGEST + 1)
    assert VERIFIER.judge(signed(body), body, now=NOW).status == 413


@pytest.mark.parametrize(
    "secrets", [(), (Secret(""),), (Secret(" " * 40),), (Secret("short"),), (NEW, Secret("x" * 31))]
)
def test_there_is_no_start_without_a_whole_secret(secrets: tuple[Secret, ...]) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        Verifier(secrets)


NAMES = st.one_of(
    st.sampled_from([b"x-slack-signature", b"X-Slack-Signature", b"x-slack-request-timestamp", b"content-type"]),
    st.binary(max_size=40),
)
VALUES = st.one_of(st.binary(max_size=200), st.sampled_from([b"1795530840", b"v0=", b"v0=" + b"0" * 64]))


@settings(max_examples=2_000, deadline=None)
@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=6), body=st.binary(max_size=500))
def test_no_bytes_raise_and_none_are_accepted_unsigned(headers: Headers, body: bytes) -> None:
    assert VERIFIER.judge(headers, body, now=NOW).status in {401, 413}


@settings(max_examples=500, deadline=None)
@given(body=st.binary(max_size=500), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_is_refused(body: bytes, at: int, bit: int) -> None:
    headers = signed(body)
    assert VERIFIER.judge(headers, body, now=NOW).is_accepted
    if body:
        changed = bytearray(body)
        changed[at % len(body)] ^= 1 << bit
        assert VERIFIER.judge(headers, bytes(changed), now=NOW).status == 401


@pytest.mark.parametrize(
    ("json", "is_fine"),
    [
        ("{}", True),
        ("[" * 32 + "]" * 32, True),
        ("[" * 33, False),
        ("[" * 100_000, False),
        ('{"a":"' + "[" * 500 + '"}', True),
        ('{"a":"\\"' + "[" * 500 + '"}', True),
        ("[" * 20 + "]" * 20 + "{" * 20, True),
    ],
)
def test_depth_counts_brackets_outside_of_strings(json: str, is_fine: bool) -> None:
    assert is_shallow(json) is is_fine
