"""The client's connection to one Elasticsearch node, with a deadline for the whole answer and a limit of its size.

The client's own connections have a time-out per read and no limit: one answer of huge lines would fill our memory.
Imported together with the client, lazily.
"""

from __future__ import annotations

import time

import httpx
from elastic_transport import (
    ApiResponseMeta,
    BaseNode,
    ConnectionError,
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
)
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType

ANSWER_LIMIT = 16 * 2**20


class AnswerTooLarge(ConnectionError):
    """More than ANSWER_LIMIT; asked for less, it may do."""


class BoundedNode(BaseNode):
    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._client = httpx.Client(
            base_url=self.base_url,
            trust_env=False,
            follow_redirects=False,
            verify=config.verify_certs is not False,
            headers={"Accept-Encoding": "identity"},
        )

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        seconds = float(request_timeout) if isinstance(request_timeout, int | float) else 10.0
        sent = {**self._headers, **(headers or {})}
        started = time.monotonic()
        try:
            with self._client.stream(method, target, content=body, headers=sent, timeout=seconds) as response:
                found = bytearray()
                for chunk in response.iter_raw():
                    found += chunk
                    if len(found) > ANSWER_LIMIT:
                        raise AnswerTooLarge("the answer is too large")
                    if time.monotonic() - started > seconds:
                        raise ConnectionTimeout("the answer takes too long")
                meta = ApiResponseMeta(
                    node=self.config,
                    duration=time.monotonic() - started,
                    http_version="1.1",
                    status=response.status_code,
                    headers=HttpHeaders(dict(response.headers)),
                )
                return NodeApiResponse(meta, bytes(found))
        except httpx.TimeoutException as late:
            raise ConnectionTimeout("no answer in time", errors=(late,)) from late
        except (httpx.HTTPError, httpx.StreamError) as bad:
            raise ConnectionError(type(bad).__name__, errors=(bad,)) from bad

    def close(self) -> None:
        self._client.close()
