"""Images of OCI registries: a tag to the digest that is deployed, believed only when the bytes hash to it.

Speaks the distribution API v2 with Bearer and Basic authentication. Asks only registries that the settings name (a
repository comes from a cluster, and must not choose whom we call), follows no redirect, reads no more than a manifest.
Pushes and deletes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import httpx

from bot.domain.clock import Clock
from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import counted, text
from bot.ports.observing import Image

SYSTEM = "registry"
MANIFEST_LIMIT = 4 * 2**20
"""The specification lets registries refuse larger manifests."""
TAGS_LIMIT = 1000
_PAGES = 20
_TOKEN_LIFE = 60.0
"""Seconds, where the token server does not say."""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_NAME = re.compile(r"[a-z0-9]+([._/-]+[a-z0-9]+){0,30}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'([a-z]+)="([^"]{0,500})"')
_NEXT = re.compile(r'<([^>]{1,2000})>\s*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    prefix: str
    """What repositories begin with, as they stand in pods: `registry.test`, `registry.test/team-web`."""
    url: str
    username: str = ""
    password: Secret = Secret("")
    is_insecure: bool = False
    """Permits http, and certificates that nobody vouches for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


class RegistryImages:
    """Implements bot.ports.observing.Images. Thread-safe."""

    def __init__(self, places: tuple[RegistryPlace, ...], clock: Clock, *, connect: timedelta, read: timedelta) -> None:
        self._sites = tuple(
            _Site(place, clock, connect=connect, read=read)
            for place in sorted(places, key=lambda place: len(place.prefix), reverse=True)
        )

    def close(self) -> None:
        for site in self._sites:
            site.close()

    def resolve(self, repository: str, ref: str) -> Image:
        site, name = self._site(repository)
        is_digest = bool(_DIGEST.fullmatch(ref))
        if not is_digest and not _TAG.fullmatch(ref):
            raise Missing(SYSTEM, text("{ref} cannot be a tag of an image.", ref=ref[:100]))
        answer = site.get(f"/v2/{name}/manifests/{ref}", scope=f"repository:{name}:pull", accept=_ACCEPT)
        what = f"{repository}:{ref}" if not is_digest else f"{repository}@{ref}"
        if answer.status == httpx.codes.NOT_FOUND:
            raise Missing(SYSTEM, text("The registry does not have {image}.", image=what))
        _require_ok(answer, what)
        digest = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        claimed = answer.headers.get("docker-content-digest", digest)
        if digest != claimed or (is_digest and digest != ref):
            raise Refused(SYSTEM, text("What the registry gave for {image} is not what its digest says.", image=what))
        return Image(repository, "" if is_digest else ref, digest, _platforms(answer, what))

    def tags(self, repository: str) -> tuple[str, ...]:
        site, name = self._site(repository)
        found: list[str] = []
        path = f"/v2/{name}/tags/list?n={TAGS_LIMIT}"
        for _ in range(_PAGES):
            answer = site.get(path, scope=f"repository:{name}:pull", accept="application/json")
            if answer.status == httpx.codes.NOT_FOUND:
                raise Missing(SYSTEM, text("The registry does not know {repository}.", repository=repository))
            _require_ok(answer, repository)
            page = _json(answer, repository).get("tags") or []
            if isinstance(page, list):
                found += [tag for tag in page if isinstance(tag, str) and _TAG.fullmatch(tag)]
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None or len(found) >= TAGS_LIMIT:
                break
            path = site.path_of(following[1])
        return tuple(found[:TAGS_LIMIT])

    def ping(self) -> str:
        for site in self._sites:
            _require_ok(site.get("/v2/", scope="", accept="application/json"), site.place.prefix)
        if not self._sites:
            raise Refused(SYSTEM, text("The settings name no registry."))
        return counted(len(self._sites), "{n} registry answers", "{n} registries answer").plain()

    def _site(self, repository: str) -> tuple[_Site, str]:
        """The registry of the longest prefix (by whole path elements), and the name of the repository in it."""
        host, _, name = repository.partition("/")
        for site in self._sites:
            if f"{repository}/".startswith(f"{site.place.prefix}/"):
                if not _NAME.fullmatch(name):
                    raise Missing(SYSTEM, text("{repository} cannot be a repository.", repository=repository[:200]))
                return site, name
        raise Refused(
            SYSTEM,
            text("The settings name no registry for {repository}.", repository=repository[:200]),
            next=text("Whoever runs the bot adds {host} under registries.", host=host[:100]),
        )


