"""One bot process of the harness: `pilothouse serve` with failpoints armed.

python -m tests.faults.process SETTINGS "CP10=exit,CP11=stop@2" LATCH
"""

from __future__ import annotations

import sys
from pathlib import Path

from bot.app import programs
from bot.domain.failpoints import arm

if __name__ == "__main__":
    settings, points, latch = sys.argv[1:]
    arm(points, latch=latch)
    sys.exit(programs.serve(Path(settings)))
