"""auth.*, api.test, team.*, bots.*, users.*, usergroups.*, apps.connections.open: who is who, and the way in."""

import secrets
from typing import Any

from bot.playground import constants as c
from bot.playground.errors import SlackError
from bot.playground.methods.call import Call, cursor_page
from bot.playground.shapes import user_json
from bot.playground.workspace import Person

Json = dict[str, Any]


def api_test(call: Call) -> Json:
    if error := call.args.text("error"):
        raise SlackError(error)
    return {"args": {}}


def auth_test(call: Call) -> Json:
    ws = call.ws
    return {
        "url": f"https://{ws.seed.team_domain}.slack.com/",
        "team": ws.seed.team_name,
        "user": ws.app.bot_name,
        "team_id": ws.seed.team_id,
        "user_id": ws.app.bot_user,
        "bot_id": ws.app.bot_id,
        "is_enterprise_install": False,
    }


def team_info(call: Call) -> Json:
    seed = call.ws.seed
    return {"team": {"id": seed.team_id, "name": seed.team_name, "domain": seed.team_domain, "email_domain": ""}}


def bots_info(call: Call) -> Json:
    app = call.ws.app
    if call.args.text("bot") not in {None, app.bot_id}:
        raise SlackError("bot_not_found")
    return {
        "bot": {
            "id": app.bot_id,
            "deleted": False,
            "name": app.bot_name,
            "app_id": app.id,
            "user_id": app.bot_user,
            "icons": {},
        }
    }


def _person(call: Call, identifier: str) -> Person:
    person = call.ws.people.get(identifier)
    if person is None:
        raise SlackError("user_not_found")
    return person


def users_info(call: Call) -> Json:
    person = _person(call, call.args.need("user"))
    return {"user": user_json(call.ws, person, with_email=call.has_scope("users:read.email"))}


def users_list(call: Call) -> Json:
    page, more = cursor_page(call, list(call.ws.people.values()), default=200, high=1000)
    with_email = call.has_scope("users:read.email")
    return {
        "members": [user_json(call.ws, person, with_email=with_email) for person in page],
        "cache_ts": int(call.ws.now()),
        "response_metadata": more,
    }


def users_lookup_by_email(call: Call) -> Json:
    email = call.args.need("email").lower()
    for person in call.ws.people.values():
        if person.seed.email.lower() == email and not person.deleted:
            return {"user": user_json(call.ws, person, with_email=True)}
    raise SlackError("users_not_found")


def users_conversations(call: Call) -> Json:
    user = call.args.text("user") or call.ws.app.bot_user
    rows = [
        {"id": channel.id, "name": channel.seed.name}
        for channel in call.ws.channels.values()
        if user in channel.members
        and not channel.im_user
        and (not channel.seed.is_private or call.ws.app.bot_user in channel.members)
    ]
    page, more = cursor_page(call, rows, default=100, high=999)
    return {"channels": page, "response_metadata": more}


def usergroups_list(call: Call) -> Json:
    with_users = call.args.flag("include_users")
    groups = [
        {
            "id": group.id,
            "team_id": call.ws.seed.team_id,
            "is_usergroup": True,
            "name": group.name,
            "handle": group.handle,
            "date_delete": 0,
            **({"users": list(group.users)} if with_users else {}),
            "user_count": len(group.users),
        }
        for group in call.ws.groups.values()
    ]
    return {"usergroups": groups}


def usergroups_users_list(call: Call) -> Json:
    group = call.ws.groups.get(call.args.need("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


def connections_open(call: Call) -> Json:
    """A Socket Mode address, good for one connection and for a short while."""
    if not call.slack.is_socket_mode:
        raise SlackError("socket_mode_not_enabled")
    now = call.slack.now()
    for old in [t for t, at in call.slack.tickets.items() if at < now - c.SOCKET_TICKET_SECONDS]:
        del call.slack.tickets[old]
    ticket = secrets.token_urlsafe(16)
    call.slack.tickets[ticket] = now
    base = call.slack.base_url.replace("http://", "ws://")
    return {"url": f"{base}/link/?ticket={ticket}&app_id={call.ws.app.id}"}