class _Site:
    """One registry: its connection and its tokens."""

    def __init__(self, place: RegistryPlace, clock: Clock, *, connect: timedelta, read: timedelta) -> None:
        self.place = place
        self._clock = clock
        self._deadline = (connect + read).total_seconds()
        self._client = httpx.Client(
            base_url=place.url,
            timeout=httpx.Timeout(read.total_seconds(), connect=connect.total_seconds()),
            verify=not place.is_insecure,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )
        self._tokens: dict[str, tuple[str, float]] = {}
        """Authorization header and until when it counts, by scope."""

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, *, scope: str, accept: str) -> _Answer:
        headers = {"Accept": accept}
        known = self._tokens.get(scope)
        if known is not None and known[1] > self._clock.elapsed():
            headers["Authorization"] = known[0]
        answer = self._call(path, headers)
        if answer.status != httpx.codes.UNAUTHORIZED:
            return answer
        self._tokens.pop(scope, None)
        headers["Authorization"] = self._authorization(answer.headers.get("www-authenticate", ""), scope)
        return self._call(path, headers)

    def path_of(self, link: str) -> str:
        """Of the next page; one that leads to another server is refused."""
        whole = urlsplit(urljoin(str(self._client.base_url), link))
        if whole.netloc.encode() != self._client.base_url.netloc:
            raise Refused(SYSTEM, text("The registry sends us to another server for the next page."))
        return f"{whole.path}?{whole.query}"

    def _authorization(self, challenge: str, scope: str) -> str:
        kind, _, rest = challenge.partition(" ")
        match kind.lower():
            case "basic":
                header, life = self._basic(), 3600.0
            case "bearer":
                header, life = self._bearer(dict(_CHALLENGE.findall(rest)), scope)
            case _:
                raise Refused(SYSTEM, text("The registry refuses us and does not say how to sign in."))
        self._tokens[scope] = (header, self._clock.elapsed() + life)
        return header

    def _basic(self) -> str:
        if not self.place.username:
            raise Refused(SYSTEM, text("The registry {prefix} wants a user name.", prefix=self.place.prefix))
        pair = f"{self.place.username}:{self.place.password.reveal()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _bearer(self, challenge: Mapping[str, str], scope: str) -> tuple[str, float]:
        realm = challenge.get("realm", "")
        there = urlsplit(realm)
        is_same = there.netloc.encode() == self._client.base_url.netloc
        if not (there.scheme == "https" or (there.scheme == "http" and is_same and self.place.is_insecure)):
            raise Refused(SYSTEM, text("The registry names a token server that cannot be trusted."))
        headers = {"Accept": "application/json"}
        if self.place.username:
            headers["Authorization"] = self._basic()
        wanted = {"service": challenge.get("service", ""), "scope": scope}
        url = str(httpx.URL(realm).copy_merge_params({name: value for name, value in wanted.items() if value}))
        answer = self._call(url, headers)
        _require_ok(answer, self.place.prefix)
        given = _json(answer, self.place.prefix)
        token, life = given.get("token") or given.get("access_token"), given.get("expires_in")
        if not isinstance(token, str) or not token.isprintable():
            raise Refused(SYSTEM, text("The token server of {prefix} gave no token.", prefix=self.place.prefix))
        return f"Bearer {token}", float(life) * 0.9 if isinstance(life, int | float) else _TOKEN_LIFE

    def _call(self, url: str, headers: Mapping[str, str]) -> _Answer:
        started = self._clock.elapsed()
        try:
            with self._client.stream("GET", url, headers=dict(headers)) as response:
                body = bytearray()
                for chunk in _chunks(response):
                    body += chunk
                    if len(body) > MANIFEST_LIMIT:
                        raise Refused(SYSTEM, text("The answer of {prefix} is too large.", prefix=self.place.prefix))
                    if self._clock.elapsed() - started > self._deadline:
                        raise Unavailable(SYSTEM, text("The registry {prefix} is too slow.", prefix=self.place.prefix))
                return _Answer(response.status_code, response.headers, bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as bad:
            raise _translated(bad, self.place.prefix) from bad


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    # As they came: the digest is that of the bytes sent, and a compressed answer could grow without bound.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("compressed, which nobody asked for")
    return response.iter_raw()


def _platforms(answer: _Answer, what: str) -> tuple[str, ...]:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    content = _json(answer, what)
    declared = content.get("mediaType", kind)
    if kind not in (*_INDEXES, *_MANIFESTS) or declared != kind:
        raise Refused(SYSTEM, text("{image} is of a kind that cannot be deployed.", image=what))
    entries = content.get("manifests")
    if kind in _MANIFESTS or not isinstance(entries, list):
        return ()
    found = (entry for entry in entries if isinstance(entry, dict) and not _is_attestation(entry))
    digests = (entry.get("digest") for entry in found)
    return tuple(digest for digest in digests if isinstance(digest, str) and _DIGEST.fullmatch(digest))


def _is_attestation(entry: Mapping[str, object]) -> bool:
    """BuildKit lists its provenance beside the images, for a platform that does not exist."""
    platform = entry.get("platform")
    return isinstance(platform, dict) and platform.get("os") == "unknown"


def _json(answer: _Answer, what: str) -> Mapping[str, object]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as bad:
        raise Unavailable(SYSTEM, text("The registry's answer about {what} cannot be read.", what=what)) from bad
    if not isinstance(found, dict):
        raise Unavailable(SYSTEM, text("The registry's answer about {what} cannot be read.", what=what))
    return found


def _require_ok(answer: _Answer, what: str) -> None:
    match answer.status:
        case 200:
            return
        case 401 | 403:
            raise Refused(SYSTEM, text("The registry does not let us see {what}.", what=what))
        case 404:
            raise Missing(SYSTEM, text("The registry does not know {what}.", what=what))
        case 429 | 500 | 502 | 503 | 504:
            raise Unavailable(
                SYSTEM,
                text("The registry cannot answer now ({status}).", status=answer.status),
                retry_after=_retry_after(answer.headers),
            )
        case _:
            raise Refused(SYSTEM, text("The registry answered {status} for {what}.", status=answer.status, what=what))


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    words = headers.get("retry-after", "")
    return timedelta(seconds=min(int(words), 86400)) if re.fullmatch(r"[0-9]{1,9}", words) else None


def _translated(bad: Exception, what: str) -> IntegrationError:
    """The one place where httpx's exceptions become ours; their texts stay out, they may hold URLs with queries."""
    match bad:
        case httpx.TimeoutException():
            return Unavailable(SYSTEM, text("The registry {what} did not answer in time.", what=what))
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return Refused(SYSTEM, text("The address of the registry {what} is not one.", what=what))
        case _:
            kind = type(bad).__name__
            return Unavailable(SYSTEM, text("The registry {what} cannot be reached ({kind}).", what=what, kind=kind))
