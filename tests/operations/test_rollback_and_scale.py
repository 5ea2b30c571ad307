"""Rollbacks, scaling, restarts and what is read."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.domain.operation import Phase
from bot.domain.templates import Template
from bot.ports.store import Proof
from integrations.simulated.faults import How
from tests.kit.bench import Bench, words
from tests.operations.test_canary import workload


def deployed(bot: Bench, version: str = "1.8.2") -> None:
    operation = bot.run(bot.start("ana", f"deploy web@{version} to staging"))
    assert operation.phase is Phase.DONE, operation.why


def test_a_rollback_brings_back_the_template_and_locks_the_other_out(bot: Bench) -> None:
    before = workload(bot)
    deployed(bot)
    done = bot.run(bot.start("lee", "rollback web to staging"))
    assert done.phase is Phase.DONE, done.why
    after = workload(bot)
    assert before is not None
    assert after is not None
    running = bot.world.registry.find("registry.test/web", "1.8.1")
    assert running is not None
    assert after.template == before.template.with_image("web", f"registry.test/web@{running.digest}")
    proofs = {r.version: r.proof for r in bot.core.store.read(lambda tx: tx.releases.list("web", "staging"))}
    assert proofs == {"1.8.1": Proof.ADOPTED, "1.8.2": Proof.BAD}


def test_a_rollback_to_what_ran_by_a_tag_runs_what_ran_though_the_tag_has_moved(bot: Bench) -> None:
    ran = bot.world.registry.find("registry.test/web", "1.8.1")
    assert ran is not None
    deployed(bot)
    bot.world.registry.retag("registry.test/web", "1.8.1", "1.9.1")
    done = bot.run(bot.start("lee", "rollback web to staging"))
    assert done.phase is Phase.DONE, done.why
    after = workload(bot)
    assert after is not None
    assert after.template.images["web"] == f"registry.test/web@{ran.digest}"
    assert "1.8.1" in words(bot.say("ana", "status web in staging"))


def test_what_runs_by_its_tag_is_adopted_once_however_often_a_deploy_fails(bot: Bench) -> None:
    for _ in range(2):
        failed = bot.run(bot.start("ana", "deploy web@1.9.1 to staging"))
        assert failed.phase is Phase.UNDONE
        bot.run(bot.start("ana", "unlock web@1.9.1 to staging"))
    kept = bot.core.store.read(lambda tx: tx.releases.list("web", "staging"))
    assert len([release for release in kept if release.proof is Proof.ADOPTED]) == 1
    nothing = bot.say("lee", "rollback web to staging")
    assert "nothing to go back to" in words(nothing)


def test_a_digest_that_the_registry_lost_is_adopted_by_its_tag(bot: Bench) -> None:
    ran = bot.world.registry.find("registry.test/web", "1.8.1")
    assert ran is not None
    bot.world.registry._digests.pop(("registry.test/web", ran.digest))
    deployed(bot)
    (adopted,) = [
        release
        for release in bot.core.store.read(lambda tx: tx.releases.list("web", "staging"))
        if release.proof is Proof.ADOPTED
    ]
    assert adopted.image == "registry.test/web:1.8.1"


def test_a_rollback_brings_back_the_configs_exact_bytes(bot: Bench) -> None:
    deployed(bot)
    state = bot.world.state("eu-1").namespace("web-staging")
    names = [name for name in state.configs if name.startswith("web")]
    assert names
    old = dict(state.configs[names[0]].data)
    state.configs[names[0]].data = {"CHANGED": "yes"}
    done = bot.run(bot.start("lee", "rollback web to staging"))
    assert done.phase is Phase.DONE, done.why
    after = workload(bot)
    assert after is not None
    read = after.template.config_maps[0]
    assert read != names[0]
    assert dict(state.configs[read].data) == old


def test_a_rollback_to_less_memory_says_so(bot: Bench) -> None:
    deployed(bot)
    assert "Memory limit" not in words(bot.say("lee", "rollback web to staging"))
    now = workload(bot)
    assert now is not None
    raw = now.template.raw()
    raw["spec"]["containers"][0].setdefault("resources", {})["limits"] = {"memory": "1Gi"}
    state = bot.world.state("eu-1")
    deployment = state.deployment("web-staging", "web")
    with bot.world.entered():
        deployment.template = Template.of(raw)
        state.changed(deployment)
    for _ in range(60):
        bot.turn(seconds=2)
    shown = words(bot.say("lee", "rollback web to staging"))
    assert re.search(r"Memory limit goes down 1024 → \d+ MiB a pod", shown)


def test_after_a_restart_a_rollback_still_goes_back_to_another_version(bot: Bench) -> None:
    deployed(bot)
    assert bot.run(bot.start("ana", "restart web to staging")).phase is Phase.DONE
    answer = bot.say("lee", "rollback web to staging")
    assert "roll back web on staging to 1.8.1" in words(answer)


def test_a_release_that_runs_under_other_names_of_its_config_is_not_gone_back_to(bot: Bench) -> None:
    deployed(bot)
    state = bot.world.state("eu-1").namespace("web-staging")
    name = next(name for name in state.configs if name.startswith("web"))
    state.configs[name].data = {"CHANGED": "yes"}
    assert bot.run(bot.start("lee", "rollback web to staging")).phase is Phase.DONE
    answer = bot.say("lee", "rollback web to staging")
    assert answer.is_error
    assert "nothing to go back to" in words(answer)


def test_there_is_nothing_to_go_back_to_before_the_first_deploy(bot: Bench) -> None:
    answer = bot.say("ana", "rollback web to staging")
    assert answer.is_error
    assert "nothing to go back to" in words(answer)


def test_a_named_release_is_gone_back_to(bot: Bench) -> None:
    deployed(bot, "1.8.2")
    deployed(bot, "1.10.0")
    first = next(r for r in bot.core.store.read(lambda tx: tx.releases.list("web", "staging")) if r.version == "1.8.1")
    done = bot.run(bot.start("lee", f"rollback web@{first.number} to staging"))
    assert done.phase is Phase.DONE
    after = workload(bot)
    assert after is not None
    assert after.template.json == first.template


def test_scaling_sets_the_pods(bot: Bench) -> None:
    done = bot.run(bot.start("ana", "scale web 4 to staging"))
    assert done.phase is Phase.DONE
    after = workload(bot)
    assert after is not None
    assert (after.replicas, after.ready) == (4, 4)


def test_an_autoscaled_app_is_not_scaled_but_offered_its_bounds(bot: Bench) -> None:
    answer = bot.say("lee", "scale checkout 8 to prod")
    assert answer.is_error
    assert "autoscaler sizes checkout on prod: 2 to 6 pods" in words(answer)
    assert "autoscale checkout 2..8 to prod" in words(answer)
    done = bot.run(bot.start("lee", "autoscale checkout 2..8 to prod"))
    assert done.phase is Phase.DONE, done.why


def test_scaling_to_what_is_there_already_says_so(bot: Bench) -> None:
    assert "has 2 pods already" in words(bot.say("ana", "scale web 2 to staging"))


def test_a_restart_replaces_every_pod(bot: Bench) -> None:
    state = bot.world.state("eu-1").namespace("web-staging")
    before = set(state.pods)
    done = bot.run(bot.start("ana", "restart web to staging"))
    assert done.phase is Phase.DONE, done.why
    assert not before & set(state.pods)


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "status web",
        "status web in staging",
        "history web in staging",
        "logs web in staging",
        "logs web error in prod since=15m",
        "alerts",
        "alerts in prod critical",
        "approvals",
        "whoami",
        "help",
        "help deploy",
    ],
)
def test_reads_answer_and_change_nothing(bot: Bench, line: str) -> None:
    deployed(bot)
    effects = len(bot.world.effects)
    answer = bot.say("ana", line)
    assert not answer.is_error, words(answer)
    assert len(bot.world.effects) == effects


def test_every_request_leaves_a_record(bot: Bench) -> None:
    for line in ("status", "deploy nosuch to prod", "deploy web to nowhere", "fly", "deploy web@1.8.2 to staging"):
        before = len(bot.records())
        bot.say("ana", line)
        assert len(bot.records()) == before + 1, line


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("ana", "deploy wbe@1.8.2 to staging", "unknown-name"),
        ("ana", "deploy web@1.8.2 to stagin", "unknown-name"),
        ("ana", "deploy web@7.7.7 to staging", "unknown-name"),
        ("ana", "deploy payments@5.0.3 to prod", "not-permitted"),
        ("gus", "deploy web@1.8.2 to staging", "not-permitted"),
        ("stranger", "status", "not-enrolled"),
        ("ana", "scale web 5000 to staging", "cap-exceeded"),
        ("ana", "audit search", "not-permitted"),
        ("ana", "approve op-999", "unknown-name"),
    ],
)
def test_what_is_refused_names_its_code_and_changes_nothing(bot: Bench, who: str, line: str, code: str) -> None:
    answer = bot.say(who, line)
    assert answer.is_error
    assert code in words(answer), words(answer)
    assert not bot.world.effects
    assert bot.records()[-1].record.outcome == code


def test_the_nearest_name_is_a_button_that_runs_the_rest_of_the_line(bot: Bench) -> None:
    assert ": deploy web@1.8.2 to staging]" in words(bot.say("ana", "deploy wbe@1.8.2 to staging"))


def test_the_channels_defaults_fill_in(bot: Bench) -> None:
    bot.run(bot.start("ana", "here app=web env=staging"))
    assert not bot.say("ana", "status").is_error
    assert "web on staging" in words(bot.say("ana", "history"))


LINES = ["deploy web@1.8.2 to staging", "canary web@1.8.2 50 to staging hold=30s requests=1"]


@pytest.mark.parametrize("line", LINES)
def test_a_registry_that_is_away_while_it_is_planned_again_changes_no_plan(bot: Bench, line: str) -> None:
    bot.world.scene("eu-1").namespace("web-staging").quotas.clear()
    bot.world.scene("eu-1").traffic.put("web-staging", "web", 40.0)
    id = bot.start("ana", line)
    # The version that is asked for is found, what runs is not.
    bot.world.faults.put("images.resolve", How.SLOW, delay=timedelta(0))
    bot.world.faults.put("images.resolve", How.BEFORE)
    done = bot.run(id)
    assert done.phase is Phase.DONE, done.why


@pytest.mark.parametrize("line", LINES)
def test_pods_that_do_not_say_what_they_run_are_waited_for(bot: Bench, line: str) -> None:
    bot.world.scene("eu-1").namespace("web-staging").quotas.clear()
    bot.world.scene("eu-1").traffic.put("web-staging", "web", 40.0)
    id = bot.start("ana", line)
    pods = [pod for pod in bot.world.scene("eu-1").namespace("web-staging").pods.values() if pod.version == "1.8.1"]
    digests = {pod.name: pod.digest for pod in pods}
    for pod in pods:
        pod.digest = ""
    for _ in range(5):
        bot.turn()
    assert bot.operation(id).phase is Phase.READY
    again = words(bot.say("ana", line.replace("1.8.2", "1.8.0")))
    assert "says which image it runs" in again
    for pod in pods:
        pod.digest = digests[pod.name]
    done = bot.run(id)
    assert done.phase is Phase.DONE, done.why
