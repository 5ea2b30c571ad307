"""Settings: a strict file, the environment over it, and problems that are collected with their lines."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.refs import Secret
from bot.settings import Mode, Settings, read

EXAMPLE = Path(__file__).resolve().parents[1] / "deploy" / "examples" / "settings.yaml"
SIGNING = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PILOTHOUSE_SETTINGS", "PILOTHOUSE_SLACK__BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def problems(settings: Settings) -> list[str]:
    return list(map(str, settings.problems))


def test_earlier_keys_and_a_configmap_for_checkpoints_are_checked_at_the_start(file: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    file.write_text(
        f"audit:\n  earlier-keys:\n  - {{public: {key}, records: 5319}}\n"
        "  checkpoint-configmap: {cluster: eu-1, namespace: pilothouse}\n"
        "clusters:\n  eu-1: {uid: 11111111-1111-4111-8111-111111111111}\n"
    )
    settings = read(file)
    assert settings.problems == ()
    assert settings.audit.earlier_keys[0].records == 5319
    assert settings.audit.checkpoint_configmap is not None
    assert settings.audit.checkpoint_configmap.name == "pilothouse-checkpoints"
    file.write_text("audit: {checkpoint-configmap: {cluster: eu-2, namespace: pilothouse}}\n")
    assert any("there is no cluster eu-2" in problem for problem in problems(read(file)))
    file.write_text("audit:\n  earlier-keys:\n  - {public: short, records: 1}\n")
    assert any("pilothouse audit key" in problem for problem in problems(read(file)))


def test_without_a_file_everything_has_its_default() -> None:
    assert read() == Settings()
    assert read().slack.mode is Mode.OFF


def test_the_example_that_is_shipped_lacks_only_its_secrets() -> None:
    found = read(EXAMPLE)
    assert all("/etc/pilothouse/secrets/" in words for words in problems(found))
    assert found.clusters["eu-1"].context == "eu-1"
    assert found.envs["prod"][0].namespaces == {"team-web": "web-prod", "team-pay": "pay-prod"}


def test_the_example_is_whole_with_its_secrets_in_place(tmp_path: Path) -> None:
    for name in (
        "bot-token",
        "app-token",
        "signing-secret",
        "audit-key",
        "elasticsearch-api-key",
        "jenkins-token",
        "alertmanager-webhook",
    ):
        (tmp_path / name).write_text(SIGNING + "\n")
    changed = tmp_path / "settings.yaml"
    changed.write_text(EXAMPLE.read_text().replace("/etc/pilothouse/secrets", str(tmp_path)))
    found = read(changed)
    assert problems(found) == []
    assert found.slack.mode is Mode.SOCKET
    assert found.slack.signing_secrets == (Secret(SIGNING),)


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("slack: {bot-token: xoxb-file, team-id: T0FILE}\ntimeouts: {read: 7s}\n")
    monkeypatch.setenv("PILOTHOUSE_SLACK__BOT_TOKEN", "12345")
    monkeypatch.setenv("PILOTHOUSE_SLACK__SIGNING_SECRETS", f"{SIGNING},{SIGNING}")
    monkeypatch.setenv("PILOTHOUSE_CLUSTERS", '{"eu": {"uid": "u-1"}}')
    monkeypatch.setenv("PILOTHOUSE_SETTINGS", str(file))
    found = read()
    assert problems(found) == []
    assert found.slack.bot_token.reveal() == "12345"
    assert (found.slack.team_id, len(found.slack.signing_secrets)) == ("T0FILE", 2)
    assert found.clusters["eu"].uid == "u-1"
    assert found.timeouts.read == timedelta(seconds=7)


def test_no_norway(file: Path) -> None:
    file.write_text("envs: {no: [{cluster: eu, namespaces: {no: no}}]}\nclusters: {eu: {uid: 1e3}}\n")
    found = read(file)
    assert problems(found) == []
    assert dict(found.envs["no"][0].namespaces) == {"no": "no"}
    assert found.clusters["eu"].uid == "1e3"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("slack: {mode: htttp}", "line 1, slack.mode:"),
        ("slak: {}", "line 1, slak: there is no such setting"),
        ("problems: []", "line 1, problems: there is no such setting"),
        ("log:\n  levl: info", "line 2, log.levl: there is no such setting"),
        ("log: info", "line 1, log: has to be a mapping"),
        ("timeouts: {read: '5'}", "line 1, timeouts.read: has to be a duration"),
        ("web: {port: '70000'}", "line 1, web.port:"),
        ("envs: {prod: []}", "line 1, envs.prod: has to name at least one"),
        ("envs: {prod: [{cluster: eu, namespaces: {a: b}}]}", "there is no cluster eu"),
        ("clusters: {eu: {}}", "line 1, clusters.eu: uid is missing"),
        ("clusters: {eu: {uid: x, kubeconfig: k}}", "line 1, clusters.eu: context is missing"),
        ("registries: [{prefix: r.test, url: 'http://r.test'}]", "is not encrypted"),
        ("registries: [{prefix: r.test, url: 'ftp://r.test'}]", "not of the form"),
        ("registries: [{prefix: r.test, url: 'https://user:pw@r.test'}]", "not of the form"),
        ("elasticsearch: {index: 'a,*'}", "not of the form"),
        ("elasticsearch: {index: '*'}", "not of the form"),
        ("alertmanager: {url: 'http://am:9093'}", "webhook-secret is missing"),
        ("slack: {mode: http, bot-token: x, team-id: T0}", "signing-secrets is missing"),
        ("slack: {mode: http, bot-token: x, team-id: T0, signing-secrets: ['  ']}", "at least 32 characters"),
        ("slack: {mode: socket, bot-token: x, team-id: T0}", "app-token is missing"),
        ("slack: {mode: socket, app-token: x, team-id: T0}", "bot-token is missing"),
        ("a: &x 1", "anchors"),
        ("- a", "a mapping of topics"),
        ("log: {level: info}\nlog: {level: info}", "line 2, log: given twice"),
    ],
)
def test_a_problem_is_collected_with_its_place(file: Path, source: str, expected: str) -> None:
    file.write_text(source)
    assert any(expected in words for words in problems(read(file))), problems(read(file))


def test_one_broken_topic_leaves_the_others_as_they_are(file: Path) -> None:
    file.write_text("log: {level: loud}\nweb: {port: '9999'}\n")
    found = read(file)
    assert found.web.port == 9999
    assert found.log.level == "info"
    assert len(found.problems) == 1


def test_a_namespace_belongs_to_one_tenant_of_one_environment(file: Path) -> None:
    file.write_text(
        "clusters: {eu: {uid: x}}\n"
        "envs:\n"
        "  staging: [{cluster: eu, namespaces: {team-web: web}}]\n"
        "  prod: [{cluster: eu, namespaces: {team-pay: web}}]\n"
    )
    assert problems(read(file)) == [
        "line 4, envs.prod[0].namespaces.team-pay: web on eu belongs to team-web on staging already"
    ]


def test_a_file_that_is_not_there_is_a_problem(file: Path) -> None:
    assert "cannot be read" in problems(read(file))[0]


def test_a_variable_that_sets_nothing_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_SLAK__BOT_TOKEN", "xoxb-secret")
    assert problems(read()) == ["PILOTHOUSE_SLAK__BOT_TOKEN: there is no such setting"]


def test_secrets_show_neither_in_settings_nor_in_problems(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-7f3a"
    file.write_text(
        f"slack: {{mode: http, bot-token: [{canary}], signing-secrets: [{canary}]}}\n"
        f"database: {{url: {canary}}}\nalertmanager: {{webhook-secret: {canary}, token: {{{canary}: x}}}}\n"
        f"audit: {{signing-key: {canary}}}\n"
    )
    monkeypatch.setenv("PILOTHOUSE_PROMETHEUS__TOKEN", canary)
    monkeypatch.setenv("PILOTHOUSE_ELASTICSEARCH", canary)
    found = read(file)
    assert found.problems
    assert found.prometheus.token.reveal() == canary
    assert canary not in repr(found) + str(found) + " ".join(problems(found))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().slack.prefix = "x-"
