"""What log messages have in common: templates with `<*>` where they differ, by the Drain algorithm (drain3).

Handed to the adapters of logs by bot.app. Bounded in messages and in their length; keeps nothing between calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from bot.ports.observing import LogPattern

MESSAGES = 1000
_LENGTH = 1000
_SHOWN = 10
_TEMPLATE = 300

# Each is linear: a digit, or a word of digits and letters that holds one.
_VARIABLES = (
    r"(?<![\w<])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?!\w)",
    r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.])",
    r"(?<![\w<])0x[0-9a-fA-F]+(?!\w)",
    r"(?<![\w<.])[-+]?\d+(?:\.\d+)?(?=(?:ns|us|µs|ms|s|m|h|%|[kMG]i?B)?(?!\w))",
)


def mine(messages: Iterable[str]) -> tuple[LogPattern, ...]:
    """The ten most frequent templates of at most 1,000 messages, most frequent first."""
    from drain3 import TemplateMiner  # heavy, and of no use before the first search
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.mask_prefix, config.mask_suffix = "<", ">"
    config.masking_instructions = [MaskingInstruction(pattern, "*") for pattern in _VARIABLES]
    config.drain_extra_delimiters = []
    config.drain_max_clusters = 200
    miner = TemplateMiner(config=config)
    for message in itertools.islice(messages, MESSAGES):
        line = " ".join(message[:_LENGTH].split())
        if line:
            miner.add_log_message(line)
    found = (LogPattern(int(c.size), str(c.get_template())[:_TEMPLATE]) for c in miner.drain.clusters)
    return tuple(sorted(found, key=lambda pattern: (-pattern.count, pattern.template))[:_SHOWN])
