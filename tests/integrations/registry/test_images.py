"""The registry adapter against a server that signs people in, pages, lies, hangs and breaks off."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from integrations.registry.images import MANIFEST_LIMIT, RegistryImages, RegistryPlace
from tests.integrations.loopback import Loopback, Received, Sent, closed_port, serving
from tests.kit.clocks import RealClock

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
TOKEN = "a-token"


def digest_of(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def manifest(kind: str = OCI_MANIFEST, **more: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": kind, **more}).encode()


@dataclass
class FakeRegistry:
    """Behaves as distribution does, with or without a token server of its own."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tag_names: list[str] = field(default_factory=list)
    auth: str = ""
    page: int = 1000
    realm: str = ""

    def put(self, tag: str, kind: str, body: bytes) -> str:
        self.manifests[tag] = self.manifests[digest_of(body)] = (kind, body)
        return digest_of(body)

    def answer(self, request: Received) -> Sent:
        if request.path == "/token":
            return self._token(request)
        if self.auth and not self._is_signed_in(request):
            realm = self.realm or f"http://{request.headers['host']}/token"
            challenge = f'Bearer realm="{realm}",service="registry.test",scope="repository:web:pull"'
            return Sent(401, b"{}", {"WWW-Authenticate": challenge if self.auth == "bearer" else 'Basic realm="x"'})
        if request.path == "/v2/":
            return Sent(200, b"{}")
        if request.path == "/v2/web/tags/list":
            return self._tags(request)
        _, _, ref = request.path.partition("/v2/web/manifests/")
        if ref not in self.manifests:
            return Sent(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {"Content-Type": "application/json"})
        kind, body = self.manifests[ref]
        assert kind in request.headers["accept"]
        return Sent(200, body, {"Content-Type": kind, "Docker-Content-Digest": digest_of(body)})

    def _token(self, request: Received) -> Sent:
        pair = base64.b64encode(b"robot:secret").decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return Sent(401, b"{}")
        assert request.query["service"] == "registry.test"
        return Sent(200, json.dumps({"token": TOKEN, "expires_in": 300}).encode())

    def _is_signed_in(self, request: Received) -> bool:
        pair = base64.b64encode(b"robot:secret").decode()
        return request.headers.get("authorization") == (f"Bearer {TOKEN}" if self.auth == "bearer" else f"Basic {pair}")

    def _tags(self, request: Received) -> Sent:
        start = self.tag_names.index(request.query["last"]) + 1 if "last" in request.query else 0
        names = self.tag_names[start : start + self.page]
        more = start + self.page < len(self.tag_names)
        link = {"Link": f'</v2/web/tags/list?last={names[-1]}&n={self.page}>; rel="next"'} if more else {}
        return Sent(200, json.dumps({"name": "web", "tags": names or None}).encode(), link)


@contextmanager
def images(server: Loopback, *, user: str = "", read: float = 5, insecure: bool = True) -> Iterator[RegistryImages]:
    place = RegistryPlace("registry.test", server.url, user, Secret("secret" if user else ""), insecure)
    made = RegistryImages((place,), RealClock(), connect=timedelta(seconds=0.5), read=timedelta(seconds=read))
    try:
        yield made
    finally:
        made.close()


def test_a_tag_becomes_the_digest_of_its_manifest() -> None:
    registry = FakeRegistry()
    digest = registry.put("1.8.2", OCI_MANIFEST, manifest())
    with serving(registry.answer) as server, images(server) as found:
        image = found.resolve("registry.test/web", "1.8.2")
        again = found.resolve("registry.test/web", digest)
    assert (image.digest, image.tag, image.platforms) == (digest, "1.8.2", ())
    assert image.pinned == f"registry.test/web@{digest}"
    assert (again.digest, again.tag) == (digest, "")


def test_an_index_names_the_digests_of_its_platforms_without_attestations() -> None:
    registry = FakeRegistry()
    platforms = [digest_of(b"amd"), digest_of(b"arm")]
    entries = [{"digest": digest, "platform": {"os": "linux"}} for digest in platforms]
    entries.append({"digest": digest_of(b"proof"), "platform": {"os": "unknown", "architecture": "unknown"}})
    registry.put("1", OCI_INDEX, manifest(OCI_INDEX, manifests=entries))
    with serving(registry.answer) as server, images(server) as found:
        assert found.resolve("registry.test/web", "1").platforms == tuple(platforms)


