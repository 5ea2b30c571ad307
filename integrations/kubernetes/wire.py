"""JSON as an API server writes it itself. Its JSON patch compares strings as they are written, not as what they mean: a test
of `a && b` fails where the server holds `a \\u0026\\u0026 b`, and one of an umlaut that is written as an escape.

Source: Go's encoding/json (HTML escaping is on) and evanphx/json-patch v4, lazyNode.equal.
"""

from __future__ import annotations

import json
from typing import Any

from kubernetes.client.rest import RESTClientObject, RESTResponse
from urllib3 import Timeout

_ESCAPED = {character: f"\\u{ord(character):04x}" for character in ("&", "<", ">", "\u2028", "\u2029")}
"""They stand in strings only: JSON itself has none of them."""


def encoded(body: object) -> bytes:
    words = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPED.items():
        words = words.replace(character, escape)
    return words.encode()


class PlainRest(RESTClientObject):
    """The library writes every body in its own way: what has one goes around that."""

    def request(
        self,
        method: Any,
        url: Any,
        headers: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        if body is None:
            return super().request(method, url, headers, body, post_params, _request_timeout)  # type: ignore[no-untyped-call]
        connect, read = _request_timeout
        answer = self.pool_manager.request(
            method,
            url,
            body=encoded(body),
            timeout=Timeout(connect=connect, read=read),
            headers=headers,
            preload_content=False,
        )
        return RESTResponse(answer)
