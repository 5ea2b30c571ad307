"""The Web API over HTTP: tokens, scopes, rate limits, faults and the log, around the methods of `methods/`."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.playground.errors import SlackError
from bot.playground.methods import files
from bot.playground.methods.call import Args, Call, Method
from bot.playground.methods.table import METHODS
from bot.playground.response_urls import ResponseUrls
from bot.playground.slack import Slack

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call comes to before it is an HTTP response; `dies` cuts the connection instead of answering."""

    body: Json
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    dies: bool = False

    @property
    def outcome(self) -> str:
        if self.dies:
            return "reset"
        if self.status >= 429:
            return str(self.status)
        return "ok" if self.body.get("ok") else str(self.body.get("error"))


async def read_arguments(request: Request) -> Json:
    """Arguments of a JSON, form or query call; a body that is not what it says is `invalid_json`."""
    given: Json = dict(request.query_params)
    body = await request.body()
    if not body:
        return given
    if "json" in request.headers.get("content-type", ""):
        try:
            data = json.loads(body)
        except ValueError as exc:
            raise SlackError("invalid_json") from exc
        if not isinstance(data, dict):
            raise SlackError("json_not_object")
        return given | data
    return given | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


class WebApi:
    def __init__(self, slack: Slack, urls: ResponseUrls) -> None:
        self._slack = slack
        self._urls = urls

    async def call(self, request: Request) -> Response:
        """POST /api/{method}"""
        began = time.perf_counter()
        name = request.path_params["method"]
        given: Json = {}
        try:
            given = await read_arguments(request)
            answer = await self._answer(name, request.headers.get("authorization", ""), given)
        except SlackError as exc:
            answer = Answer(exc.body())
        except ClientDisconnect:
            return Response()
        ms = (time.perf_counter() - began) * 1000
        self._slack.log.add("from_app", "api", name, request=given, response=answer.body, status=answer.outcome, ms=ms)
        if answer.dies:
            return await cut(request)
        headers = {
            "x-oauth-scopes": ",".join(self._slack.manifest.scopes),
            "x-slack-req-id": self._slack.workspace.new_id("req"),
            **dict(answer.headers),
        }
        return JSONResponse(answer.body, status_code=answer.status, headers=headers)

    async def _answer(self, name: str, authorization: str, given: Json) -> Answer:
        faults = self._slack.faults
        if seconds := faults.take_slow(name):
            await asyncio.sleep(seconds)
        if faults.take_reset_before(name):
            return Answer({}, dies=True)
        if faults.take_server_error(name):
            return Answer({"ok": False, "error": "internal_error"}, status=503)
        if retry_after := faults.take_rate_limit(name):
            return limited(retry_after)
        method = METHODS.get(name)
        if method is None:
            return Answer({"ok": False, "error": "unknown_method", "req_method": name})
        self._authorise(method, authorization, given)
        published = self._slack.conduct.messages_a_minute if name == "chat.postMessage" else method.per_minute
        if wait := self._slack.rates.retry_after(name, published, str(given.get("channel") or "")):
            return limited(wait)
        answer = Answer({"ok": True, **method.run(Call(self._slack, Args(given)))})
        return Answer(answer.body, dies=True) if faults.take_reset_after(name) else answer

    def _authorise(self, method: Method, authorization: str, given: Mapping[str, Any]) -> None:
        app = self._slack.workspace.app
        token = authorization.removeprefix("Bearer ") or ("" if method.is_app_level else str(given.get("token") or ""))
        if not method.needs_token:
            return
        if not token:
            raise SlackError("not_authed")
        if token not in {app.bot_token, app.app_token}:
            raise SlackError("invalid_auth")
        if (token == app.app_token) != method.is_app_level:
            raise SlackError("not_allowed_token_type")
        if not self._slack.workspace.is_installed:
            raise SlackError("account_inactive")
        Call(self._slack, Args(given)).need_scope(*method.scopes)

    # Posts without a token ------------------------------------------------------------------------------------------------
    async def respond(self, request: Request) -> Response:
        """POST to a response_url."""
        began = time.perf_counter()
        faults = self._slack.faults
        given: Json = {}
        if seconds := faults.take_slow("response_url"):
            await asyncio.sleep(seconds)
        try:
            given = await read_arguments(request)
            answer = self._respond(request.path_params["token"], given)
        except SlackError as exc:
            answer = Answer(exc.body(), status=400)
        except ClientDisconnect:
            return Response()
        ms = (time.perf_counter() - began) * 1000
        status = str(answer.body.get("error") or answer.outcome)
        self._slack.log.add(
            "from_app", "response_url", "response_url", request=given, response=answer.body, status=status, ms=ms
        )
        if answer.dies:
            return await cut(request)
        return JSONResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))

    def _respond(self, token: str, given: Json) -> Answer:
        faults = self._slack.faults
        if faults.take_reset_before("response_url"):
            return Answer({}, dies=True)
        if faults.take_server_error("response_url"):
            return Answer({"ok": False, "error": "internal_error"}, status=503)
        if retry_after := faults.take_rate_limit("response_url"):
            return limited(retry_after)
        status, body = self._urls.post(token, given)
        return Answer(body, status=status, dies=faults.take_reset_after("response_url"))

    async def upload(self, request: Request) -> Response:
        """The second step of a file upload: raw bytes, no token."""
        faults = self._slack.faults
        if faults.take_reset_before("upload"):
            return await cut(request)
        if faults.take_server_error("upload"):
            return PlainTextResponse("error", status_code=503)
        status, text = files.receive(self._slack, request.path_params["file_id"], await request.body())
        return PlainTextResponse(text, status_code=status)


def limited(seconds: int) -> Answer:
    return Answer({"ok": False, "error": "ratelimited"}, status=429, headers=(("Retry-After", str(seconds)),))


async def cut(request: Request) -> Response:
    """End the TCP connection without an answer. uvicorn hands over its transport with the bound `receive`."""
    transport = getattr(getattr(request.receive, "__self__", None), "transport", None)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
        await asyncio.sleep(0)
    return Response(status_code=500)
