"""The Slack edge, put together: one Bolt app for both ways of being reached, and Socket Mode's connection."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)
