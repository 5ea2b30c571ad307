"""Block Kit as specifications: charts, tables, blocks, which block may stand on which surface, and views.

Definitions only; checked by `schema.py`, used by `validate_blocks.py`; the parts of blocks are in `element_schema.py`.
Sources: docs.slack.dev/reference/block-kit/blocks and /reference/views, November 2026.
"""

from collections.abc import Mapping
from typing import Any, Final

from bot.playground import constants as c
from bot.playground.element_schema import (
    ACCESSORIES,
    ACTION_ELEMENTS,
    CONFIRM,
    CONTEXT_ITEMS,
    ID,
    IDS,
    INPUT_ELEMENTS,
    RICH_TEXT,
    SLACK_FILE,
    WEB_LINK,
    a_source,
    plain,
    rich,
)
from bot.playground.schema import ByType, Choice, Flag, Items, Number, Obj, Out, Spec, Text, typed


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


def _rows_are_even(value: Mapping[str, Any], at: str, out: Out) -> None:
    """The first row is the header: without rich text, and as long as all others."""
    rows = value["rows"]
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            out.add(f"{at}/rows/{index}", "uneven", "all rows must have the same number of cells")
    for index, cell in enumerate(rows[0]):
        if cell["type"] == "rich_text":
            out.add(f"{at}/rows/0/{index}/type", "unsupported", "unsupported type: rich_text")


_B: Final[Mapping[str, Spec]] = {"block_id": ID}
_FEEDBACK: Final = Obj(
    {"text": plain(c.BUTTON_TEXT), "value": Text(c.BUTTON_VALUE)}, {"accessibility_label": Text(c.ACCESSIBILITY_LABEL)}
)
_CONTEXT_ACTIONS: Final = ByType(
    dict(
        [
            typed("feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ID}),
            typed(
                "icon_button",
                {"icon": Choice(("trash",)), "text": plain(c.BUTTON_TEXT)},
                {
                    "action_id": ID,
                    "value": Text(c.BUTTON_VALUE),
                    "confirm": CONFIRM,
                    "accessibility_label": Text(c.ACCESSIBILITY_LABEL),
                    "visible_to_user_ids": IDS,
                },
            ),
        ]
    )
)
_RAW_TEXT: Final = typed("raw_text", {"text": Text(c.TABLE_CHARACTERS, 0)})
_RAW_NUMBER: Final = typed("raw_number", {"value": Number(-1e15, 1e15, whole=False)}, {"text": Text(c.FIELD_TEXT, 0)})
_CELL: Final = ByType(dict([_RAW_TEXT, RICH_TEXT]))
_DATA_CELL: Final = ByType(dict([_RAW_TEXT, _RAW_NUMBER, RICH_TEXT]))
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
            a_source,
        ),
        typed(
            "input",
            {"label": plain(c.LABEL), "element": INPUT_ELEMENTS},
            {**_B, "hint": plain(c.LABEL), "optional": Flag(), "dispatch_action": Flag()},
        ),
        typed("markdown", {"text": Text(c.MARKDOWN_TEXT)}, _B),
        typed(
            "alert",
            {"text": rich(c.ALERT_TEXT)},
            {**_B, "level": Choice(("default", "info", "warning", "error", "success"))},
        ),
        typed("data_visualization", {"title": Text(c.CHART_TITLE), "chart": CHART}, _B),
        typed(
            "table",
            {"rows": Items(Items(_CELL, c.TABLE_CELLS), c.TABLE_ROWS)},
            {**_B, "column_settings": Items(_COLUMN, c.TABLE_CELLS)},
        ),
        typed(
            "data_table",
            {"caption": Text(c.SECTION_TEXT), "rows": Items(Items(_DATA_CELL, c.TABLE_CELLS), c.DATA_TABLE_ROWS, 2)},
            {**_B, "page_size": Number(1, 100), "row_header_column_index": Number(0, c.TABLE_CELLS - 1)},
            _rows_are_even,
        ),
        typed(
            "video",
            {
                "alt_text": Text(c.ALT_TEXT),
                "title": plain(c.VIDEO_TITLE),
                "thumbnail_url": WEB_LINK,
                "video_url": WEB_LINK,
            },
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
    "message": ByType(
        {
            k: BLOCKS[k]
            for k in (*_EVERYWHERE, "markdown", "data_visualization", "table", "data_table", "context_actions")
        }
    ),
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
                },
            ),
            typed("home", {"blocks": Items(SURFACES["home"], c.VIEW_BLOCKS, 0)}, _VIEW),
        ]
    )
)
