"""The switches by which this Slack misbehaves: each fault is armed for a number of times and then gone.

State and its JSON form only; `web_api.py`, `response_urls.py` and `delivery.py` ask and act.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
ANY_METHOD = "*"
ACK = "ack"


@dataclass(slots=True)
class RateLimited:
    times: int
    retry_after: int = 1


@dataclass(slots=True)
class Slow:
    times: int
    seconds: float


@dataclass(slots=True)
class Faults:
    """Keys of the mappings are method names, `*` for any, `response_url` for posts to a response_url; in `slow` also
    `ack`: what the app answered is worked in so much later, while its calls are not held up.

    reset_before: the connection dies before anything is stored; reset_after: it is stored, the answer is lost.
    duplicate_delivery: the next n payloads reach the app twice; lost_ack: the app's answer is lost; lost_delivery: the
    payload never reaches the app.
    """

    rate_limited: dict[str, RateLimited] = field(default_factory=dict)
    server_error: dict[str, int] = field(default_factory=dict)
    reset_before: dict[str, int] = field(default_factory=dict)
    reset_after: dict[str, int] = field(default_factory=dict)
    slow: dict[str, Slow] = field(default_factory=dict)
    duplicate_delivery: int = 0
    lost_ack: int = 0
    lost_delivery: int = 0

    def take_rate_limit(self, method: str) -> int | None:
        for name in (method, ANY_METHOD):
            fault = self.rate_limited.get(name)
            if fault is not None and fault.times > 0:
                fault.times -= 1
                if not fault.times:
                    del self.rate_limited[name]
                return fault.retry_after
        return None

    def take_slow(self, method: str) -> float:
        for name in (method, ANY_METHOD):
            fault = self.slow.get(name)
            if fault is not None and fault.times > 0:
                fault.times -= 1
                if not fault.times:
                    del self.slow[name]
                return fault.seconds
        return 0.0

    def take_slow_ack(self) -> float:
        """`*` means methods, and no acknowledgement."""
        return self.take_slow(ACK) if ACK in self.slow else 0.0

    def take_server_error(self, method: str) -> bool:
        return _take(self.server_error, method)

    def take_reset_before(self, method: str) -> bool:
        return _take(self.reset_before, method)

    def take_reset_after(self, method: str) -> bool:
        return _take(self.reset_after, method)

    def take_duplicate(self) -> bool:
        taken = self.duplicate_delivery > 0
        self.duplicate_delivery -= taken
        return taken

    def take_lost_ack(self) -> bool:
        taken = self.lost_ack > 0
        self.lost_ack -= taken
        return taken

    def take_lost_delivery(self) -> bool:
        taken = self.lost_delivery > 0
        self.lost_delivery -= taken
        return taken

    def clear(self) -> None:
        for table in (self.rate_limited, self.server_error, self.reset_before, self.reset_after, self.slow):
            table.clear()
        self.duplicate_delivery = self.lost_ack = self.lost_delivery = 0

    def to_json(self) -> Json:
        return {
            "rate_limited": {k: {"times": f.times, "retry_after": f.retry_after} for k, f in self.rate_limited.items()},
            "server_error": dict(self.server_error),
            "reset_before": dict(self.reset_before),
            "reset_after": dict(self.reset_after),
            "slow": {k: {"times": f.times, "seconds": f.seconds} for k, f in self.slow.items()},
            "duplicate_delivery": self.duplicate_delivery,
            "lost_ack": self.lost_ack,
            "lost_delivery": self.lost_delivery,
        }

    def update(self, given: Mapping[str, Any]) -> None:
        """Replace the switches named in `given`. Raises ValueError, TypeError or KeyError for what is no switch."""
        known = self.to_json()
        unknown = [name for name in given if name not in known and name != "clear"]
        if unknown:
            raise ValueError(f"no such fault: {unknown[0]}")
        if given.get("clear"):
            self.clear()
        if "rate_limited" in given:
            self.rate_limited = {
                k: RateLimited(int(f["times"]), int(f.get("retry_after", 1))) for k, f in given["rate_limited"].items()
            }
        if "slow" in given:
            self.slow = {k: Slow(int(f["times"]), float(f["seconds"])) for k, f in given["slow"].items()}
        for name in ("server_error", "reset_before", "reset_after"):
            if name in given:
                setattr(self, name, {str(k): int(n) for k, n in given[name].items()})
        for name in ("duplicate_delivery", "lost_ack", "lost_delivery"):
            if name in given:
                setattr(self, name, int(given[name]))


def _take(table: dict[str, int], method: str) -> bool:
    for name in (method, ANY_METHOD):
        if table.get(name, 0) > 0:
            table[name] -= 1
            if not table[name]:
                del table[name]
            return True
    return False
