"""All Web API methods that this Slack knows, with their limits and scopes. A method not here is `unknown_method`."""

from collections.abc import Mapping
from typing import Final

from bot.playground import constants as c
from bot.playground.methods import chat, conversations, files, people, views
from bot.playground.methods.call import Method

_POST = ("chat:write",)

METHODS: Final[Mapping[str, Method]] = {
    "api.test": Method(people.api_test, None, needs_token=False),
    "apps.connections.open": Method(people.connections_open, c.TIER_2, is_app_level=True),
    "auth.test": Method(people.auth_test, None),
    "blocks.validate": Method(views.blocks_validate, c.TIER_4, needs_token=False),
    "bots.info": Method(people.bots_info, c.TIER_3, ("users:read",)),
    "chat.delete": Method(chat.delete, c.TIER_3, _POST),
    "chat.getPermalink": Method(chat.get_permalink, None),
    "chat.postEphemeral": Method(chat.post_ephemeral, c.TIER_4, _POST),
    "chat.postMessage": Method(chat.post_message, None, _POST),
    "chat.update": Method(chat.update, c.TIER_3, _POST),
    "conversations.history": Method(conversations.history, c.TIER_3),
    "conversations.info": Method(conversations.info, c.TIER_3),
    "conversations.join": Method(conversations.join, c.TIER_3, ("channels:join",)),
    "conversations.leave": Method(conversations.leave, c.TIER_3, ("channels:manage", "channels:write")),
    "conversations.list": Method(conversations.listing, c.TIER_2),
    "conversations.members": Method(conversations.members, c.TIER_4),
    "conversations.open": Method(conversations.open_im, c.TIER_3, ("im:write",)),
    "conversations.replies": Method(conversations.replies, c.TIER_3),
    "files.completeUploadExternal": Method(files.complete_upload, c.TIER_4, ("files:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, c.TIER_4, ("files:write",)),
    "files.info": Method(files.info, c.TIER_4, ("files:read",)),
    "team.info": Method(people.team_info, c.TIER_3, ("team:read",)),
    "usergroups.list": Method(people.usergroups_list, c.TIER_2, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroups_users_list, c.TIER_2, ("usergroups:read",)),
    "users.conversations": Method(people.users_conversations, c.TIER_3, ("channels:read",)),
    "users.info": Method(people.users_info, c.TIER_4, ("users:read",)),
    "users.list": Method(people.users_list, c.TIER_2, ("users:read",)),
    "users.lookupByEmail": Method(people.users_lookup_by_email, c.TIER_3, ("users:read.email",)),
    "views.open": Method(views.open_view, c.TIER_4),
    "views.publish": Method(views.publish, c.TIER_4),
    "views.push": Method(views.push, c.TIER_4),
    "views.update": Method(views.update, c.TIER_4),
}
