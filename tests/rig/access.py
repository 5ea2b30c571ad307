"""Rights in the rig's cluster: those of the product's bot, exactly as deploy/rbac/ has them, and those of people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_ROOT = Path(__file__).resolve().parents[2]
_SHIPPED = _ROOT / "deploy" / "rbac"
AUTO = "pilothouse:auto"
"""Who acts where the person who asked no longer may."""

NAMESPACE_LABEL = "rig-namespace"
"""On what belongs to one namespace's tests, but does not go with the namespace."""


@dataclass(frozen=True, slots=True)
class People:
    """Who may be acted for in a namespace; the groups get the built-in role `edit` there."""

    users: tuple[str, ...] = ("ann", "bob")
    groups: tuple[str, ...] = ("devs",)


def manifests(people: People, *, bot: str, namespace: str) -> list[Mapping[str, object]]:
    """The bot's roles and bindings for one namespace.

    The words BOT, USER, GROUP and NAMESPACE in deploy/rbac/*.yaml are replaced; in a list, USER and GROUP by all of them.
    Roles of the whole cluster get the namespace into their name, so that tests do not overwrite each other's.
    """
    words = {"BOT": (bot,), "USER": people.users, "GROUP": people.groups, "NAMESPACE": (namespace,)}
    found = []
    for file in sorted(_SHIPPED.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document is not None:
                filled = _fill(document, words)
                assert isinstance(filled, dict)
                found.append(filled)
    return [*_apart(found, namespace), *_rights_of(people, namespace)]


def _fill(value: object, words: Mapping[str, Sequence[str]]) -> object:
    match value:
        case dict():
            return {key: _fill(each, words) for key, each in value.items()}
        case list():
            return [filled for each in value for filled in _fill_all(each, words)]
        case str() if value in words:
            return words[value][0]
        case _:
            return value


def _fill_all(value: object, words: Mapping[str, Sequence[str]]) -> Iterator[object]:
    if isinstance(value, str) and value in words:
        yield from words[value]
    else:
        yield _fill(value, words)


def _apart(documents: Sequence[dict[str, object]], namespace: str) -> list[Mapping[str, object]]:
    wide = {
        metadata["name"]: f"{metadata['name']}-{namespace}"
        for document in documents
        if document["kind"] == "ClusterRole" and isinstance(metadata := document["metadata"], dict)
    }
    for document in documents:
        metadata, role = document["metadata"], document.get("roleRef")
        assert isinstance(metadata, dict)
        if document["kind"] in {"ClusterRole", "ClusterRoleBinding"}:
            metadata["name"] = f"{metadata['name']}-{namespace}"
            metadata["labels"] = {NAMESPACE_LABEL: namespace}
        if isinstance(role, dict):
            role["name"] = wide.get(role["name"], role["name"])
    return list(documents)


def _rights_of(people: People, namespace: str) -> list[Mapping[str, object]]:
    """The tenant's own people, and the service principal, may edit what is in the namespace."""
    group = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io"}
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "people", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{**group, "name": name} for name in (*people.groups, AUTO)],
        }
    ]
