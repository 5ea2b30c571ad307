"""The connection under python-jenkins: deadlines, a limit of the answer's size, no retry, no redirect, no environment.

python-jenkins reads headers and a switch for certificates from the environment, repeats bodies in its exceptions and
follows redirects; what is here takes the place of those parts. One client serves one call: its crumb and its session are
not made for several threads.
"""

from __future__ import annotations

import io
import re
import time
from datetime import timedelta
from typing import Any

import jenkins
import requests
import urllib3

from bot.domain.refs import Secret

ANSWER_LIMIT = 8 * 2**20
_CHUNK = 64 * 1024


class BadStatus(jenkins.JenkinsException):  # type: ignore[misc] # the library has no types
    """Neither 2xx nor 404. Without the body, which may repeat what was sent."""

    def __init__(self, status: int, retry_after: timedelta | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after


class AnswerTooLarge(jenkins.JenkinsException):  # type: ignore[misc]
    """More than ANSWER_LIMIT."""


class NeverConnected(jenkins.JenkinsException):  # type: ignore[misc]
    """No connection came about: nothing was sent."""


class BoundedClient(jenkins.Jenkins):  # type: ignore[misc]
    def __init__(self, url: str, user: str, token: Secret, *, connect: timedelta, read: timedelta) -> None:
        super().__init__(url, user or None, token.reveal() or None, retries=0)
        self._connect = connect.total_seconds()
        self._read = read.total_seconds()
        # Kerberos would be tried first where its library happens to be installed.
        del self._auths[1:]
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Accept-Encoding": "identity", "Connection": "close"})

    def close(self) -> None:
        self._session.close()

    def _request(self, req: requests.Request, stream: bool | None = None) -> requests.Response:
        """`stream`: only the head is read; whoever asks for it closes the response."""
        started = time.monotonic()
        # A connection that was kept may be closed at the other end already: a write on it would seem to be lost.
        self._session.close()
        prepared = self._session.prepare_request(req)
        try:
            response = self._session.send(
                prepared, timeout=(self._connect, self._read), stream=True, allow_redirects=False
            )
        except requests.ConnectionError as bad:
            if _never_connected(bad):
                raise NeverConnected(type(bad).__name__) from bad
            raise
        if stream:
            return response
        with response:
            found = bytearray()
            # What has come, not what was asked for: `stream` waits for a whole chunk, however slowly it comes.
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                found += chunk
                if len(found) > ANSWER_LIMIT:
                    raise AnswerTooLarge("answer")
                if time.monotonic() - started > self._connect + self._read:
                    raise requests.ReadTimeout
        response.raw = io.BytesIO(bytes(found))
        # Without a charset in its head the library would guess one from megabytes.
        response.encoding = "utf-8"
        return response

    def _response_handler(self, response: requests.Response) -> requests.Response:
        status = response.status_code
        if status == requests.codes.not_found:
            response.close()
            # The library takes it to mean that there is no crumb issuer.
            raise jenkins.NotFoundException("not found")
        if not 200 <= status < 300:
            response.close()
            raise BadStatus(status, _retry_after(response.headers.get("Retry-After", "")))
        return response


def _never_connected(bad: requests.ConnectionError) -> bool:
    if isinstance(bad, requests.ConnectTimeout):
        return True
    inner = bad.args[0] if bad.args else None
    reason: Any = getattr(inner, "reason", inner)
    # A name that is not known is a NewConnectionError too.
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _retry_after(words: str) -> timedelta | None:
    return timedelta(seconds=min(int(words), 86400)) if re.fullmatch(r"[0-9]{1,9}", words) else None
