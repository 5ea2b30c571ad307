"""PromQL out of templates and matchers. Pure: whatever a label value holds, it stays one string within one matcher."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import timedelta

from bot.domain.errors import BadArguments
from bot.domain.reply import text
from bot.ports.observing import Measure, Scope

DEFAULT_TEMPLATES: Mapping[Measure, str] = {
    Measure.REQUESTS: "sum(rate(http_requests_total{$pods}[$window]))",
    # Without one failure there may be no series of failures at all: that is zero, as long as there are requests.
    Measure.ERRORS: (
        '(sum(rate(http_requests_total{$pods,code=~"5.."}[$window])) or vector(0))'
        " / sum(rate(http_requests_total{$pods}[$window]))"
    ),
    Measure.LATENCY: (
        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{$pods}[$window])))"
    ),
    Measure.CPU: 'sum(rate(container_cpu_usage_seconds_total{$pods,container!="",container!="POD"}[$window]))',
    Measure.MEMORY: 'sum(container_memory_working_set_bytes{$pods,container!="",container!="POD"})',
    # Of each container the most of any pod, all together: of pods with one container it is the most that one pod took.
    Measure.PEAK_MEMORY: (
        "sum(max by (container) (max_over_time("
        'container_memory_working_set_bytes{$pods,container!="",container!="POD"}[$window])))'
    ),
    Measure.RESTARTS: "sum(kube_pod_container_status_restarts_total{$pods})",
}
"""`$pods`: the matchers of a scope, inside every pair of braces; `$window`: the range of rates."""

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# What Kubernetes makes names of: no vowels, so neither `web-admin-...` nor `web-canary-...` is taken for a pod of `web`.
_RANDOM = "bcdfghjklmnpqrstvwxz2456789"
_UNCUT = 46
"""Of a longer name Kubernetes cuts what comes after it, and the last dash goes."""
_LONGEST = 57


def check_template(template: str) -> str:
    """Raises ValueError where some selector would not be confined to the scope's pods."""
    if (
        not set(string.Template(template).get_identifiers()) <= {"pods", "window"}
        or not string.Template(template).is_valid()
    ):
        raise ValueError("knows only $pods and $window")
    opened = re.findall(r"\{\s*(\$pods\b|\$\{pods\})?", _without_strings(template))
    if not opened or not all(opened):
        raise ValueError("has to begin every pair of braces with $pods")
    return template


def _without_strings(template: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'|`[^`]*`", '""', template)


def expression(template: str, scope: Scope, *, labels: Labels, window: timedelta) -> str:
    seconds = f"{max(1, int(window.total_seconds()))}s"
    return string.Template(template).substitute(pods=labels.matchers(scope), window=seconds)


class Labels:
    """What namespace and pod (and, of several clusters in one Prometheus, the cluster) are called there."""

    def __init__(self, *, namespace: str = "namespace", pod: str = "pod", cluster: str = "") -> None:
        for name in (namespace, pod, cluster or "x"):
            if not _LABEL.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a label")
        self._namespace, self._pod, self._cluster = namespace, pod, cluster

    def matchers(self, scope: Scope) -> str:
        """`namespace="web-prod",pod=~"web-..."`. Raises BadArguments for what cannot be a name."""
        return ",".join(f"{label}{operator}{quoted(value)}" for label, operator, value in self.parts(scope))

    def parts(self, scope: Scope, *, is_by_pod: bool = True) -> list[tuple[str, str, str]]:
        """(label, operator, value). Without the pods only namespace and cluster are held to."""
        for name in (scope.namespace, scope.workload, scope.pods):
            if not _NAME.fullmatch(name):
                raise BadArguments(text("{name} cannot be a name in a cluster.", name=name[:100]))
        found = [(self._namespace, "=", scope.namespace)]
        if is_by_pod:
            found.append((self._pod, "=~", self.pods(scope)))
        if self._cluster:
            found.append((self._cluster, "=", scope.cluster))
        return found

    @staticmethod
    def pods(scope: Scope) -> str:
        return pods_pattern(scope.pods)


def quoted(value: str) -> str:
    """A PromQL string, by the rules of Go's: every sign that means something is escaped, line breaks too."""
    return f'"{escaped(value)}"'


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


def pods_pattern(workload: str) -> str:
    """RE2, which Prometheus anchors at both ends: pods of a Deployment, a StatefulSet or a DaemonSet of this name."""
    name = workload.replace(".", "\\.")
    if len(workload) > _LONGEST:
        return workload[:_LONGEST].replace(".", "\\.") + f"[{_RANDOM}-]{{5,20}}"
    if len(workload) > _UNCUT:
        return f"{name}-?[{_RANDOM}-]{{5,20}}|{name}-[0-9]{{1,5}}"
    return f"{name}-([{_RANDOM}]{{1,10}}-[{_RANDOM}]{{5}}|[{_RANDOM}]{{5}}|[0-9]{{1,5}})"
