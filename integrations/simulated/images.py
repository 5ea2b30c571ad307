"""The Images port over the simulated registry."""

from __future__ import annotations

from bot.domain.errors import Missing
from bot.domain.reply import text
from bot.ports.observing import Image
from integrations.simulated.faults import lost
from integrations.simulated.world import SimulatedWorld

SYSTEM = "registry"
MOST_TAGS = 1_000


class SimulatedImages:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def resolve(self, repository: str, ref: str) -> Image:
        self._meet("images.resolve")
        with self._world.entered():
            found = self._world.registry.find(repository, ref)
        if found is None:
            raise Missing(SYSTEM, text("There is no {ref} of {repository}.", ref=ref, repository=repository))
        is_digest = ref.startswith("sha256:")
        return Image(repository, "" if is_digest else ref, found.digest, (found.platform,))

    def tags(self, repository: str) -> tuple[str, ...]:
        self._meet("images.tags")
        with self._world.entered():
            if not self._world.registry.has(repository):
                raise Missing(SYSTEM, text("There is no repository {repository}.", repository=repository))
            return self._world.registry.tags(repository)[:MOST_TAGS]

    def ping(self) -> str:
        self._meet("images.ping")
        return "simulated registry"

    def _meet(self, method: str) -> None:
        self._world.meet(SYSTEM, method)
        if self._world.registry.is_down:
            raise lost(SYSTEM, is_write=False)
