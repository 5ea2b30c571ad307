"""Logs of the index or, while it does not answer, those that the pods still have: the answer then says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.domain.errors import IntegrationError, Unavailable
from bot.domain.reply import text
from bot.ports.observing import LogPage, LogQuery, Logs


@dataclass(frozen=True, slots=True)
class EitherLogs:
    """bot.ports.observing.Logs over two others."""

    index: Logs
    pods: Logs
    close: Callable[[], None]
    """Ends the connections of the index."""

    def search(self, query: LogQuery) -> LogPage:
        """Raises what the index raised where the pods cannot be asked either."""
        try:
            return self.index.search(query)
        except Unavailable as down:
            try:
                page = self.pods.search(query)
            except IntegrationError as also:
                raise down from also
            partial = text("{what} {kept}", what=down.what, kept=page.partial or text(""))
            return replace(page, partial=partial)

    def ping(self) -> str:
        return self.index.ping()
