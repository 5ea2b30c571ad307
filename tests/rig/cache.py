"""Where builds live: outside the repository, in a folder named after what pins their versions.

A build is either whole or absent: it is made beside its place and moved there when it is complete.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "sources"


def root() -> Path:
    """The cache folder: PILOTHOUSE_RIG_CACHE, by default ~/.cache/pilothouse-rig."""
    return Path(os.environ.get("PILOTHOUSE_RIG_CACHE") or Path.home() / ".cache" / "pilothouse-rig")


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is built from source: its folder under sources/, and the commands that build it there.

    `outputs` are the paths, relative to the build, that the rig uses; everything else is thrown away.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def source(self) -> Path:
        return SOURCES / self.name

    def pin(self) -> str:
        """A hash over the sources and the commands: another version, another folder."""
        digest = hashlib.sha256(repr((self.commands, self.environment)).encode())
        for file in sorted(path for path in self.source.rglob("*") if path.is_file()):
            digest.update(f"\0{file.relative_to(self.source)}\0".encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]

    @property
    def folder(self) -> Path:
        return root() / f"{self.name}-{self.pin()}"

    def is_built(self) -> bool:
        return self.folder.is_dir()

    def path(self, output: str) -> Path:
        """Where one of the outputs stands. Raises NotBuiltError, naming the command that mends it."""
        if output not in self.outputs:
            raise KeyError(f"{self.name} has no output {output}")
        if not self.is_built():
            raise NotBuiltError([self.name])
        return self.folder / output

    def keep(self, workshop: Path) -> None:
        """Moves the outputs from where they were built to their place, at once or not at all."""
        whole = workshop.with_suffix(".whole")
        shutil.rmtree(whole, ignore_errors=True)
        for output in self.outputs:
            (whole / output).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(workshop / output, whole / output)
        whole.rename(self.folder)


class NotBuiltError(Exception):
    """Parts of the rig are missing."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"the rig is not built ({', '.join(names)} missing under {root()}): run `make rig`")
