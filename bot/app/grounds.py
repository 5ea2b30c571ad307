"""The rig as what the playground's bot works on: it ends in settings, as an operator would have written them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bot.domain.errors import SettingsBroken
from bot.domain.reply import text
from bot.settings import Settings, read

RIG = "rig"
CHECKOUT = Path(__file__).resolve().parents[2]
PROVIDER = "tests.kit.ground"
READY = "ready "
PATIENCE = 30.0
"""Seconds that the rig has to be taken down."""


class RigGround:
    """The rig with sample apps, kept by a process of its own, which takes it down when we end, however we end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Settings:
        """Raises SettingsBroken where there is no rig to be had, with the provider's own words."""
        if not (CHECKOUT / "tests" / "kit" / "ground.py").exists():
            raise SettingsBroken(
                text("The rig is not part of an installation."),
                why=text("Run `make run CLUSTER=rig` in a checkout of the source."),
            )
        # A session of its own: Ctrl-C is for us, and we tell it to end by closing its input.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", PROVIDER, str(self._folder)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        last = ""
        for line in self._process.stdout:
            if line.startswith(READY):
                return read(Path(line.removeprefix(READY).strip()))
            last = line.strip() or last
        self.stop()
        raise SettingsBroken(text("The rig did not start."), why=text("{why}", why=last))

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        process.stdout.close()
