"""One way to one cluster in one person's name: requests with a deadline, raw answers, nothing ever sent twice.

The official client loads the credentials, signs in and keeps the connections; its typed models are left out because
they are slow and large, and its retries because they repeat writes and sleep through `Retry-After`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ReadTimeoutError

from bot.domain.clock import Clock
from bot.domain.errors import Refused
from bot.domain.reply import text
from bot.ports.clusters import Acting
from integrations.kubernetes.errors import SYSTEM, VENDOR, ours
from integrations.kubernetes.wire import PlainRest

FIELD_MANAGER = "pilothouse"
OPERATION_EXTRA = "Impersonate-Extra-pilothouse.io%2foperation"
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
_CHUNK = 1 << 16
_LARGEST = 256 << 20
"""Bytes of one answer; lists are paged, so that nothing honest comes near."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A file and one of its contexts; never the current one, which anybody's `kubectl config` moves."""

    path: str
    context: str


@dataclass(frozen=True, slots=True)
class InCluster:
    """The service account of the pod that we run in."""


Access = Kubeconfig | InCluster


@dataclass(frozen=True, slots=True)
class Deadlines:
    connect: timedelta = timedelta(seconds=3)
    read: timedelta = timedelta(seconds=10)
    """The longest silence."""
    whole: timedelta = timedelta(seconds=20)
    """Of one answer that comes in drops."""


class Connection:
    """Safe for use by several threads: the name that it acts in never changes after it is made."""

    def __init__(
        self, cluster: str, access: Access, *, clock: Clock, deadlines: Deadlines, acting: Acting | None = None
    ) -> None:
        """`acting` None: as the bot itself. Raises Refused where the credentials or the person cannot be used."""
        self._cluster = cluster
        self._access = access
        self._clock = clock
        self._deadlines = deadlines
        self._headers = () if acting is None else impersonation(acting)
        try:
            self._client = self._signed_in()
        except VENDOR as error:
            raise ours(error, cluster=cluster) from error

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        return self._call("GET", path, query=query)

    def create(self, path: str, body: Mapping[str, Any]) -> bytes:
        # The server's deadline too: a creation has no precondition that would defeat it when it comes late.
        limit = f"{math.ceil(self._deadlines.whole.total_seconds())}s"
        query = {"fieldManager": FIELD_MANAGER, "timeout": limit}
        return self._call("POST", path, query=query, body=body, content_type=JSON)

    def patch(self, path: str, operations: list[dict[str, Any]]) -> bytes:
        query = {"fieldManager": FIELD_MANAGER}
        return self._call("PATCH", path, query=query, body=operations, content_type=JSON_PATCH)

    def delete(self, path: str, options: Mapping[str, Any]) -> bytes:
        return self._call("DELETE", path, body=options, content_type=JSON)

    def close(self) -> None:
        """Requests that are under way end as they would have."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        content_type: str = "",
    ) -> bytes:
        headers = {"Accept": JSON} | ({"Content-Type": content_type} if content_type else {})

        def send() -> bytes:
            request = self._client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=dict(headers),
                body=body,
                auth_settings=["BearerToken"],
            )
            return self._exchange(request)

        try:
            try:
                return send()
            except ApiException as error:
                if error.status != HTTPStatus.UNAUTHORIZED:
                    raise
            # The token ran out, so nothing was done: once more with what the file says now.
            self._client = self._signed_in()
            return send()
        except VENDOR as error:
            raise ours(error, cluster=self._cluster, path=path, is_write=method != "GET") from error

    def _signed_in(self) -> _Client:
        return _Client(_configuration(self._access), self._headers)

    def _exchange(self, request: tuple[Any, Any, Any, Any, Any]) -> bytes:
        waits = (self._deadlines.connect.total_seconds(), self._deadlines.read.total_seconds())
        begin = self._clock.elapsed()
        response: HTTPResponse = self._client.call_api(*request, waits).response
        return self._read(response, begin)

    def _read(self, response: HTTPResponse, begin: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        is_whole = False
        try:
            while part := response.read1(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > _LARGEST or self._clock.elapsed() - begin > self._deadlines.whole.total_seconds():
                    raise ReadTimeoutError(None, None, "the answer took too long")  # type: ignore[arg-type]
            is_whole = True
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()
        data = b"".join(parts)
        if not 200 <= response.status < 300:
            error = ApiException(status=response.status, reason=response.reason)
            error.headers = response.headers
            error.body = data.decode("utf-8", "replace")
            raise error
        return data


class _Client(client.ApiClient):
    """The library keeps headers in a dict, in which `Impersonate-Group` can stand only once."""

    def __init__(self, configuration: client.Configuration, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(configuration)
        self.rest_client = PlainRest(configuration)
        self._impersonation = headers
        self.user_agent = FIELD_MANAGER

    def call_api(
        self,
        method: Any,
        url: Any,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        headers = HTTPHeaderDict(header_params)
        for name, value in self._impersonation:
            headers.add(name, value)
        return super().call_api(method, url, headers, body, post_params, _request_timeout)


def impersonation(acting: Acting) -> tuple[tuple[str, str], ...]:
    """Raises Refused for names that would act as the bot itself, as the system, or break out of their header."""
    names = (acting.user, *acting.groups)
    if not all(_is_plain(name) and not name.startswith("system:") for name in names):
        raise Refused(SYSTEM, text("No cluster can be asked to act for {user}.", user=repr(acting.user)))
    if acting.operation and not _is_plain(acting.operation):
        raise Refused(SYSTEM, text("No cluster can be told of the operation {name}.", name=repr(acting.operation)))
    headers = [("Impersonate-User", acting.user)]
    headers += [("Impersonate-Group", group) for group in acting.groups]
    if acting.operation:
        headers.append((OPERATION_EXTRA, acting.operation))
    return tuple(headers)


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= 256 and name.isascii() and name.isprintable() and name == name.strip()


def _configuration(access: Access) -> client.Configuration:
    made = client.Configuration(connection_pool_maxsize=16)
    match access:
        case Kubeconfig(path=path, context=context):
            if not context:
                raise config.ConfigException("no context is named")
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=path, context=context, client_configuration=made, persist_config=False
            )
        case InCluster():
            config.load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
    # False, not 0: the connection pool then neither repeats a request nor sleeps through Retry-After.
    made.retries = False
    return made


_PLACES = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Rollout": ("/apis/argoproj.io/v1alpha1", "rollouts"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "Pod": ("/api/v1", "pods"),
    "Service": ("/api/v1", "services"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Event": ("/api/v1", "events"),
    "ResourceQuota": ("/api/v1", "resourcequotas"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes"),
    "TraefikService": ("/apis/traefik.io/v1alpha1", "traefikservices"),
    "IngressRoute": ("/apis/traefik.io/v1alpha1", "ingressroutes"),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "PodMonitor": ("/apis/monitoring.coreos.com/v1", "podmonitors"),
    "ServiceMonitor": ("/apis/monitoring.coreos.com/v1", "servicemonitors"),
}


def place(kind: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of an object, or of all objects of a kind in a namespace. Raises KeyError for a kind we never touch."""
    group, plural = _PLACES[kind]
    parts = [group, "namespaces", quote(namespace, safe=""), plural]
    parts += [quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts)
