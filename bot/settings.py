"""How this installation is set up: read once at start, frozen afterwards, a class per topic. Nothing else reads the
environment.

One strict YAML file (the same rules as the policy's), over it the environment: `PILOTHOUSE_SLACK__BOT_TOKEN` sets
`slack: bot-token:`. A secret is text or `{file: /path}`. What is wrong is collected, not raised: the bot starts,
answers, refuses changes, and doctor lists the problems; a topic that cannot be read has its defaults. Imports no
integration: bot.app hands each adapter its part.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bot.domain.refs import Secret
from bot.policy import strict_yaml
from bot.policy.kinds import Confidential, Duration, FieldName, JobName, Name, PublicKey, Url, listed
from bot.policy.strict_yaml import BrokenFile, Document, Problem
from bot.ports.observing import Measure

PREFIX = "PILOTHOUSE_"
FILE_VARIABLE = "PILOTHOUSE_SETTINGS"
_SECRET_LENGTH = 32
"""Of a signing secret, at least."""


class _Topic(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
    )


class Mode(StrEnum):
    OFF = "off"
    """No Slack: terminal and web only."""
    SOCKET = "socket"
    HTTP = "http"


class Slack(_Topic):
    mode: Mode = Mode.OFF
    bot_token: Confidential = Secret("")
    app_token: Confidential = Secret("")
    """Of Socket Mode."""
    signing_secrets: Annotated[tuple[Confidential, ...], BeforeValidator(listed)] = ()
    """The one in use and, while it is changed, the one before."""
    api_url: Url = "https://slack.com/api/"
    app_id: str = ""
    team_id: str = ""
    prefix: Annotated[str, Field(pattern=r"^([a-z][a-z0-9]{0,10}-)?$")] = ""
    """Of the slash commands: `ph-` makes `/ph-deploy`."""
    updates_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 50
    messages_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 300


class Database(_Topic):
    url: Confidential = Secret("")
    """Empty: SQLite under the data folder."""


class Data(_Topic):
    folder: Path = Path("data")


class PolicyPlace(_Topic):
    path: Path = Path("policy.yaml")


class ClusterPlace(_Topic):
    kubeconfig: Path | None = None
    """None: the service account of the pod that we run in."""
    context: str = ""
    """Always named where there is a kubeconfig: never "the current one"."""
    uid: str = ""
    """Of the cluster's kube-system namespace: pins it."""


class EnvPlace(_Topic):
    """A part of an environment: one cluster, and in it a namespace per tenant."""

    cluster: Name
    namespaces: Annotated[Mapping[Name, Name], Field(min_length=1)]


class AppSettings(_Topic):
    label: str = "app.kubernetes.io/name"
    """Its value on a workload is the app's name; without it, the workload's name is."""
    channels: Mapping[Name, str] = {}
    """Where an app's alerts go, by app."""


class EarlierKey(_Topic):
    """A signing key that was changed: `pilothouse audit key` prints both before the change."""

    public: PublicKey
    records: Annotated[int, Field(ge=0)]
    """How many there were: its signature counts for checkpoints up to there."""


class ConfigMapPlace(_Topic):
    cluster: Name
    namespace: Name
    name: Name = "pilothouse-checkpoints"


class Audit(_Topic):
    channel: str = ""
    """Id of the channel that gets every outcome; empty: none."""
    checkpoint_file: Path | None = None
    """A second place outside the database and Slack."""
    checkpoint_configmap: ConfigMapPlace | None = None
    """And one in a cluster."""
    checkpoint_every: Duration = timedelta(seconds=60)
    signing_key: Confidential = Secret("")
    earlier_keys: tuple[EarlierKey, ...] = ()


class Registry(_Topic):
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._:/-]{0,198}[a-z0-9])?$")]
    """What the repositories begin with, as they stand in pods: `registry.test` or `registry.test/team-web`."""
    url: Url
    username: str = ""
    password: Confidential = Secret("")
    insecure: bool = False
    """Permits http and certificates that nobody vouches for."""


class Elasticsearch(_Topic):
    url: Url | None = None
    """None: logs are those that the pods still have."""
    api_key: Confidential = Secret("")
    index: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}\*?$")] = "logs-*"
    namespace_field: FieldName = "kubernetes.namespace"
    pod_field: FieldName = "kubernetes.pod"
    container_field: FieldName = "kubernetes.container"
    level_field: FieldName = "level"
    message_field: FieldName = "message"
    time_field: FieldName = "@timestamp"
    cluster_field: FieldName | None = None
    """Where the index holds several clusters: it then has to be our name of one."""


