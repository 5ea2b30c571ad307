"""Deploys from the typed line to the pods of the simulated cluster and the record."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Phase
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Paragraph
from bot.operations.card import card
from bot.ports.people import Status
from bot.ports.store import Proof
from integrations.simulated.faults import How
from tests.kit.bench import POLICY, SLACK_IDS, Bench, words


def image_of(bot: Bench, app: str = "web", env: str = "staging") -> str:
    found = bot.core.apps.locate(AppName(app), EnvName(env)).scopes[0]
    workload = bot.core.cluster(found.cluster).workloads.find(found.namespace, found.workload)
    assert workload is not None
    return workload.template.images[app]


def test_a_deploy_to_staging_is_planned_asked_for_and_done(bot: Bench) -> None:
    answer = bot.say("ana", "deploy web@1.8.2 to staging")
    assert answer.is_draft, words(answer)
    assert not bot.world.effects
    id = answer.operation
    assert id is not None
    assert bot.operation(id).phase is Phase.DRAFT
    bot.say("ana", f"ask {id}")
    done = bot.run(id)
    assert done.phase is Phase.DONE, done.why
    assert [effect.mark.operation for effect in bot.world.effects] == [id]
    assert [record.record.kind for record in bot.records(op=id)][:3] == ["request", "signal", "intent"]
    assert bot.records(op=id)[-1].record.outcome == "done"
    assert "@sha256:" in image_of(bot)


def test_the_card_of_a_finished_deploy_says_how_many_pods_run_it(bot: Bench) -> None:
    done = bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    said = card(done).blocks[0]
    assert isinstance(said, Paragraph)
    assert said.text.plain().startswith("2 of 2 pods ready in ")


def test_the_card_of_a_lock_does_not_speak_of_health(bot: Bench) -> None:
    id = bot.start("ana", "lock web to staging testing")
    running = replace(bot.operation(id), phase=Phase.RUNNING, since=bot.operation(id).created)
    assert "healthy" not in str(card(running).blocks)
    done = card(bot.run(id))
    assert done.title is not None
    assert done.title.plain() == "Done · web on staging is locked by ana: testing"
    assert "It took" not in str(done.blocks)


def test_a_deploy_is_done_as_the_person(bot: Bench) -> None:
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    assert {effect.acting.user for effect in bot.world.effects} == {"ana@example.com"}


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1.9.1", "crashes"),
        ("1.9.2", "never became ready"),
        ("1.9.3", "killed for memory"),
        ("1.9.5", "crashes"),
        ("1.9.6", "liveness"),
        ("1.9.7", "cannot start"),
        ("1.9.8", "cannot start"),
    ],
)
def test_a_bad_version_goes_back_by_itself_and_says_why(bot: Bench, version: str, says: str) -> None:
    before = image_of(bot)
    operation = bot.run(bot.start("ana", f"deploy web@{version} to staging"))
    assert operation.phase is Phase.UNDONE, operation.why
    assert operation.why is not None
    assert says in operation.why.plain()
    assert image_of(bot) == before
    assert bot.records(op=operation.id)[-1].record.outcome == "undone"


def test_a_version_that_was_rolled_back_from_is_locked_out_until_somebody_allows_it(bot: Bench) -> None:
    bot.run(bot.start("ana", "deploy web@1.9.1 to staging"))
    refused = bot.say("ana", "deploy web@1.9.1 to staging")
    assert refused.is_error
    assert "locked out" in words(refused)
    bot.run(bot.start("ana", "unlock web@1.9.1 to staging"))
    assert bot.say("ana", "deploy web@1.9.1 to staging").is_draft


def test_production_waits_for_somebody_else_of_the_group(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.turn()
    assert bot.operation(id).phase is Phase.WAITING
    for who, line, says in (
        ("ana", f"approve {id}", "cannot approve your own"),
        ("lee", f"approve {id}", "votes come from"),
        ("bo", f"approve {id} plan=00000000", "is not the plan that you saw"),
    ):
        refused = bot.say(who, line)
        assert refused.is_error
        assert says in words(refused), words(refused)
    assert not bot.world.effects
    plan = bot.operation(id).plan_hash
    assert not bot.say("bo", f"approve {id} plan={plan[:8]}").is_error
    assert bot.run(id).phase is Phase.DONE
    assert {effect.acting.user for effect in bot.world.effects} == {"ana@example.com"}


def test_a_denial_stops_it_and_keeps_the_reason(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"deny {id} not during the sale")
    denied = bot.operation(id)
    assert denied.phase is Phase.DENIED
    assert denied.signals[-1].words == "not during the sale"
    late = bot.say("bo", f"approve {id}")
    assert late.is_error
    bot.turn(seconds=60)
    assert not bot.world.effects


def test_a_request_expires(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.turn(seconds=15 * 60 + 1)
    assert bot.operation(id).phase is Phase.EXPIRED
    refused = bot.say("bo", f"approve {id}")
    assert "expired" in words(refused)


def test_retyping_joins_the_open_operation(bot: Bench) -> None:
    first = bot.say("ana", "deploy web@1.8.2 to staging")
    again = bot.say("ana", "deploy web@1.8.2 to staging")
    assert first.operation == again.operation
    assert len(bot.operations()) == 1


def test_a_busy_target_is_refused_and_names_its_holder(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.turn()
    refused = bot.say("lee", "scale web 3 to staging")
    assert refused.is_error
    assert id in words(refused)
    assert "target-busy" in words(refused)


def test_somebody_elses_change_after_the_plan_stops_it_before_the_first_write(bot: Bench) -> None:
    one = bot.say("ana", "scale web 3 to staging")
    bot.run(bot.start("lee", "deploy web@1.8.2 to staging"))
    assert one.operation is not None
    other = bot.say("ana", "deploy web@1.8.0 to staging")
    assert other.operation is not None
    bot.run(bot.start("lee", "scale web 4 to staging"))
    bot.say("ana", f"ask {one.operation}")
    refused = bot.run(one.operation)
    assert refused.phase is Phase.REFUSED
    assert refused.why is not None
    assert "plan changed" in refused.why.plain()
    assert not [effect for effect in bot.world.effects if effect.mark.operation == one.operation]


def test_a_person_stops_a_deploy_and_the_version_is_not_locked_out(bot: Bench) -> None:
    before = image_of(bot)
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.run(id, until=lambda op: bool(bot.world.effects))
    assert not bot.say("lee", "abort web in staging").is_error
    stopped = bot.run(id)
    assert stopped.phase is Phase.UNDONE
    assert image_of(bot) == before
    assert bot.say("ana", "deploy web@1.8.2 to staging").is_draft


def test_who_lost_the_right_between_plan_and_write_changes_nothing(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"approve {id}")
    bot.policy(POLICY.read_text().replace("members: [ana, lee]", "members: [lee]"))
    refused = bot.run(id)
    assert refused.phase is Phase.REFUSED
    assert not bot.world.effects


@pytest.mark.parametrize("who", ["ana", "bo"])
def test_who_left_between_approval_and_write_changes_nothing(bot: Bench, who: str) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"approve {id}")
    bot.people.statuses[SLACK_IDS[who]] = Status.GONE
    assert bot.run(id).phase is Phase.REFUSED
    assert not bot.world.effects


def test_an_approver_who_left_the_group_no_longer_counts(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"approve {id}")
    bot.policy(POLICY.read_text().replace("sre: {members: [bo]", "sre: {members: [lee]"))
    assert bot.run(id).phase is Phase.REFUSED


@pytest.mark.parametrize("how", [How.BEFORE, How.AFTER, How.LATE])
def test_a_lost_reply_changes_nothing_twice(bot: Bench, how: How) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.world.faults.put("replace_template", how)
    assert bot.run(id).phase is Phase.DONE
    assert len([effect for effect in bot.world.effects_of(id) if effect.method != "stamp"]) == 1


def test_a_write_that_is_refused_is_explained_and_nothing_was_changed(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.world.faults.put("replace_template", How.REFUSED, times=9, user="ana@example.com")
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE
    assert not [effect for effect in bot.world.effects if effect.method == "replace_template"]


def test_a_tag_that_moves_after_the_approval_is_not_deployed(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@latest to prod")
    bot.world.registry.retag("registry.test/web", "latest", "1.10.0")
    bot.say("bo", f"approve {id}")
    refused = bot.run(id)
    assert refused.phase is Phase.REFUSED
    assert not bot.world.effects


def test_releases_are_numbered_and_proven(bot: Bench) -> None:
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    found = bot.core.store.read(lambda tx: tx.releases.list("web", "staging"))
    assert [(r.version, r.proof) for r in found] == [("1.8.2", Proof.PROVEN), ("1.8.1", Proof.ADOPTED)]


def test_a_lock_keeps_others_out_until_it_is_taken_over(bot: Bench) -> None:
    bot.run(bot.start("lee", "lock web to staging load test"))
    refused = bot.say("ana", "deploy web@1.8.2 to staging")
    assert "load test" in words(refused)
    assert bot.say("ana", "unlock web to staging").is_error
    bot.run(bot.start("ana", "lock web to staging --take"))
    assert bot.say("ana", "deploy web@1.8.2 to staging").is_draft
    bot.run(bot.start("ana", "unlock web to staging"))
    assert bot.say("lee", "deploy web@1.8.2 to staging").is_draft


def test_a_freeze_counts_when_it_begins_after_the_approval(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to prod")
    bot.say("bo", f"approve {id}")
    frozen = POLICY.read_text().replace("from: 2026-12-23 18:00", "from: 2026-03-01 18:00")
    bot.policy(frozen)
    refused = bot.run(id)
    assert refused.phase is Phase.REFUSED
    assert refused.why is not None
    assert "frozen" in refused.why.plain()


def test_the_clock_of_a_request_is_not_that_of_its_draft(bot: Bench) -> None:
    answer = bot.say("ana", "deploy web@1.8.2 to prod")
    assert answer.operation is not None
    bot.turn(seconds=14 * 60)
    bot.say("ana", f"ask {answer.operation}")
    bot.turn(seconds=10 * 60)
    assert bot.operation(answer.operation).phase is Phase.WAITING
    assert bot.operation(answer.operation).expires > bot.clock.now() + timedelta(minutes=4)


def test_planning_twice_gives_the_same_hash(bot: Bench) -> None:
    first = bot.say("ana", "deploy web@1.8.2 to staging")
    assert first.operation is not None
    bot.say("ana", f"cancel {first.operation}")
    second = bot.say("ana", "deploy web@1.8.2 to staging")
    assert second.operation is not None
    assert first.operation != second.operation
    assert bot.operation(first.operation).plan_hash == bot.operation(second.operation).plan_hash


def test_the_plan_names_the_peak_of_memory_and_metrics_that_are_missing_block_nothing(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=15))
    plan = bot.say("ana", "deploy web@1.8.2 to staging")
    assert re.search(r"limit 384 MiB a pod;\nthe peak last week was \d+ MiB", words(plan))
    bot.world.faults.put("metrics.range", How.BEFORE)
    other = bot.say("bo", "deploy web@1.8.2 to staging")
    assert "the peak last week is not known: prometheus does not answer." in words(other)
    first, second = (bot.operation(each.operation) for each in (plan, other) if each.operation is not None)
    assert first.plan_hash == second.plan_hash
