"""The connection under prometheus-api-client: a deadline for the whole answer, a limit of its size, no redirects."""

from __future__ import annotations

import io
import re
import time
from datetime import timedelta
from typing import Any

import requests

ANSWER_LIMIT = 8 * 2**20
_CHUNK = 64 * 1024


class BadStatus(requests.RequestException):
    """Not 200. The client's own exception repeats the body, and knows neither status nor Retry-After."""

    def __init__(self, status: int, retry_after: timedelta | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after


class AnswerTooLarge(requests.RequestException):
    """More than ANSWER_LIMIT."""


class BoundedSession(requests.Session):
    def __init__(self, deadline: timedelta) -> None:
        super().__init__()
        self._deadline = deadline.total_seconds()
        self.trust_env = False
        self.headers["Accept-Encoding"] = "identity"

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        started = time.monotonic()
        response = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        with response:
            if response.status_code != requests.codes.ok:
                raise BadStatus(response.status_code, _retry_after(response.headers.get("Retry-After", "")))
            found = bytearray()
            # What has come, not what was asked for: `stream` waits for a whole chunk, however slowly it comes.
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                found += chunk
                if len(found) > ANSWER_LIMIT:
                    raise AnswerTooLarge
                if time.monotonic() - started > self._deadline:
                    raise requests.ReadTimeout
        response.raw = io.BytesIO(bytes(found))
        return response


def _retry_after(words: str) -> timedelta | None:
    return timedelta(seconds=min(int(words), 86400)) if re.fullmatch(r"[0-9]{1,9}", words) else None