class Prometheus(_Topic):
    url: Url | None = None
    token: Confidential = Secret("")
    namespace_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")] = "namespace"
    pod_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")] = "pod"
    cluster_label: Annotated[str, Field(pattern=r"^([a-zA-Z_][a-zA-Z0-9_]{0,99})?$")] = ""
    """Where it knows several clusters: it then has to be our name of one."""
    window: Duration = timedelta(minutes=2)
    """The range of rates: at least four scrapes."""
    templates: Mapping[Measure, Annotated[str, Field(min_length=1, max_length=2000)]] = {}
    """PromQL by measure, in place of our own; `$pods` is where the matchers go, `$window` the range."""


class Alertmanager(_Topic):
    url: Url | None = None
    token: Confidential = Secret("")
    webhook_secret: Confidential = Secret("")
    """What Alertmanager has to show us; without it no alert is taken."""
    default_channel: str = ""


class Jenkins(_Topic):
    url: Url | None = None
    user: str = ""
    token: Confidential = Secret("")
    job: JobName = ""
    """Which job builds an app, folders first: `images/$app`. Empty: only what `jobs` names is built."""
    jobs: Mapping[Name, JobName] = {}


class Timeouts(_Topic):
    connect: Duration = timedelta(seconds=3)
    read: Duration = timedelta(seconds=10)
    search: Duration = timedelta(seconds=5)
    """Of one query of logs or metrics."""


class Log(_Topic):
    level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = "info"


class Web(_Topic):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Playground(_Topic):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8081
    seed: int = 1


class Settings(BaseModel):
    """`problems` are sentences about what is wrong; while there are any, nothing may be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    slack: Slack = Slack()
    database: Database = Database()
    data: Data = Data()
    policy: PolicyPlace = PolicyPlace()
    clusters: Mapping[Name, ClusterPlace] = {}
    envs: Mapping[Name, Annotated[tuple[EnvPlace, ...], Field(min_length=1)]] = {}
    apps: AppSettings = AppSettings()
    audit: Audit = Audit()
    registries: tuple[Registry, ...] = ()
    elasticsearch: Elasticsearch = Elasticsearch()
    prometheus: Prometheus = Prometheus()
    alertmanager: Alertmanager = Alertmanager()
    jenkins: Jenkins = Jenkins()
    timeouts: Timeouts = Timeouts()
    log: Log = Log()
    web: Web = Web()
    playground: Playground = Playground()
    problems: tuple[Problem, ...] = ()


class _Environment(Settings, BaseSettings):
    """Where the environment has its say; read topic by topic, never made."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


