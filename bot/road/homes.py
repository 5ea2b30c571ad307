"""Where a command belongs that is about an app and about no environment: a build. Pure, but for the names of apps."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.errors import IntegrationError
from bot.domain.refs import AppName, AppRef, EnvName
from bot.ports.apps import App, Apps
from bot.road.params import Shape


def home_of(shape: Shape, params: object, apps: Apps, may: Callable[[App], bool]) -> App | None:
    """The right to it may come from any env that has the app: the first where the asker has it stands for the app from
    here on, in records too. None where the command is about no app, or about one in an env."""
    app = shape.of_type(params, AppName, AppRef)
    if app is None or any(slot.type is EnvName for slot in shape.slots):
        return None
    homes = apps.homes(app.app if isinstance(app, AppRef) else app)
    return next((home for home in homes if may(home)), homes[0])


def is_app(apps: Apps, word: str) -> bool:
    """Some env has an app of that name; also where that cannot be known now."""
    try:
        return word in map(str, apps.names())
    except IntegrationError:
        return True
