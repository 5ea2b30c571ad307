"""The rig's image registry (Docker's distribution): starting it, and making and pushing small images."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.rig import network
from tests.rig.build import SAMPLE
from tests.rig.servers import Servers

ADDRESS = f"{network.NODE_IP}:5000"
NAME_IN_PODS = "registry.test"
"""The name that images carry in manifests; the node's container runtime knows where that is."""
PAUSE = "pause"
_KIND = "application/vnd.oci.image"


def start(servers: Servers) -> None:
    servers.start("registry", "docker-registry", "serve", servers.configure("registry.yaml"))
    servers.until("registry answers", lambda: Registry().is_up())
    Registry().push_files(PAUSE, "1", {"/pause": SAMPLE.path("bin/pause")}, {})


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry, to push to and to move and delete tags in."""

    url: str = f"http://{ADDRESS}"

    def is_up(self) -> bool:
        try:
            return self._call("GET", "/v2/").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def push_image(self, name: str, tag: str, env: Mapping[str, str] | None = None) -> str:
        """Pushes the sample app as name:tag; `env` chooses its behaviour (see sources/sample/app). Returns its digest."""
        return self.push_files(name, tag, {"/app": SAMPLE.path("bin/app")}, {"VERSION": tag, **(env or {})})

    def push_files(self, name: str, tag: str, files: Mapping[str, Path], env: Mapping[str, str]) -> str:
        """Pushes an image of static files, the first of which is its entry point. Returns its digest."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for inside, here in files.items():
                data = here.read_bytes()
                entry = tarfile.TarInfo(inside.lstrip("/"))
                entry.size, entry.mode = len(data), 0o755
                tar.addfile(entry, io.BytesIO(data))
        layer = gzip.compress(archive.getvalue(), 1, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {
                    "Entrypoint": [next(iter(files))],
                    "User": "65532",
                    "Env": [f"{key}={value}" for key, value in env.items()],
                },
                "rootfs": {"type": "layers", "diff_ids": [_digest(archive.getvalue())]},
            }
        ).encode()
        for blob in (layer, config):
            if self._call("HEAD", f"/v2/{name}/blobs/{_digest(blob)}").status_code != httpx.codes.OK:
                place = self._done("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
                self._done("PUT", f"{place}&digest={_digest(blob)}", content=blob, kind="application/octet-stream")
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{_KIND}.manifest.v1+json",
                "config": {"mediaType": f"{_KIND}.config.v1+json", "size": len(config), "digest": _digest(config)},
                "layers": [{"mediaType": f"{_KIND}.layer.v1.tar+gzip", "size": len(layer), "digest": _digest(layer)}],
            }
        ).encode()
        self._done("PUT", f"/v2/{name}/manifests/{tag}", content=manifest, kind=f"{_KIND}.manifest.v1+json")
        return _digest(manifest)

    def digest(self, name: str, tag: str) -> str:
        """What a tag points at now. Raises httpx.HTTPStatusError where there is none."""
        answer = self._done("HEAD", f"/v2/{name}/manifests/{tag}", accept=f"{_KIND}.manifest.v1+json")
        return answer.headers["Docker-Content-Digest"]

    def delete(self, name: str, digest: str) -> None:
        """Deletes an image, with every tag on it."""
        self._done("DELETE", f"/v2/{name}/manifests/{digest}")

    def _done(
        self, method: str, path: str, *, content: bytes = b"", kind: str = "", accept: str = ""
    ) -> httpx.Response:
        return self._call(method, path, content=content, kind=kind, accept=accept).raise_for_status()

    def _call(
        self, method: str, path: str, *, content: bytes = b"", kind: str = "", accept: str = ""
    ) -> httpx.Response:
        headers = {name: value for name, value in {"Content-Type": kind, "Accept": accept}.items() if value}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            return client.request(method, path, content=content, headers=headers)


def image(name: str, tag_or_digest: str) -> str:
    """How a pod names an image of the registry."""
    separator = "@" if tag_or_digest.startswith("sha256:") else ":"
    return f"{NAME_IN_PODS}/{name}{separator}{tag_or_digest}"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
