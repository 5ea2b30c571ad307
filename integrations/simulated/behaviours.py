"""How the programs in images behave once they run: well, or in one of the ways in which versions fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Times are seconds of the world."""

    boot: float = 2.0
    """From start to ready."""
    errors: float = 0.0
    """Share of requests that fail because of this version."""
    latency: float = 1.0
    """How many times slower than usual it answers."""
    cpu: float = 0.008
    """Core seconds a request."""
    capacity: float = 40.0
    """Requests a second that a pod serves well; beyond it answers get slow, then fail."""
    memory: int = 180
    """MiB once it is warm; killed where the container's limit is below."""
    warm_up: float = 4.0
    """Until it has all of its memory."""
    crash_after: float | None = None
    exit_code: int = 1
    last_words: str = ""
    """Of a crash: on the log, and in the pod's state."""
    is_ready: bool = True
    """False: its readiness probe never passes."""
    liveness_fails_after: float | None = None
    start_error: str = ""
    """The runtime's words where the command cannot be run."""
    init_error: str = ""
    """Of its init container."""
    complaints: tuple[str, ...] = ()
    """What it logs about requests that fail, beside the usual; `{ms}`, `{id}`, `{n}`, `{host}` are filled in."""


GOOD = Behaviour()
ERRORS = Behaviour(
    errors=0.08,
    complaints=(
        "upstream timed out after {ms} ms, host={host}",
        "retrying payment {id}, attempt {n}",
    ),
)
SLOW = Behaviour(latency=6.0, cpu=0.016, complaints=("slow query took {ms} ms, table=carts",))
CRASHES = Behaviour(
    crash_after=1.5,
    last_words="panic: runtime error: invalid memory address or nil pointer dereference",
    exit_code=2,
)
CRASHES_LATER = Behaviour(crash_after=25.0, last_words="fatal: cannot renew lease on session store", exit_code=1)
NEVER_READY = Behaviour(is_ready=False)
OUT_OF_MEMORY = Behaviour(memory=700, warm_up=5.0)
LIVENESS = Behaviour(liveness_fails_after=4.0)
CANNOT_START = Behaviour(start_error='exec: "/app/server": stat /app/server: no such file or directory')
INIT_FAILS = Behaviour(init_error="migration 0042_cart failed: column already exists", exit_code=1)
