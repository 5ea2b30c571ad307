"""The page over a fixed snapshot, without a Slack server: one channel a card, to look at how cards are drawn.

Run it with `python -m tests.browser.gallery 8099`. It answers the page's socket with the golden cards and
acknowledges whatever a person does; it may not grow behaviour of its own, which is the playground's business.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import bot.playground

Json = dict[str, Any]

PAGE = Path(bot.playground.__file__).parent / "page"
CARDS = Path(__file__).parent.parent / "playground" / "cards"
SAMPLES = Path(__file__).parent / "samples"
APP: Json = {
    "id": "A0PILOT01",
    "name": "Pilothouse",
    "bot_user": "U0BOT00001",
    "bot_id": "B0BOT00001",
    "connected": True,
    "mode": "socket",
}
FIRST_TS = 1795528000


def person(ident: str, name: str, title: str, **more: object) -> Json:
    return {
        "id": ident,
        "name": name,
        "real_name": name.capitalize(),
        "title": title,
        "is_bot": False,
        "is_restricted": False,
        "deleted": False,
        "tz": "Europe/Berlin",
        "tz_offset": 3600,
        **more,
    }


PEOPLE = [
    person("U0ANA0001", "ana", "developer"),
    person("U0BOB0002", "bo", "SRE"),
    person("U0LEE0003", "lee", "lead of team-web"),
    person("U0GUEST04", "gil", "guest", is_restricted=True),
    person("U0BOT00001", "pilothouse", "", is_bot=True),
]


def cards() -> Mapping[str, Json]:
    paths = [*sorted(CARDS.glob("*.json")), *sorted(SAMPLES.glob("*.json"))]
    return {path.stem: json.loads(path.read_text()) for path in paths}


def with_ids(blocks: list[Json], name: str) -> list[Json]:
    return [{"block_id": f"{name}-{at}", **block} for at, block in enumerate(blocks)]


def message(name: str, card: Json, channel: str, at: int) -> Json:
    out: Json = {
        "ts": f"{FIRST_TS + at * 60}.000100",
        "channel": channel,
        "user": "U0BOT00001",
        "bot_id": "B0BOT00001",
        "text": card["text"],
        "is_ephemeral": card.get("response_type") == "ephemeral",
        "has_metadata": "metadata" in card,
    }
    if "blocks" in card:
        out["blocks"] = with_ids(card["blocks"], name)
    return out


def channel(ident: str, name: str) -> Json:
    return {
        "id": ident,
        "name": name,
        "is_private": False,
        "is_im": False,
        "is_archived": False,
        "is_ext_shared": False,
        "is_member": True,
        "bot_is_member": True,
        "members": [one["id"] for one in PEOPLE],
        "topic": "",
        "purpose": "",
        "unread": 0,
        "mentions": 0,
        "last_read": "0000000000.000000",
    }


def view(name: str, card: Json) -> Json:
    return {
        **card,
        "id": f"V-{name}",
        "hash": "1",
        "blocks": with_ids(card["blocks"], name),
        "state": {"values": {}},
    }


def snapshot(user: str, modal: str | None) -> Json:
    channels: list[Json] = []
    messages: dict[str, list[Json]] = {}
    home: Json | None = None
    stack: list[Json] = []
    for at, (name, card) in enumerate(cards().items()):
        match card.get("type"):
            case "home":
                home = view(name, card)
            case "modal":
                if name == modal:
                    stack = [view(name, card)]
            case _:
                ident = f"C{at:04}"
                channels.append(channel(ident, name))
                messages[ident] = [message(name, card, ident, at)]
    return {
        "type": "snapshot",
        "seq": 0,
        "workspace": {"id": "T0PAAS001", "name": "Acme", "domain": "acme"},
        "app": APP,
        "me": next(one for one in PEOPLE if one["id"] == user),
        "people": PEOPLE,
        "groups": [{"id": "S0SRE0001", "handle": "sre", "name": "SRE", "users": ["U0BOB0002"]}],
        "channels": [*channels, channel("C0AUD0001", "audit-prod")],
        "messages": messages,
        "home": home,
        "modal": {"stack": stack},
        "commands": [{"command": "/deploy", "description": "Deploy an app", "usage_hint": "APP[@REF] to ENV"}],
        "shortcuts": [],
        "faults": {},
        "limits": {"composer": 40000},
    }


async def socket(connection: WebSocket) -> None:
    await connection.accept()
    user = connection.query_params.get("user", "")
    await connection.send_json(snapshot(user, connection.cookies.get("modal")))
    try:
        while True:
            await connection.receive_text()
    except WebSocketDisconnect:
        return


async def acknowledge(_request: Request) -> JSONResponse:
    return JSONResponse({"ok": True, "options": [{"text": {"type": "plain_text", "text": "web"}, "value": "web"}]})


async def index(_request: Request) -> FileResponse:
    return FileResponse(PAGE / "index.html")


def app() -> Starlette:
    return Starlette(
        routes=[
            Route("/", index),
            WebSocketRoute("/page/ws", socket),
            Route("/page/{action}", acknowledge, methods=["POST"]),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    uvicorn.run(app(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
