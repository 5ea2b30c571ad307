"""Every vendor error becomes one of ours, without what it must not say."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
import urllib3
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from bot.domain.errors import Conflict, IntegrationError, Missing, Refused, Unavailable
from integrations.kubernetes.errors import LONGEST, VENDOR, ours
from tests.integrations.kubernetes.api_server import status

CAUSE = [{"message": "Invalid value: -1"}]


def api(code: int, body: object = "", **headers: str) -> ApiException:
    error = ApiException(status=code, reason="whatever")
    error.body = body if isinstance(body, str) else json.dumps(body)
    error.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return error


def everything_of(error: IntegrationError) -> str:
    return " ".join([str(error), repr(error), *(each.plain() for each in (error.what, error.why) if each)])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (api(400, status(400, "BadRequest", "what is that")), Refused, "what is that"),
        (api(401, status(401, "Unauthorized", "Unauthorized")), Refused, "credentials"),
        (api(403, status(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: q')), Refused, "exceeded quota"),
        (api(404, status(404, "NotFound", 'deployments.apps "web" not found')), Missing, '"web" not found'),
        (api(409, status(409, "AlreadyExists", "already exists")), Conflict, "already exists"),
        (api(410, status(410, "Expired", "too old")), Missing, "too old"),
        (api(422, status(422, "Invalid", "rejected our request")), Conflict, "no longer as it was read"),
        (api(422, status(422, "Invalid", "web is invalid: -1", name="web", causes=CAUSE)), Refused, "is invalid"),
        (api(422, "not a status"), Refused, "422"),
        (api(500, status(500, "InternalError", "etcd is slow")), Unavailable, "etcd is slow"),
        (api(503, "<html>upstream secret-hunter2</html>"), Unavailable, "503 Service Unavailable"),
        (api(599), Unavailable, "599"),
        (urllib3.exceptions.ProtocolError("Connection aborted."), Unavailable, "the connection broke"),
        (ConnectionResetError(104, "reset"), Unavailable, "the connection broke"),
        (TimeoutError("slow"), Unavailable, "within the time allowed"),
        (urllib3.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: unable to get issuer"), Refused, "certificate"),
        (ApiException(status=0, reason="SSLError\nCERTIFICATE_VERIFY_FAILED"), Refused, "certificate"),
        (urllib3.exceptions.SSLError("UNEXPECTED_EOF_WHILE_READING"), Unavailable, "the connection broke"),
        (msgspec.DecodeError("garbage"), Unavailable, "not Kubernetes'"),
        (ConfigException("no such context"), Refused, "no such context"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_becomes_ours(error: Exception, kind: type[IntegrationError], words: str) -> None:
    assert isinstance(error, VENDOR)
    found = ours(error, cluster="alpha")
    assert type(found) is kind
    assert words in str(found)
    assert "hunter2" not in everything_of(found)
    assert "whatever" not in everything_of(found)


def test_an_error_about_a_secret_says_nothing_of_what_the_server_said() -> None:
    body = status(422, "Invalid", 'Secret "db" is invalid: data: Invalid value: "hunter2"', name="db", causes=CAUSE)
    found = ours(api(422, body), cluster="alpha", path="/api/v1/namespaces/shop/secrets/db", is_write=True)
    assert isinstance(found, Refused)
    assert "hunter2" not in everything_of(found)


def test_long_words_are_cut() -> None:
    found = ours(api(403, status(403, "Forbidden", "x" * 5_000 + "\n" * 500)), cluster="alpha")
    assert len(str(found)) < LONGEST + 50
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("60", 60), ("0", 0), ("soon", None), ("-5", None), ("9" * 400, None), ("", None), ("٣", None)],
)
def test_retry_after_is_taken_only_as_plain_seconds(given: str, expected: int | None) -> None:
    found = ours(api(429, Retry_After=given), cluster="alpha")
    assert isinstance(found, Unavailable)
    assert found.retry_after == (None if expected is None else timedelta(seconds=expected))


def test_retry_after_is_also_found_in_the_status() -> None:
    found = ours(api(429, status(429, "TooManyRequests", "", retryAfterSeconds=7)), cluster="alpha")
    assert isinstance(found, Unavailable)
    assert found.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("error", "is_maybe"),
    [
        (api(500), True),
        (urllib3.exceptions.ProtocolError("reset"), True),
        (TimeoutError(), True),
        (msgspec.DecodeError("garbage"), True),
        (api(429), False),
        (api(403), False),
    ],
)
def test_only_where_it_may_have_happened_it_says_so(error: Exception, is_maybe: bool) -> None:
    assert (ours(error, cluster="alpha", is_write=True).why is not None) == is_maybe
    assert ours(error, cluster="alpha", is_write=False).why is None
