"""Block Kit as specifications, the small parts: text objects, options, interactive elements, rich text.

Definitions only; checked by `schema.py`, put together in `block_schema.py`. Sources: docs.slack.dev/reference/block-kit
(block-elements, composition-objects), November 2026.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.playground import constants as c
from bot.playground.schema import (
    Anything,
    ByType,
    Choice,
    Flag,
    Items,
    Number,
    Obj,
    Out,
    Pattern,
    Rule,
    Spec,
    Text,
    child,
    typed,
)

DATE: Final = Pattern(
    lambda v: re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", v) is not None, "a date YYYY-MM-DD"
)
TIME: Final = Pattern(lambda v: re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", v) is not None, "a time HH:mm")
NUMBER: Final = Pattern(lambda v: re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", v) is not None, "a number")
LINK: Final = Pattern(lambda v: re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", v) is not None and len(v) <= c.URL, "a URL")
WEB_LINK: Final = Pattern(lambda v: re.match(r"https?://", v) is not None and len(v) <= c.URL, "an http or https URL")
ID: Final = Text(c.IDENTIFIER)


def plain(high: int, low: int = 1) -> Spec:
    """A text object that must be plain_text."""
    return ByType(dict([typed("plain_text", {"text": Text(high, low)}, {"emoji": Flag()})]))


def rich(high: int, low: int = 1) -> Spec:
    """A text object, plain_text or mrkdwn."""
    return ByType(
        dict(
            [
                typed("plain_text", {"text": Text(high, low)}, {"emoji": Flag()}),
                typed("mrkdwn", {"text": Text(high, low)}, {"verbatim": Flag()}),
            ]
        )
    )


def _same_option(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.get("value") == b.get("value") and a.get("text", {}).get("text") == b.get("text", {}).get("text")


def _initials_are_options(value: Mapping[str, Any], at: str, out: Out) -> None:
    groups = value.get("option_groups")
    offered = [o for g in groups for o in g["options"]] if groups else value.get("options", [])
    if value.get("initial_option") is not None and not any(_same_option(value["initial_option"], o) for o in offered):
        out.add(child(at, "initial_option"), "not_an_option", "must match one of the options")
    for index, initial in enumerate(value.get("initial_options") or []):
        if not any(_same_option(initial, o) for o in offered):
            out.add(child(child(at, "initial_options"), index), "not_an_option", "must match one of the options")


def _options_or_groups(value: Mapping[str, Any], at: str, out: Out) -> None:
    if (value.get("options") is None) == (value.get("option_groups") is None):
        out.add(at, "options", "must provide either options or option_groups")


def _values_are_unique(value: Mapping[str, Any], at: str, out: Out) -> None:
    seen: set[str] = set()
    for index, option in enumerate(value.get("options") or []):
        if option["value"] in seen:
            out.add(f"{at}/options/{index}/value", "duplicate", f"duplicate option value: {option['value']}")
        seen.add(option["value"])


def _ordered(low: str, high: str) -> Rule:
    def rule(value: Mapping[str, Any], at: str, out: Out) -> None:
        if value.get(low) is not None and value.get(high) is not None and float(value[low]) > float(value[high]):
            out.add(child(at, low), "range", f"must not be greater than {high}")

    return rule


def a_source(value: Mapping[str, Any], at: str, out: Out) -> None:
    if (value.get("image_url") is None) == (value.get("slack_file") is None):
        out.add(at, "missing", "must provide either image_url or slack_file")
    elif value.get("slack_file") is not None and not out.files_ready(value["slack_file"]):
        out.add(child(at, "slack_file"), "slack_file", "invalid slack file")


def _file_by_id_or_url(value: Mapping[str, Any], at: str, out: Out) -> None:
    if (value.get("id") is None) == (value.get("url") is None):
        out.add(at, "missing", "must provide either id or url")


CONFIRM: Final = Obj(
    {
        "title": plain(c.CONFIRM_TITLE),
        "text": rich(c.CONFIRM_TEXT),
        "confirm": plain(c.CONFIRM_BUTTON),
        "deny": plain(c.CONFIRM_BUTTON),
    },
    {"style": Choice(("primary", "danger"))},
)


def _option(text: Spec, *, url: bool = False) -> Obj:
    extra: dict[str, Spec] = {"description": rich(c.OPTION_DESCRIPTION)}
    if url:
        extra["url"] = LINK
    return Obj({"text": text, "value": Text(c.OPTION_VALUE)}, extra)


OPTION: Final = _option(plain(c.OPTION_TEXT))
CHOICE_OPTION: Final = _option(rich(c.OPTION_TEXT))
GROUP: Final = Obj({"label": plain(c.OPTION_TEXT), "options": Items(OPTION, c.OPTIONS)})
SLACK_FILE: Final = Obj({}, {"id": ID, "url": LINK}, (_file_by_id_or_url,))
FILTER: Final = Obj(
    {},
    {
        "include": Items(Choice(("im", "mpim", "private", "public")), 4),
        "exclude_external_shared_channels": Flag(),
        "exclude_bot_users": Flag(),
    },
)
DISPATCH: Final = Obj({}, {"trigger_actions_on": Items(Choice(("on_enter_pressed", "on_character_entered")), 2)})

_ACTION: Final[Mapping[str, Spec]] = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": Flag()}
_ASKED: Final[Mapping[str, Spec]] = {**_ACTION, "placeholder": plain(c.PLACEHOLDER)}
_MANY: Final[Mapping[str, Spec]] = {"max_selected_items": Number(1, 100)}
_QUERY: Final[Mapping[str, Spec]] = {"min_query_length": Number(0, 100)}
IDS: Final = Items(ID, 100)
_STATIC: Final[Mapping[str, Spec]] = {"options": Items(OPTION, c.OPTIONS), "option_groups": Items(GROUP, c.OPTIONS)}
_INPUT: Final[Mapping[str, Spec]] = {
    "action_id": ID,
    "placeholder": plain(c.PLACEHOLDER),
    "focus_on_load": Flag(),
    "dispatch_action_config": DISPATCH,
}
_LENGTHS: Final[Mapping[str, Spec]] = {
    "min_length": Number(0, c.INPUT_CHARACTERS),
    "max_length": Number(1, c.INPUT_CHARACTERS),
    "initial_value": Text(c.INPUT_CHARACTERS, 0),
}
_CONVERSATIONS: Final[Mapping[str, Spec]] = {"filter": FILTER, "default_to_current_conversation": Flag()}

BUTTON: Final = typed(
    "button",
    {"text": plain(c.BUTTON_TEXT)},
    {
        "action_id": ID,
        "url": LINK,
        "value": Text(c.BUTTON_VALUE, 0),
        "style": Choice(("primary", "danger")),
        "confirm": CONFIRM,
        "accessibility_label": Text(c.ACCESSIBILITY_LABEL),
    },
)
OVERFLOW: Final = typed(
    "overflow",
    {"options": Items(_option(plain(c.OPTION_TEXT), url=True), c.OVERFLOW_OPTIONS)},
    {"action_id": ID, "confirm": CONFIRM},
    _values_are_unique,
)
CHECKBOXES: Final = typed(
    "checkboxes",
    {"options": Items(CHOICE_OPTION, c.CHOICE_OPTIONS)},
    {**_ACTION, "initial_options": Items(CHOICE_OPTION, c.CHOICE_OPTIONS)},
    _initials_are_options,
    _values_are_unique,
)
RADIO: Final = typed(
    "radio_buttons",
    {"options": Items(CHOICE_OPTION, c.CHOICE_OPTIONS)},
    {**_ACTION, "initial_option": CHOICE_OPTION},
    _initials_are_options,
    _values_are_unique,
)
DATEPICKER: Final = typed("datepicker", {}, {**_ASKED, "initial_date": DATE})
TIMEPICKER: Final = typed("timepicker", {}, {**_ASKED, "initial_time": TIME, "timezone": Text(64)})
DATETIMEPICKER: Final = typed("datetimepicker", {}, {**_ACTION, "initial_date_time": Number(1e9, 9_999_999_999)})
SELECTS: Final = (
    typed(
        "static_select",
        {},
        {**_ASKED, **_STATIC, "initial_option": OPTION},
        _options_or_groups,
        _initials_are_options,
        _values_are_unique,
    ),
    typed("external_select", {}, {**_ASKED, **_QUERY, "initial_option": OPTION}),
    typed("users_select", {}, {**_ASKED, "initial_user": ID}),
    typed(
        "conversations_select",
        {},
        {**_ASKED, **_CONVERSATIONS, "initial_conversation": ID, "response_url_enabled": Flag()},
    ),
    typed("channels_select", {}, {**_ASKED, "initial_channel": ID, "response_url_enabled": Flag()}),
)
MULTI_SELECTS: Final = (
    typed("multi_static_select", {}, {**_ASKED, **_STATIC, **_MANY, "initial_options": Items(OPTION, 100)}, _options_or_groups, _initials_are_options, _values_are_unique),
    typed("multi_external_select", {}, {**_ASKED, **_QUERY, **_MANY, "initial_options": Items(OPTION, 100)}),
    typed("multi_users_select", {}, {**_ASKED, **_MANY, "initial_users": IDS}),
    typed("multi_conversations_select", {}, {**_ASKED, **_CONVERSATIONS, **_MANY, "initial_conversations": IDS}),
    typed("multi_channels_select", {}, {**_ASKED, **_MANY, "initial_channels": IDS}),
)  # fmt: skip
IMAGE_ELEMENT: Final = typed(
    "image", {"alt_text": Text(c.ALT_TEXT)}, {"image_url": WEB_LINK, "slack_file": SLACK_FILE}, a_source
)
RICH_TEXT_INPUT: Final = typed("rich_text_input", {}, {**_INPUT, "initial_value": Anything()})
INPUTS: Final = (
    typed("plain_text_input", {}, {**_INPUT, **_LENGTHS, "multiline": Flag()}, _ordered("min_length", "max_length")),
    typed("email_text_input", {}, {**_INPUT, "initial_value": Text(c.INPUT_CHARACTERS, 0)}),
    typed("url_text_input", {}, {**_INPUT, "initial_value": Text(c.INPUT_CHARACTERS, 0)}),
    typed(
        "number_input",
        {"is_decimal_allowed": Flag()},
        {**_INPUT, "initial_value": NUMBER, "min_value": NUMBER, "max_value": NUMBER},
        _ordered("min_value", "max_value"),
    ),
    typed("file_input", {}, {"action_id": ID, "filetypes": Items(Text(32), 100), "max_files": Number(1, 10)}),
    RICH_TEXT_INPUT,
)

_PICKERS: Final = (DATEPICKER, TIMEPICKER, CHECKBOXES, RADIO, *SELECTS, *MULTI_SELECTS)
ACCESSORIES: Final = ByType(dict([BUTTON, OVERFLOW, IMAGE_ELEMENT, *_PICKERS]))
ACTION_ELEMENTS: Final = ByType(dict([BUTTON, OVERFLOW, DATETIMEPICKER, RICH_TEXT_INPUT, *_PICKERS]))
INPUT_ELEMENTS: Final = ByType(dict([DATETIMEPICKER, *_PICKERS, *INPUTS]))
CONTEXT_ITEMS: Final = ByType(
    dict(
        [
            IMAGE_ELEMENT,
            typed("plain_text", {"text": Text(c.SECTION_TEXT)}, {"emoji": Flag()}),
            typed("mrkdwn", {"text": Text(c.SECTION_TEXT)}, {"verbatim": Flag()}),
        ]
    )
)

# Rich text ------------------------------------------------------------------------------------------------------------
_STYLE: Final = Obj(
    {},
    {
        name: Flag()
        for name in ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
    },
)
_LONG: Final = Text(1_000_000)
_STYLED: Final[Mapping[str, Spec]] = {"style": _STYLE}
INLINE: Final = ByType(
    dict(
        [
            typed("text", {"text": _LONG}, _STYLED),
            typed("link", {"url": LINK}, {"text": _LONG, "unsafe": Flag(), **_STYLED}),
            typed("user", {"user_id": ID}, _STYLED),
            typed("usergroup", {"usergroup_id": ID}, _STYLED),
            typed("channel", {"channel_id": ID}, _STYLED),
            typed("broadcast", {"range": Choice(("here", "channel", "everyone"))}, _STYLED),
            typed("emoji", {"name": ID}, {"unicode": ID, "skin_tone": Number(1, 6), **_STYLED}),
            typed(
                "date",
                {"timestamp": Number(0, 9_999_999_999), "format": Text(500)},
                {"url": LINK, "fallback": Text(500), **_STYLED},
            ),
            typed("color", {"value": Text(7)}, _STYLED),
        ]
    )
)
_INLINES: Final = Items(INLINE, 5_000, 0)
_SECTION: Final = typed("rich_text_section", {"elements": _INLINES})
_BORDER: Final[Mapping[str, Spec]] = {"border": Choice((0, 1))}
RICH_TEXT_PARTS: Final = ByType(
    dict(
        [
            _SECTION,
            typed("rich_text_preformatted", {"elements": _INLINES}, {**_BORDER, "language": Text(64)}),
            typed("rich_text_quote", {"elements": _INLINES}, _BORDER),
            typed(
                "rich_text_list",
                {"style": Choice(("bullet", "ordered")), "elements": Items(ByType(dict([_SECTION])), 1_000)},
                {**_BORDER, "indent": Number(0, 8), "offset": Number(0, 10_000)},
            ),
        ]
    )
)
RICH_TEXT: Final = typed("rich_text", {"elements": Items(RICH_TEXT_PARTS, 1_000)}, {"block_id": ID})