def test_dockers_own_manifests_are_understood() -> None:
    registry = FakeRegistry()
    digest = registry.put("1", DOCKER_MANIFEST, manifest(DOCKER_MANIFEST))
    with serving(registry.answer) as server, images(server) as found:
        assert found.resolve("registry.test/web", "1").digest == digest


@pytest.mark.parametrize("auth", ["bearer", "basic"])
def test_signing_in_happens_once_for_several_questions(auth: str) -> None:
    registry = FakeRegistry(auth=auth)
    registry.put("1", OCI_MANIFEST, manifest())
    with serving(registry.answer) as server, images(server, user="robot") as found:
        found.resolve("registry.test/web", "1")
        found.resolve("registry.test/web", "1")
        assert sum(request.path == "/token" for request in server.received) == (auth == "bearer")
        assert sum("authorization" not in request.headers for request in server.received) == 1


def test_without_credentials_a_registry_that_wants_them_refuses() -> None:
    registry = FakeRegistry(auth="basic")
    with serving(registry.answer) as server, images(server) as found, pytest.raises(Refused):
        found.resolve("registry.test/web", "1")


@pytest.mark.parametrize("realm", ["http://169.254.169.254/token", "file:///etc/passwd", "http://other.test/token", ""])
def test_credentials_go_to_no_token_server_that_cannot_be_trusted(realm: str) -> None:
    registry = FakeRegistry(auth="bearer", realm=realm or "x")
    with serving(registry.answer) as server, images(server, user="robot") as found:
        with pytest.raises(Refused, match="cannot be trusted"):
            found.resolve("registry.test/web", "1")
        assert all("authorization" not in request.headers for request in server.received)


def test_tags_are_paged_and_bounded() -> None:
    registry = FakeRegistry(tag_names=[f"1.0.{n}" for n in range(1500)], page=400)
    with serving(registry.answer) as server, images(server) as found:
        tags = found.tags("registry.test/web")
    assert (len(tags), tags[0], tags[-1]) == (1000, "1.0.0", "1.0.999")


def test_a_repository_without_tags_has_none() -> None:
    with serving(FakeRegistry().answer) as server, images(server) as found:
        assert found.tags("registry.test/web") == ()


def test_the_next_page_is_on_the_same_server() -> None:
    def answer(request: Received) -> Sent:
        return Sent(200, b'{"tags": ["a"]}', {"Link": '<http://169.254.169.254/v2/web/tags/list>; rel="next"'})

    with serving(answer) as server, images(server) as found, pytest.raises(Refused, match="another server"):
        found.tags("registry.test/web")


def test_what_is_not_there_is_missing() -> None:
    with serving(FakeRegistry().answer) as server, images(server) as found:
        with pytest.raises(Missing):
            found.resolve("registry.test/web", "9.9.9")
        with pytest.raises(Missing):
            found.resolve("registry.test/web", "sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("repository", "ref", "error"),
    [
        ("elsewhere.test/web", "1", Refused),
        ("registry.test.evil.example/web", "1", Refused),
        ("registry.testing/web", "1", Refused),
        ("web", "1", Refused),
        ("registry.test", "1", Missing),
        ("registry.test/../admin", "1", Missing),
        ("registry.test/web?x=", "1", Missing),
        ("registry.test/web/", "1", Missing),
        ("registry.test/Web", "1", Missing),
        ("registry.test/web", "../../_catalog", Missing),
        ("registry.test/web", "1/2", Missing),
        ("registry.test/web", "1?n=2", Missing),
        ("registry.test/web", "", Missing),
        ("registry.test/web", "sha256:xyz", Missing),
        ("registry.test/web", "1\r\nHost: x", Missing),
    ],
)
def test_names_that_cannot_be_are_refused_without_asking(
    repository: str, ref: str, error: type[IntegrationError]
) -> None:
    with serving(FakeRegistry().answer) as server, images(server) as found:
        with pytest.raises(error):
            found.resolve(repository, ref)
        assert server.received == []


