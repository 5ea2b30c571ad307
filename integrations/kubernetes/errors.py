"""The one place where what the Kubernetes client raises becomes one of our errors.

Bodies are dropped unless they are a `Status`, and even then never for Secrets: a 422 on a Secret repeats the secret.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException

import msgspec
import urllib3
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from bot.domain.errors import Conflict, IntegrationError, Missing, Refused, Unavailable
from bot.domain.reply import Text, text

SYSTEM = "kubernetes"
LONGEST = 256

VENDOR = (ApiException, urllib3.exceptions.HTTPError, HTTPException, OSError, msgspec.MsgspecError, ConfigException)
"""What may be raised by a call; anything else is a bug of ours."""

_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)
_MAYBE = "The change may have been made all the same."


class _Cause(msgspec.Struct):
    message: str = ""


class _Details(msgspec.Struct, rename="camel"):
    name: str = ""
    kind: str = ""
    causes: list[_Cause] = []
    retry_after_seconds: int = 0


class _Status(msgspec.Struct):
    kind: str
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def ours(error: Exception, *, cluster: str, path: str = "", is_write: bool = False) -> IntegrationError:
    """`path` is the request's, `is_write` whether a lost reply may hide a change."""
    maybe = text(_MAYBE) if is_write and not isinstance(error, _NEVER_SENT) else None
    match error:
        case IntegrationError():
            return error
        case ApiException(status=int(code)) if code:
            return _of_status(code, error, cluster=cluster, path=path, maybe=maybe)
        case ConfigException():
            what = text(
                "The settings of cluster {cluster} cannot be used: {words}", cluster=cluster, words=capped(error)
            )
            return Refused(SYSTEM, what)
        case _ if "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, ssl.SSLCertVerificationError):
            return Refused(
                SYSTEM, text("Cluster {cluster} shows a certificate that cannot be trusted.", cluster=cluster)
            )
        case msgspec.MsgspecError():
            return Unavailable(
                SYSTEM, text("Cluster {cluster} gives answers that are not Kubernetes'.", cluster=cluster), why=maybe
            )
        case _:
            words = _wire_words(error)
            return Unavailable(
                SYSTEM, text("Cluster {cluster} does not answer: {words}.", cluster=cluster, words=words), why=maybe
            )


def _of_status(code: int, error: ApiException, *, cluster: str, path: str, maybe: Text | None) -> IntegrationError:
    status = None if "/secrets" in path else _status(error.body)
    words = capped(status.message) if status and status.message else _phrase(code)
    said = {"cluster": cluster, "words": words}
    details = status.details if status else None
    match code:
        case 401:
            return Refused(SYSTEM, text("Cluster {cluster} does not accept the bot's credentials.", cluster=cluster))
        case 404 | 410:
            return Missing(SYSTEM, text("Cluster {cluster}: {words}", **said))
        case 409:
            return Conflict(SYSTEM, text("Cluster {cluster}: {words}", **said))
        case 422 if status and status.reason == "Invalid" and (details is None or not (details.name or details.causes)):
            # How the API server answers a JSON patch whose test failed; a value that it does not like has causes.
            return Conflict(SYSTEM, text("Cluster {cluster}: it is no longer as it was read.", cluster=cluster))
        case 429:
            what = text("Cluster {cluster} is busy.", cluster=cluster)
            return Unavailable(SYSTEM, what, retry_after=_retry_after(error, details))
        case _ if code >= 500:
            what = text("Cluster {cluster} does not answer: {words}", **said)
            return Unavailable(SYSTEM, what, why=maybe, retry_after=_retry_after(error, details))
        case _:
            return Refused(SYSTEM, text("Cluster {cluster} refuses: {words}", **said))


def _status(body: str | None) -> _Status | None:
    try:
        found = msgspec.json.decode(body or "", type=_Status)
    except msgspec.MsgspecError:
        return None
    return found if found.kind == "Status" else None


def _retry_after(error: ApiException, details: _Details | None) -> timedelta | None:
    given = str((error.headers or {}).get("Retry-After", ""))
    if given.isascii() and given.isdecimal() and len(given) <= 6:
        return timedelta(seconds=int(given))
    if details and details.retry_after_seconds > 0:
        return timedelta(seconds=min(details.retry_after_seconds, 999_999))
    return None


def _phrase(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _wire_words(error: Exception) -> str:
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "its name is not known"
        case urllib3.exceptions.ConnectTimeoutError():
            return "no connection within the time allowed"
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return "no answer within the time allowed"
        case urllib3.exceptions.NewConnectionError():
            return "no connection"
        case _:
            return "the connection broke"


def capped(value: object, longest: int = LONGEST) -> str:
    """One line of at most `longest` characters."""
    line = " ".join(str(value).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