class _Variables(EnvSettingsSource):
    """Lists and mappings are JSON; what is no JSON is text, and the topic says whether that will do."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: str | bytes | bytearray) -> object:
        words = value if isinstance(value, str) else value.decode()
        try:
            return json.loads(words) if words.lstrip().startswith(("[", "{")) else words
        except ValueError:
            return words


def read(path: Path | None = None) -> Settings:
    """From `path` (else the file that PILOTHOUSE_SETTINGS names, else none) and the environment. Never raises."""
    named = os.environ.get(FILE_VARIABLE, "")
    document, problems = _file(path or (Path(named) if named else None))
    given, more = _environment()
    problems += more
    values = document.value if isinstance(document.value, dict) else {}
    topics: dict[str, object] = {}
    for name in values:
        if name not in Settings.model_fields or name == "problems":
            problems.append(document.problem((name,), "there is no such setting"))
    for name in Settings.model_fields:
        if name == "problems" or (name not in values and name not in given):
            continue
        topic = _over(values.get(name, {}), given.get(name, {}))
        try:
            topics[name] = getattr(Settings.model_validate({name: topic}), name)
        except ValidationError as bad:
            problems += _complaints(document, bad)
    settings = Settings().model_copy(update=topics)
    problems += [document.problem(path, what) for path, what in _contradictions(settings)]
    return settings.model_copy(update={"problems": tuple(problems)})


def _file(path: Path | None) -> tuple[Document, list[Problem]]:
    if path is None:
        return Document({}), []
    try:
        with path.open("rb") as file:
            document = strict_yaml.read(file.read(strict_yaml.SIZE_LIMIT + 1))
    except BrokenFile as broken:
        return Document({}), list(broken.problems)
    except (OSError, ValueError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else None
        return Document({}), [Problem(0, "", f"{path} cannot be read: {reason or 'not a file'}")]
    if not isinstance(document.value, dict):
        return Document({}), [Problem(1, "", "the settings have to be a mapping of topics")]
    return document, []


def _environment() -> tuple[dict[str, object], list[Problem]]:
    """Topics by name, with the keys as the file spells them."""
    problems = [
        Problem(0, name, "there is no such setting")
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and name != FILE_VARIABLE
        and name[len(PREFIX) :].lower().partition("__")[0] not in Settings.model_fields
    ]
    found = _Variables(_Environment)()
    return {name: _dashed(value) for name, value in found.items()}, problems


def _dashed(value: object) -> object:
    if isinstance(value, dict):
        return {str(key).replace("_", "-"): _dashed(each) for key, each in value.items()}
    return value


def _over(low: object, high: object) -> object:
    if isinstance(low, dict) and isinstance(high, dict):
        return {key: _over(low.get(key, {}), high[key]) if key in high else low[key] for key in {**low, **high}}
    return high if high != {} else low


def _complaints(document: Document, bad: ValidationError) -> Iterator[Problem]:
    for error in bad.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(part for part in error["loc"] if part != "[key]")
        what = error["msg"].removeprefix("Value error, ")
        yield document.problem(path, _EASIER.get(error["type"], what))


_EASIER = {
    "extra_forbidden": "there is no such setting",
    "missing": "is missing",
    "too_short": "has to name at least one",
    "model_type": "has to be a mapping",
    "string_pattern_mismatch": "is not of the form that is wanted here",
}


def _contradictions(settings: Settings) -> Iterator[tuple[strict_yaml.Path, str]]:
    """What no topic can see on its own."""
    yield from _slack(settings.slack)
    for name, cluster in settings.clusters.items():
        if not cluster.uid:
            yield ("clusters", name), "uid is missing: that of its kube-system namespace, which pins the cluster"
        if cluster.kubeconfig is not None and not cluster.context:
            yield ("clusters", name), "context is missing: the current one of a kubeconfig is never taken"
    if (kept := settings.audit.checkpoint_configmap) and kept.cluster not in settings.clusters:
        yield ("audit", "checkpoint-configmap", "cluster"), f"there is no cluster {kept.cluster}"
    yield from _envs(settings)
    counted = Counter(registry.prefix for registry in settings.registries)
    for index, registry in enumerate(settings.registries):
        if counted[registry.prefix] > 1:
            yield ("registries", index, "prefix"), f"{registry.prefix} stands there twice"
        if registry.url.startswith("http://") and not registry.insecure:
            yield ("registries", index, "url"), "is not encrypted; say insecure: yes if that is meant"
    if settings.alertmanager.url and not settings.alertmanager.webhook_secret.reveal():
        yield ("alertmanager",), "webhook-secret is missing: without it no alert is taken"


def _envs(settings: Settings) -> Iterator[tuple[strict_yaml.Path, str]]:
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for env, places in settings.envs.items():
        for index, place in enumerate(places):
            if place.cluster not in settings.clusters:
                yield ("envs", env, index, "cluster"), f"there is no cluster {place.cluster}"
            for tenant, namespace in place.namespaces.items():
                owner = owners.setdefault((place.cluster, namespace), (env, tenant))
                if owner != (env, tenant):
                    words = f"{namespace} on {place.cluster} belongs to {owner[1]} on {owner[0]} already"
                    yield ("envs", env, index, "namespaces", tenant), words


def _slack(slack: Slack) -> Iterator[tuple[strict_yaml.Path, str]]:
    if slack.mode is Mode.OFF:
        return
    if not slack.bot_token.reveal():
        yield ("slack",), "bot-token is missing: Slack gives it under OAuth & Permissions (xoxb-...)"
    if not slack.team_id:
        yield ("slack",), "team-id is missing: the workspace that people have to be of (T...)"
    if slack.mode is Mode.SOCKET and not slack.app_token.reveal():
        yield ("slack",), "app-token is missing: Socket Mode needs one (xapp-...)"
    if slack.mode is Mode.HTTP and not slack.signing_secrets:
        yield ("slack",), "signing-secrets is missing: nothing can be told from forgeries without one"
    for index, secret in enumerate(slack.signing_secrets):
        if len(secret.reveal()) < _SECRET_LENGTH:
            yield ("slack", "signing-secrets", index), f"a signing secret has at least {_SECRET_LENGTH} characters"
