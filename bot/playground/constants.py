"""Every limit of Slack that the local server enforces, with where it comes from.

Definitions only. Sources: (D) docs.slack.dev reference as of November 2026, (M) measured by others and unpublished,
(G) a guess, to be looked at in a real workspace. A limit without a letter is (D).
"""

from typing import Final

# Interactions: docs.slack.dev/interactivity/handling-user-interaction
ACK_SECONDS: Final = 3.0
TRIGGER_SECONDS: Final = 3.0
RESPONSE_URL_SECONDS: Final = 1800.0
RESPONSE_URL_USES: Final = 5

# Events: docs.slack.dev/apis/events-api - "nearly immediately, after one minute, after five minutes"
EVENT_RETRY_SECONDS: Final = (0.0, 60.0, 300.0)

# Socket Mode: docs.slack.dev/apis/events-api/using-socket-mode
SOCKET_CONNECTIONS: Final = 10
SOCKET_TICKET_SECONDS: Final = 30.0

# Requests a minute: docs.slack.dev/apis/web-api/rate-limits (tier 2: 20, tier 3: 50, tier 4: 100)
TIER_2: Final = 20
TIER_3: Final = 50
TIER_4: Final = 100
# "several hundred messages per minute" for a workspace; a setting
WORKSPACE_MESSAGES_A_MINUTE: Final = 300
# "no more than one message per second per channel", short bursts are let through; the size of the burst is (G)
CHANNEL_MESSAGES_A_SECOND: Final = 1.0
CHANNEL_BURST: Final = 5

# Messages: docs.slack.dev/reference/methods/chat.postMessage, chat.update
MESSAGE_BLOCKS: Final = 50
POST_TEXT_CHARACTERS: Final = 40_000
UPDATE_TEXT_BYTES: Final = 4_000  # the published 4,000 "characters" are UTF-8 bytes (M)
MESSAGE_VISIBLE_CHARACTERS: Final = 13_200  # (M) visible characters plus HEADER_WEIGHT a header -> msg_blocks_too_long
HEADER_WEIGHT: Final = 100  # (M)
METADATA_BYTES: Final = 16_384  # (G) metadata_too_large is documented, its number is not
HISTORY_PAGE: Final = 100
HISTORY_PAGE_MAX: Final = 999

# Views: docs.slack.dev/reference/views
VIEW_BLOCKS: Final = 100
VIEW_BYTES: Final = 250_000
VIEW_DEPTH: Final = 3
VIEW_TITLE: Final = 24
PRIVATE_METADATA: Final = 3_000

# Blocks: docs.slack.dev/reference/block-kit
IDENTIFIER: Final = 255
SECTION_TEXT: Final = 3_000
SECTION_FIELDS: Final = 10
FIELD_TEXT: Final = 2_000
HEADER_TEXT: Final = 150
CONTEXT_ELEMENTS: Final = 10
ACTIONS_ELEMENTS: Final = 25
CONTEXT_ACTIONS_ELEMENTS: Final = 5
ALT_TEXT: Final = 2_000
IMAGE_TITLE: Final = 2_000
URL: Final = 3_000
MARKDOWN_TEXT: Final = 12_000
LABEL: Final = 2_000
ALERT_TEXT: Final = 200  # slackapi/java-slack-sdk, AlertBlock, 2026
VIDEO_TITLE: Final = 199
VIDEO_AUTHOR: Final = 49
TABLE_ROWS: Final = 100
TABLE_CELLS: Final = 20
TABLE_CHARACTERS: Final = 10_000
DATA_TABLE_ROWS: Final = 101  # the header and a hundred rows; at least the header and one

# Elements
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
ACCESSIBILITY_LABEL: Final = 75
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
OPTION_DESCRIPTION: Final = 75
OPTIONS: Final = 100
OVERFLOW_OPTIONS: Final = 5
CHOICE_OPTIONS: Final = 10  # checkboxes and radio buttons
PLACEHOLDER: Final = 150
INPUT_CHARACTERS: Final = 3_000

# Charts: docs.slack.dev/reference/block-kit/blocks/data-visualization-block, 16 June 2026
CHARTS_A_MESSAGE: Final = 2
CHART_TITLE: Final = 50
CHART_LABEL: Final = 20
CHART_SERIES: Final = 6
CHART_POINTS: Final = 20
CHART_AXIS: Final = 50
