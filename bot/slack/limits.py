"""Slack's limits as far as we keep them ourselves: we cut before Slack refuses. Definitions only.

Measured or published figures; where Slack's own is not published, ours stays below what was measured.
"""

from __future__ import annotations

from typing import Final

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
MESSAGE_CHARACTERS: Final = 12_800
"""Visible characters with HEADER_WEIGHT a header; Slack refuses at about 13,200."""
HEADER_WEIGHT: Final = 100
VIEW_BYTES: Final = 200_000
"""Slack: 250,000."""
SPOKEN_BYTES: Final = 3_900
"""Of a message's `text`; chat.update refuses more than 4,000 UTF-8 bytes."""

SECTION: Final = 3_000
FIELD: Final = 2_000
FIELDS: Final = 10
HEADER: Final = 150
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
BUTTONS: Final = 25
LABEL: Final = 75
"""Of an accessibility label."""
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
OPTIONS: Final = 100
OVERFLOW: Final = 5
ALT_TEXT: Final = 2_000
IMAGE_TITLE: Final = 2_000

VIEW_TITLE: Final = 24
PRIVATE_METADATA: Final = 3_000
INPUT: Final = 3_000
INPUT_LABEL: Final = 2_000
PLACEHOLDER: Final = 150

TABLE_ROWS: Final = 100
TABLE_CELLS: Final = 20
TABLE_CHARACTERS: Final = 10_000

CHARTS: Final = 2
CHART_POINTS: Final = 20
CHART_SERIES: Final = 6
CHART_LABEL: Final = 20
CHART_TITLE: Final = 50

CODE_CHUNK: Final = 2_900
"""Of one preformatted block."""
CODE_IN_MESSAGE: Final = 6_000
CODE_LINES: Final = 60
CODE_IN_VIEW: Final = 90_000
CODE_BLOCKS_IN_VIEW: Final = 70
QUOTE: Final = 1_500
RISKS_ON_CARD: Final = 3
