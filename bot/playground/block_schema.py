"""Block Kit as specifications: text objects, elements, blocks, and which block may stand on which surface.

Definitions only; checked by `schema.py`, used by `validate_blocks.py`. Sources: docs.slack.dev/reference/block-kit
(blocks, block-elements, composition-objects), November 2026.
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

DATE: Final = Pattern(lambda v: re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", v) is not None, "a date YYYY-MM-DD")
TIME: Final = Pattern(lambda v: re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", v) is not None, "a time HH:mm")
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


def _a_source(value: Mapping[str, Any], at: str, out: Out) -> None:
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
_IDS: Final = Items(ID, 100)
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
    typed("static_select", {}, {**_ASKED, **_STATIC, "initial_option": OPTION}, _options_or_groups, _initials_are_options, _values_are_unique),
    typed("external_select", {}, {**_ASKED, **_QUERY, "initial_option": OPTION}),
    typed("users_select", {}, {**_ASKED, "initial_user": ID}),
    typed("conversations_select", {}, {**_ASKED, **_CONVERSATIONS, "initial_conversation": ID, "response_url_enabled": Flag()}),
    typed("channels_select", {}, {**_ASKED, "initial_channel": ID, "response_url_enabled": Flag()}),
)
MULTI_SELECTS: Final = (
    typed("multi_static_select", {}, {**_ASKED, **_STATIC, **_MANY, "initial_options": Items(OPTION, 100)}, _options_or_groups, _initials_are_options, _values_are_unique),
    typed("multi_external_select", {}, {**_ASKED, **_QUERY, **_MANY, "initial_options": Items(OPTION, 100)}),
    typed("multi_users_select", {}, {**_ASKED, **_MANY, "initial_users": _IDS}),
    typed("multi_conversations_select", {}, {**_ASKED, **_CONVERSATIONS, **_MANY, "initial_conversations": _IDS}),
    typed("multi_channels_select", {}, {**_ASKED, **_MANY, "initial_channels": _IDS}),
)  # fmt: skip
IMAGE_ELEMENT: Final = typed("image", {"alt_text": Text(c.ALT_TEXT)}, {"image_url": WEB_LINK, "slack_file": SLACK_FILE}, _a_source)
RICH_TEXT_INPUT: Final = typed("rich_text_input", {}, {**_INPUT, "initial_value": Anything()})
INPUTS: Final = (
    typed("plain_text_input", {}, {**_INPUT, **_LENGTHS, "multiline": Flag()}, _ordered("min_length", "max_length")),
    typed("email_text_input", {}, {**_INPUT, "initial_value": Text(c.INPUT_CHARACTERS, 0)}),
    typed("url_text_input", {}, {**_INPUT, "initial_value": Text(c.INPUT_CHARACTERS, 0)}),
    typed(
        "number_input",
        {"is_decimal_allowed": Flag()},
        {**_INPUT, "initial_value": Text(64), "min_value": Text(64), "max_value": Text(64)},
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
_STYLE: Final = Obj({}, {name: Flag() for name in ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")})
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
            typed("date", {"timestamp": Number(0, 9_999_999_999), "format": Text(500)}, {"url": LINK, "fallback": Text(500), **_STYLED}),
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


# Charts ---------------------------------------------------------------------------------------------------------------
def _series_fit_the_axis(value: Mapping[str, Any], at: str, out: Out) -> None:
    categories = value["axis_config"]["categories"]
    if len(set(categories)) != len(categories):
        out.add(f"{at}/axis_config/categories", "duplicate", "categories must be unique")
    names = [series["name"] for series in value["series"]]
    for index, series in enumerate(value["series"]):
        if names.index(series["name"]) != index:
            out.add(f"{at}/series/{index}/name", "duplicate", "series names must be unique")
        if [point["label"] for point in series["data"]] != categories:
            out.add(f"{at}/series/{index}/data", "categories", "labels must match axis_config categories")


_POINT: Final = Obj({"label": Text(c.CHART_LABEL), "value": Number(-1e15, 1e15, whole=False)})
_SERIES: Final = Obj({"name": Text(c.CHART_LABEL), "data": Items(_POINT, c.CHART_POINTS)})
_AXIS: Final = Obj(
    {"categories": Items(Text(c.CHART_LABEL), c.CHART_POINTS)},
    {"x_label": Text(c.CHART_AXIS), "y_label": Text(c.CHART_AXIS)},
)
_XY: Final[Mapping[str, Spec]] = {"series": Items(_SERIES, c.CHART_SERIES), "axis_config": _AXIS}
_SEGMENT: Final = Obj({"label": Text(c.CHART_LABEL), "value": Number(1e-12, 1e15, whole=False)})
CHART: Final = ByType(
    dict(
        [
            typed("line", _XY, None, _series_fit_the_axis),
            typed("bar", _XY, None, _series_fit_the_axis),
            typed("area", _XY, None, _series_fit_the_axis),
            typed("pie", {"segments": Items(_SEGMENT, c.CHART_SERIES)}),
        ]
    )
)


# Blocks ---------------------------------------------------------------------------------------------------------------
def _text_or_fields(value: Mapping[str, Any], at: str, out: Out) -> None:
    if value.get("text") is None and value.get("fields") is None:
        out.add(at, "missing", "missing required field: text or fields")


_B: Final[Mapping[str, Spec]] = {"block_id": ID}
_FEEDBACK: Final = Obj({"text": plain(c.BUTTON_TEXT), "value": Text(c.BUTTON_VALUE)}, {"accessibility_label": Text(c.ACCESSIBILITY_LABEL)})
_CONTEXT_ACTIONS: Final = ByType(
    dict(
        [
            typed("feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ID}),
            typed(
                "icon_button",
                {"icon": Choice(("trash",)), "text": plain(c.BUTTON_TEXT)},
                {"action_id": ID, "value": Text(c.BUTTON_VALUE), "confirm": CONFIRM, "accessibility_label": Text(c.ACCESSIBILITY_LABEL), "visible_to_user_ids": _IDS},
            ),
        ]
    )
)
_CELL: Final = ByType(dict([typed("raw_text", {"text": Text(c.TABLE_CHARACTERS, 0)}), RICH_TEXT]))
_COLUMN: Final = Obj({}, {"align": Choice(("left", "center", "right")), "is_wrapped": Flag()})

BLOCKS: Final[Mapping[str, Obj]] = dict(
    [
        typed(
            "section",
            {},
            {
                **_B,
                "text": rich(c.SECTION_TEXT),
                "fields": Items(rich(c.FIELD_TEXT), c.SECTION_FIELDS),
                "accessory": ACCESSORIES,
                "expand": Flag(),
            },
            _text_or_fields,
        ),
        typed("header", {"text": plain(c.HEADER_TEXT)}, {**_B, "level": Choice((1, 2, 3, 4))}),
        typed("divider", {}, _B),
        typed("context", {"elements": Items(CONTEXT_ITEMS, c.CONTEXT_ELEMENTS)}, _B),
        typed("actions", {"elements": Items(ACTION_ELEMENTS, c.ACTIONS_ELEMENTS)}, _B),
        typed("context_actions", {"elements": Items(_CONTEXT_ACTIONS, c.CONTEXT_ACTIONS_ELEMENTS)}, _B),
        typed(
            "image",
            {"alt_text": Text(c.ALT_TEXT)},
            {**_B, "image_url": WEB_LINK, "slack_file": SLACK_FILE, "title": plain(c.IMAGE_TITLE)},
            _a_source,
        ),
        typed(
            "input",
            {"label": plain(c.LABEL), "element": INPUT_ELEMENTS},
            {**_B, "hint": plain(c.LABEL), "optional": Flag(), "dispatch_action": Flag()},
        ),
        typed("markdown", {"text": Text(c.MARKDOWN_TEXT)}, _B),
        typed("alert", {"text": rich(c.ALERT_TEXT)}, {**_B, "level": Choice(("default", "info", "warning", "error", "success"))}),
        typed("data_visualization", {"title": Text(c.CHART_TITLE), "chart": CHART}, _B),
        typed(
            "table",
            {"rows": Items(Items(_CELL, c.TABLE_CELLS), c.TABLE_ROWS)},
            {**_B, "column_settings": Items(_COLUMN, c.TABLE_CELLS)},
        ),
        typed(
            "video",
            {"alt_text": Text(c.ALT_TEXT), "title": plain(c.VIDEO_TITLE), "thumbnail_url": WEB_LINK, "video_url": WEB_LINK},
            {
                **_B,
                "author_name": Text(c.VIDEO_AUTHOR),
                "description": plain(c.SECTION_TEXT),
                "provider_icon_url": WEB_LINK,
                "provider_name": Text(c.VIDEO_AUTHOR),
                "title_url": WEB_LINK,
            },
        ),
        RICH_TEXT,
    ]
)

_EVERYWHERE: Final = ("section", "header", "divider", "context", "actions", "image", "input", "rich_text", "video")
SURFACES: Final[Mapping[str, ByType]] = {
    "message": ByType({k: BLOCKS[k] for k in (*_EVERYWHERE, "markdown", "data_visualization", "table", "context_actions")}),
    "modal": ByType({k: BLOCKS[k] for k in (*_EVERYWHERE, "alert")}),
    "home": ByType({k: BLOCKS[k] for k in (*_EVERYWHERE, "data_visualization")}),
}

_VIEW: Final[Mapping[str, Spec]] = {
    "callback_id": Text(c.IDENTIFIER, 0),
    "private_metadata": Text(c.PRIVATE_METADATA, 0),
    "external_id": Text(c.IDENTIFIER, 0),
}
VIEWS: Final = ByType(
    dict(
        [
            typed(
                "modal",
                {"title": plain(c.VIEW_TITLE), "blocks": Items(SURFACES["modal"], c.VIEW_BLOCKS)},
                {
                    **_VIEW,
                    "submit": plain(c.VIEW_TITLE),
                    "close": plain(c.VIEW_TITLE),
                    "clear_on_close": Flag(),
                    "notify_on_close": Flag(),
                    "submit_disabled": Flag(),
                },
            ),
            typed("home", {"blocks": Items(SURFACES["home"], c.VIEW_BLOCKS, 0)}, _VIEW),
        ]
    )
)
