"""Log lines of simulated pods: what they said as they started, failed and stopped, and about the requests they got.

Lines about requests are a sample and are made when somebody looks, always the same ones for the same seed and time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.ports.clusters import PodLine
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.moments import moment
from integrations.simulated.objects import SimulatedPod
from integrations.simulated.traffic import Flow, grain

_SLOT = 5.0
_ACCESS_SHARE = 0.008
"""Of requests that went well; a real access log would be of no use to look at here."""
_ERROR_SHARE = 0.25
"""Of requests that failed."""
MOST = 60_000
_MOST_POD_LINES = 5_000
"""About 1 MiB of such lines, which is what the port allows."""
_PATHS = ("/", "/cart", "/cart/items", "/products/{n}", "/checkout", "/api/orders/{n}", "/login", "/search?q=tea")
_HOSTS = ("cart", "payments", "sessions")
_USUAL = ("upstream {host} closed the connection", "request {id} failed: context canceled")


@dataclass(frozen=True, slots=True)
class Line:
    at: float
    pod: str
    container: str
    level: str
    message: str
    is_access: bool = False

    @property
    def raw(self) -> str:
        """As the program wrote it: access lines as they are, everything else as JSON."""
        if self.is_access:
            return self.message
        return json.dumps({"level": self.level, "msg": self.message}, ensure_ascii=False)


def lines(state: ClusterState, pods: Iterable[SimulatedPod], *, since: float, until: float) -> list[Line]:
    """Oldest first, at most the newest 60,000."""
    chosen = {pod.uid: pod for pod in pods}
    found = [line for pod in chosen.values() for line in _journal(pod, since, until)]
    for namespace in {pod.namespace for pod in chosen.values()}:
        for flow in state.traffic.flows(namespace):
            found.extend(_of_flow(state, flow, chosen, since, until))
    return sorted(found, key=lambda line: (line.at, line.pod, line.message))[-MOST:]


def pod_lines(
    state: ClusterState, pods: Iterable[SimulatedPod], *, since: float, until: float, limit: int, previous: bool
) -> tuple[PodLine, ...]:
    """Of the containers that run, or of those before the last restart."""
    found: list[Line] = []
    for pod in pods:
        border = pod.restarted[-1] if pod.restarted else None
        if previous and border is None:
            continue
        begin, end = (since, border) if previous and border else (max(since, border or since), until)
        found += [line for line in lines(state, [pod], since=begin, until=end) if not (previous and line.at == border)]
    found.sort(key=lambda line: line.at)
    newest = found[-max(1, min(limit, _MOST_POD_LINES)) :]
    return tuple(PodLine(line.pod, line.container, _stamp(line.at), line.raw) for line in newest)


def _stamp(at: float) -> str:
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _journal(pod: SimulatedPod, since: float, until: float) -> Iterator[Line]:
    for said in pod.journal:
        if since <= said.at <= until:
            yield Line(said.at, pod.name, pod.container, said.level, said.message)


def _of_flow(
    state: ClusterState, flow: Flow, chosen: dict[str, SimulatedPod], since: float, until: float
) -> Iterator[Line]:
    ends = [start for start, _ in flow.segments[1:]] + [until]
    for (start, pods), end in zip(flow.segments, ends, strict=True):
        begin, stop = max(start, since), min(end, until)
        if begin >= stop:
            continue
        for pod, part in pods:
            if pod.uid in chosen:
                yield from _of_pod(state, pod, flow, part, begin, stop)


def _of_pod(
    state: ClusterState, pod: SimulatedPod, flow: Flow, part: float, begin: float, stop: float
) -> Iterator[Line]:
    for slot in range(int(begin // _SLOT), int(stop // _SLOT) + 1):
        at = slot * _SLOT
        requests = flow.rate(at) * part * _SLOT
        sample = state.traffic.sample(pod, at)
        failing = sample.errors
        key = (state.world.seed, pod.uid, slot)
        for index in range(_count(requests * (1 - failing) * _ACCESS_SHARE, *key, "ok")):
            line = _access(pod, at, index, 200, sample.latency, *key)
            if begin <= line.at < stop:
                yield line
        for index in range(_count(requests * failing * _ERROR_SHARE, *key, "bad")):
            line = _complaint(pod, at, index, *key)
            if begin <= line.at < stop:
                yield line
                yield _access(pod, line.at, index, 502, 3.0, *key, "bad")


def _count(expected: float, *key: object) -> int:
    """A whole number that is `expected` on average."""
    return int(expected + grain(*key))


def _when(slot: float, *key: object) -> float:
    return slot + _SLOT * grain(*key, "when")


def _access(pod: SimulatedPod, at: float, index: int, status: int, p95: float, *key: object) -> Line:
    chance = grain(*key, index, "access")
    other = grain(*key, index, "client")
    when = _when(at, *key, index) if status < 500 else at
    path = _PATHS[int(chance * len(_PATHS))].format(n=1000 + int(other * 9000))
    seconds = p95 * (0.15 + grain(*key, index, "time")) if status < 500 else p95
    client = f"10.244.{int(other * 8)}.{int(other * 2003) % 250 + 2}"
    verb = "POST" if path in {"/checkout", "/login"} else "GET"
    message = f'{client} "{verb} {path} HTTP/1.1" {status} {200 + int(other * 4000)} {seconds:.3f}'
    return Line(when, pod.name, pod.container, "error" if status >= 500 else "info", message, is_access=True)


def _complaint(pod: SimulatedPod, at: float, index: int, *key: object) -> Line:
    said = pod.behaviour.complaints
    chance = grain(*key, index, "complaint")
    # One of the usual ones now and then, most are of what this version does wrong.
    choices = (*said, *said, *said, *_USUAL[:1]) if said else _USUAL
    template = choices[int(chance * len(choices))]
    message = template.format(
        ms=3000 + int(grain(*key, index, "ms") * 40),
        id=f"{int(grain(*key, index, 'id') * 0xFFFFFFFF):08x}",
        n=1 + int(chance * 97) % 4,
        host=_HOSTS[int(chance * 1009) % len(_HOSTS)],
    )
    level = "warn" if message.startswith(("retrying", "slow")) else "error"
    return Line(_when(at, *key, index, "c"), pod.name, pod.container, level, message)
