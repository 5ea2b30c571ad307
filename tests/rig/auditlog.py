"""The API server's own audit log: who did which write, whatever anybody else claims."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One request as the API server saw it.

    `user` is whose credentials came, `person` in whose name it acted ("" where in its own), with `groups` and `extra`
    of the latter. `labels` are those of the object after the request, {} where the answer has none.
    """

    at: str
    verb: str
    user: str
    person: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]]
    resource: str
    subresource: str
    namespace: str
    name: str
    status: int
    user_agent: str
    labels: Mapping[str, str]
    sent: object
    """The body of the request; None where it has none or the policy keeps it out."""

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class AuditLog:
    """Reads the log from its file; the API server writes a line when a request is answered, not before."""

    file: Path

    def position(self) -> int:
        """Where the log ends now: `since` for what comes after."""
        return self.file.stat().st_size

    def events(self, *, since: int = 0) -> Iterator[AuditEvent]:
        with self.file.open("rb") as log:
            log.seek(since)
            for line in log:
                if not line.endswith(b"\n"):  # being written
                    return
                yield _event(json.loads(line))

    def writes(self, *, namespace: str, since: int = 0, user: str | None = None) -> list[AuditEvent]:
        """Writes into a namespace, refused ones too; only those with the credentials of `user` if given."""
        return [
            event
            for event in self.events(since=since)
            if event.namespace == namespace and event.verb in WRITES and user in (None, event.user)
        ]


def _event(line: Mapping[str, object]) -> AuditEvent:
    target = _mapping(line.get("objectRef"))
    person = _mapping(line.get("impersonatedUser"))
    answered = _mapping(_mapping(line.get("responseObject")).get("metadata"))
    groups = person.get("groups")
    return AuditEvent(
        at=str(line["requestReceivedTimestamp"]),
        verb=str(line["verb"]),
        user=str(_mapping(line["user"])["username"]),
        person=str(person.get("username", "")),
        groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
        extra={
            key: tuple(map(str, value))
            for key, value in _mapping(person.get("extra")).items()
            if isinstance(value, list)
        },
        resource=str(target.get("resource", "")),
        subresource=str(target.get("subresource", "")),
        namespace=str(target.get("namespace", "")),
        name=str(target.get("name", "")),
        status=_status(line),
        user_agent=str(line.get("userAgent", "")),
        labels={key: str(value) for key, value in _mapping(answered.get("labels")).items()},
        sent=line.get("requestObject"),
    )


def _status(line: Mapping[str, object]) -> int:
    code = _mapping(line.get("responseStatus")).get("code", 0)
    assert isinstance(code, int)
    return code


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
