"""The page's own endpoints: static files, its WebSocket, and a POST for each thing a person does.

Only the page may call them: a foreign Origin, a foreign Host or a body that is not JSON is refused, so that no web site open
in the same browser can act in the playground.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.playground.errors import PersonError, SlackError
from bot.playground.interactions import Interactions
from bot.playground.methods.call import Args, Call
from bot.playground.methods.chat import permalink
from bot.playground.page_feed import PageFeed, Viewer
from bot.playground.slack import Slack
from bot.playground.world import World

Json = dict[str, Any]
Deed = Callable[[str, Json], Awaitable[Json]]
_PAGE = Path(__file__).parent / "page"
_LOG_SHOWN = 500
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: https:; style-src 'self' 'unsafe-inline'; connect-src 'self' ws:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class PageApi:
    """`hosts`: the names under which the page may be opened."""

    def __init__(
        self, slack: Slack, *, feed: PageFeed, interactions: Interactions, world: World, hosts: frozenset[str]
    ) -> None:
        self._slack = slack
        self._feed = feed
        self._people = interactions
        self._world = world
        self._hosts = hosts
        self._deeds: Mapping[str, Deed] = {
            "slash": self._slash,
            "message": self._message,
            "edit": self._edit,
            "delete": self._delete,
            "click": self._click,
            "suggest": self._suggest,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "shortcut": self._shortcut,
            "message_shortcut": self._message_shortcut,
            "read": self._read,
            "join": self._join,
            "leave": self._leave,
            "invite": self._invite,
            "permalink": self._permalink,
            "faults": self._set_faults,
            "world": self._act,
        }

    def _is_own(self, connection: HTTPConnection) -> bool:
        host = connection.headers.get("host", "")
        origin = connection.headers.get("origin")
        return (urlsplit(f"//{host}").hostname or "") in self._hosts and (
            origin is None or urlsplit(origin).netloc == host
        )

    # Reading --------------------------------------------------------------------------------------------------------------
    async def index(self, request: Request) -> Response:
        return self._static(request, "index.html")

    async def get(self, request: Request) -> Response:
        """GET /page/...: the log, the faults, or a file of the page."""
        path = request.path_params["path"]
        if not self._is_own(request):
            return PlainTextResponse("forbidden", status_code=403)
        if path == "payloads":
            after = request.query_params.get("after", "0")
            number = int(after) if after.isdigit() else 0
            entries = [entry.to_json() for entry in self._slack.log.entries if entry.n > number]
            return JSONResponse({"entries": entries[-_LOG_SHOWN:]})
        if path == "faults":
            return JSONResponse(self._slack.faults.to_json())
        if path.startswith("file/"):
            return self._file(path)
        return self._static(request, path)

    def _static(self, request: Request, path: str) -> Response:
        if not self._is_own(request):
            return PlainTextResponse("forbidden", status_code=403)
        found = (_PAGE / path).resolve()
        if not found.is_relative_to(_PAGE) or not found.is_file():
            return PlainTextResponse("not found", status_code=404)
        return FileResponse(found, headers=_HEADERS)

    def _file(self, path: str) -> Response:
        """An uploaded file, never as a page of its own: only pictures are shown in place."""
        stored = self._slack.workspace.files.get(path.split("/")[1])
        if stored is None or stored.content is None:
            return PlainTextResponse("not found", status_code=404)
        is_picture = stored.mimetype in {"image/png", "image/jpeg", "image/gif", "image/webp"}
        headers = {**_HEADERS, "Content-Security-Policy": "sandbox; default-src 'none'"}
        if not is_picture:
            headers["Content-Disposition"] = "attachment"
        media_type = stored.mimetype if is_picture else "application/octet-stream"
        return Response(stored.content, media_type=media_type, headers=headers)

    async def socket(self, websocket: WebSocket) -> None:
        """The feed of one open page; without a `user` that of the first person."""
        if not self._is_own(websocket):
            await websocket.close(4403)
            return
        await websocket.accept()
        people = self._slack.workspace.people
        user = websocket.query_params.get("user") or next(iter(people))
        if user not in people or people[user].is_bot:
            await websocket.close(4404)
            return
        viewer = self._feed.open(user, wants_payloads=websocket.query_params.get("payloads") == "1")
        leaving = asyncio.get_running_loop().create_task(_until_gone(websocket, viewer))
        try:
            await websocket.send_json(self._feed.snapshot(user))
            while (event := await viewer.queue.get()) is not None:
                await websocket.send_json(event)
            if not leaving.done():
                await websocket.close(4408)
        except WebSocketDisconnect:
            return
        finally:
            leaving.cancel()
            self._feed.close(viewer)

    # Acting ---------------------------------------------------------------------------------------------------------------
    async def post(self, request: Request) -> Response:
        """POST /page/{action}"""
        if not self._is_own(request) or "json" not in request.headers.get("content-type", ""):
            return PlainTextResponse("forbidden", status_code=403)
        deed = self._deeds.get(request.path_params["path"])
        if deed is None:
            return PlainTextResponse("not found", status_code=404)
        try:
            given = json.loads(await request.body())
            if not isinstance(given, dict):
                return PlainTextResponse("an object is needed", status_code=400)
            answer = await deed(str(given.get("user")), given)
        except PersonError as exc:
            return JSONResponse(exc.body())
        except SlackError as exc:
            return JSONResponse({"ok": False, "error": exc.code, "message": exc.code})
        except (KeyError, TypeError, ValueError, RecursionError) as exc:
            return PlainTextResponse(f"malformed: {type(exc).__name__} {exc}", status_code=400)
        return JSONResponse({"ok": True, **answer})

    async def _slash(self, user: str, given: Json) -> Json:
        await self._people.slash(user, given["channel"], line=given["text"], thread_ts=given.get("thread_ts"))
        return {}

    async def _message(self, user: str, given: Json) -> Json:
        ts = self._people.say(
            user,
            given["channel"],
            text=given["text"],
            thread_ts=given.get("thread_ts"),
            broadcast=bool(given.get("reply_broadcast")),
        )
        return {"ts": ts}

    async def _edit(self, user: str, given: Json) -> Json:
        self._people.edit(user, given["channel"], ts=given["ts"], text=given["text"])
        return {}

    async def _delete(self, user: str, given: Json) -> Json:
        self._people.delete(user, given["channel"], ts=given["ts"])
        return {}

    async def _click(self, user: str, given: Json) -> Json:
        await self._people.click(
            user,
            given["source"],
            block_id=given["block_id"],
            action_id=given["action_id"],
            chosen=given,
            state=given.get("state"),
        )
        return {}

    async def _suggest(self, user: str, given: Json) -> Json:
        typed = str(given.get("value") or "")
        return await self._people.suggest(
            user, given["source"], block_id=given["block_id"], action_id=given["action_id"], typed=typed
        )

    async def _submit(self, user: str, given: Json) -> Json:
        await self._people.submit(user, given["view_id"], values=(given.get("state") or {}).get("values") or {})
        return {}

    async def _close(self, user: str, given: Json) -> Json:
        await self._people.close(user, given["view_id"], every=bool(given.get("all")))
        return {}

    async def _home(self, user: str, given: Json) -> Json:
        self._people.open_home(user, str(given.get("tab") or "home"))
        return {}

    async def _shortcut(self, user: str, given: Json) -> Json:
        await self._people.shortcut(user, given["callback_id"])
        return {}

    async def _message_shortcut(self, user: str, given: Json) -> Json:
        await self._people.message_shortcut(user, given["callback_id"], channel_id=given["channel"], ts=given["ts"])
        return {}

    async def _read(self, user: str, given: Json) -> Json:
        self._slack.workspace.mark_read(self._people.channel(given["channel"]), user, given["ts"])
        return {}

    async def _join(self, user: str, given: Json) -> Json:
        channel = self._people.channel(given["channel"])
        if channel.seed.is_private:
            raise PersonError("channel_not_found", "There is no such channel.")
        self._slack.workspace.join(channel, user)
        return {}

    async def _leave(self, user: str, given: Json) -> Json:
        self._slack.workspace.leave(self._people.channel(given["channel"]), user)
        return {}

    async def _invite(self, user: str, given: Json) -> Json:
        self._world.invite_bot(given["channel"])
        return {}

    async def _permalink(self, user: str, given: Json) -> Json:
        call = Call(self._slack, Args(given))
        return {"url": permalink(call, self._people.channel(given["channel"]), given["ts"])}

    async def _set_faults(self, user: str, given: Json) -> Json:
        self._slack.faults.update({name: value for name, value in given.items() if name != "user"})
        faults = self._slack.faults.to_json()
        self._feed.tell_all({"type": "faults", "faults": faults})
        return {"faults": faults}

    async def _act(self, user: str, given: Json) -> Json:
        await self._world.act(given)
        return {}


async def _until_gone(websocket: WebSocket, viewer: Viewer) -> None:
    """Read, and ignore, what the page sends, so that its going is noticed; then end its feed."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    viewer.end()