@pytest.mark.parametrize(
    "sent",
    [
        Sent(200, manifest(), {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest_of(b"other")}),
        Sent(200, manifest(DOCKER_MANIFEST), {"Content-Type": OCI_MANIFEST}),
        Sent(200, manifest(), {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}),
        Sent(200, b"x" * (MANIFEST_LIMIT + 1), {"Content-Type": OCI_MANIFEST}),
        Sent(302, b"", {"Location": "http://169.254.169.254/"}),
        Sent(403, b"secret words of the registry"),
        Sent(400, b"secret words of the registry"),
    ],
)
def test_an_answer_that_cannot_be_believed_is_refused_and_its_words_are_not_repeated(sent: Sent) -> None:
    with serving(lambda _: sent) as server, images(server) as found:
        with pytest.raises(Refused) as caught:
            found.resolve("registry.test/web", "1")
        assert len(server.received) == 1
    assert "secret words" not in str(caught.value)


def test_a_digest_that_was_asked_for_is_the_digest_of_the_bytes() -> None:
    sent = Sent(200, manifest(), {"Content-Type": OCI_MANIFEST})
    with serving(lambda _: sent) as server, images(server) as found, pytest.raises(Refused, match="digest"):
        found.resolve("registry.test/web", digest_of(b"other"))


@pytest.mark.parametrize(
    "sent",
    [
        Sent(200, b"<html>", {"Content-Type": OCI_MANIFEST}),
        Sent(200, b"[" * 100_000, {"Content-Type": OCI_MANIFEST}),
        Sent(200, b"[]", {"Content-Type": OCI_MANIFEST}),
        Sent(200, manifest(), {"Content-Type": OCI_MANIFEST, "Content-Encoding": "gzip"}),
        Sent(200, manifest(), {"Content-Type": OCI_MANIFEST}, is_cut=True),
        Sent(500, b""),
        Sent(503, b""),
        Sent(hangs=True),
        Sent(200, manifest(config="x" * 10_000), {"Content-Type": OCI_MANIFEST}, drips=True),
    ],
)
def test_a_registry_that_is_ill_is_unavailable_and_asked_once(sent: Sent) -> None:
    with serving(lambda _: sent) as server, images(server, read=0.3) as found:
        with pytest.raises(Unavailable):
            found.resolve("registry.test/web", "1")
        assert len(server.received) == 1


def test_too_many_questions_say_when_to_ask_again() -> None:
    with serving(lambda _: Sent(429, b"", {"Retry-After": "7"})) as server, images(server) as found:
        with pytest.raises(Unavailable) as caught:
            found.resolve("registry.test/web", "1")
        assert caught.value.retry_after == timedelta(seconds=7)


def test_nobody_at_home_is_unavailable() -> None:
    place = RegistryPlace("registry.test", closed_port(), is_insecure=True)
    found = RegistryImages((place,), RealClock(), connect=timedelta(seconds=1), read=timedelta(seconds=1))
    with pytest.raises(Unavailable):
        found.ping()
    found.close()


def test_ping_says_that_all_answer() -> None:
    with serving(FakeRegistry().answer) as server, images(server) as found:
        assert found.ping() == "1 registry answers"


def test_the_longest_prefix_decides() -> None:
    with serving(lambda _: Sent(404)) as first, serving(lambda _: Sent(404)) as second:
        places = (
            RegistryPlace("r.test", first.url, is_insecure=True),
            RegistryPlace("r.test/team", second.url, is_insecure=True),
        )
        found = RegistryImages(places, RealClock(), connect=timedelta(seconds=1), read=timedelta(seconds=1))
        for repository in ("r.test/team/web", "r.test/teams/web"):
            with pytest.raises(Missing):
                found.resolve(repository, "1")
        found.close()
        assert [r.path for r in first.received] == ["/v2/teams/web/manifests/1"]
        assert [r.path for r in second.received] == ["/v2/team/web/manifests/1"]
