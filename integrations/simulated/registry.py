"""The simulated registry: which tag names which digest, and how the image of a digest behaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from integrations.simulated.behaviours import GOOD, Behaviour


@dataclass(frozen=True, slots=True)
class StoredImage:
    digest: str
    platform: str
    """Digest of the only manifest in the index."""
    behaviour: Behaviour
    tag: str
    """Under which it was pushed."""


def split_image(image: str) -> tuple[str, str]:
    """(`registry.test/web`, tag or `sha256:...`) of an image as it stands in a pod."""
    name, at, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{head}{slash}{base}", digest if at else tag or "latest"


class Registry:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tags: dict[str, dict[str, StoredImage]] = {}
        self._digests: dict[tuple[str, str], StoredImage] = {}
        self._pushes = 0
        self.is_down = False
        """It cannot be reached, neither by nodes nor by us."""

    def push(self, repository: str, tag: str, behaviour: Behaviour = GOOD) -> str:
        """The new digest; a tag that is there already moves, and what it named stays reachable by digest."""
        self._pushes += 1
        content = f"{self._seed}/{self._pushes}/{repository}:{tag}"
        image = StoredImage(
            digest=f"sha256:{hashlib.sha256(content.encode()).hexdigest()}",
            platform=f"sha256:{hashlib.sha256(f'{content}/amd64'.encode()).hexdigest()}",
            behaviour=behaviour,
            tag=tag,
        )
        self._tags.setdefault(repository, {})[tag] = image
        self._digests[repository, image.digest] = image
        self._digests[repository, image.platform] = image
        return image.digest

    def retag(self, repository: str, tag: str, source: str) -> None:
        """Makes `tag` name what `source` (a tag) names."""
        tags = self._tags[repository]
        tags[tag] = tags[source]

    def remove(self, repository: str, tag: str) -> None:
        """The tag and its image: running pods go on, new ones cannot pull it."""
        image = self._tags[repository].pop(tag)
        self._digests.pop((repository, image.digest), None)
        self._digests.pop((repository, image.platform), None)

    def find(self, repository: str, ref: str) -> StoredImage | None:
        if ref.startswith("sha256:"):
            return self._digests.get((repository, ref))
        return self._tags.get(repository, {}).get(ref)

    def has(self, repository: str) -> bool:
        return repository in self._tags

    def tags(self, repository: str) -> tuple[str, ...]:
        return tuple(sorted(self._tags.get(repository, {})))
