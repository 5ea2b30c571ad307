"""`build` and `builds` over the simulated world: done, failed, stopped, denied, refused, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.operation import Phase, Standing
from bot.ports.builds import BuildState
from bot.road.request import Refused
from integrations.simulated.faults import How
from tests.kit.bench import POLICY, Bench, bench, said, words


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as found:
        yield found


def started(bot: Bench, operation: str) -> int:
    return sum(1 for build in bot.world.builds.started if build.operation == operation)


def shown(bot: Bench, operation: str) -> str:
    reply = bot.core.draw(f"operation/{operation}")
    assert reply is not None
    return said(reply)


def thread(bot: Bench, operation: str) -> str:
    def read(part: str) -> str:
        message = bot.core.store.read(lambda tx: tx.outbox.get(f"operation/{operation}/{part}"))
        return message.body if message else ""

    return "\n".join(read(part) for part in ("turn", "end", "stuck"))


def test_a_branch_is_built_and_its_image_offered_for_deploying(bot: Bench) -> None:
    id = bot.start("ana", "build web@feature/cart")
    operation = bot.run(id)
    assert operation.phase is Phase.DONE
    tag = f"feature-cart-{id}"
    image = bot.world.registry.find("registry.test/web", tag)
    assert image is not None
    card = shown(bot, id)
    assert "Done · web is built from feature/cart" in card
    assert image.digest in card
    assert f"[Deploy: deploy web@{tag}]" in card
    assert started(bot, id) == 1


def test_what_was_built_can_be_deployed_by_its_button(bot: Bench) -> None:
    bot.run(bot.start("ana", "build web@1.11.0"))
    answer = bot.say("ana", "deploy web@1.11.0 to staging")
    assert not answer.is_error, words(answer)


def test_without_a_ref_the_main_branch_is_built(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id)
    assert bot.world.registry.find("registry.test/web", f"main-{id}") is not None


def test_a_running_build_shows_its_stage_and_how_long_it_usually_takes(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: bool(op.seen and op.seen.of and op.seen.done > 15))
    card = shown(bot, id)
    assert "Running · build web from main" in card
    assert "usually" in card
    assert "Stage 2: Test" in card


def test_a_build_that_fails_shows_why_in_its_thread_and_changes_nothing(bot: Bench) -> None:
    before = bot.world.registry.tags("registry.test/web")
    id = bot.start("ana", "build web@broken")
    operation = bot.run(id)
    assert operation.phase is Phase.UNDONE
    assert "Failed · web was not built from broken" in shown(bot, id)
    assert "failed at Test" in shown(bot, id)
    assert "got 1, want 0" in thread(bot, id)
    assert bot.world.registry.tags("registry.test/web") == before
    assert f"[Build again: {operation.line}]" in shown(bot, id)


def test_a_stopped_build_is_stopped_on_the_server(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: bool(op.seen and op.seen.of))
    assert not bot.say("ana", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    assert [b.state for b in bot.world.builds.started if b.operation == id] == [BuildState.STOPPED]
    assert "Stopped · web was not built from main" in shown(bot, id)


def test_a_build_that_a_person_paused_says_how_it_goes_on(bot: Bench) -> None:
    """Jenkins builds on meanwhile; only its end is not taken up."""
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: bool(op.seen and op.seen.of))
    assert not bot.say("ana", f"pause {id}").is_error
    for _ in range(90):
        bot.turn()
    assert bot.operation(id).phase is Phase.PAUSED
    assert f"[Resume: resume {id}]" in shown(bot, id)
    assert not bot.say("ana", f"resume {id}").is_error
    assert bot.run(id).phase is Phase.DONE


def test_typed_twice_it_is_one_build(bot: Bench) -> None:
    first = bot.start("ana", "build web")
    second = bot.start("ana", "build web")
    bot.run(first)
    assert first == second
    assert started(bot, first) == 1


def test_a_guest_may_not_build(bot: Bench) -> None:
    answer = bot.say("gus", "build web")
    assert "builds:run" in words(answer)
    assert not bot.world.builds.started
    assert bot.records(kind="denied")[-1].record.target == "web/staging"


def test_the_right_to_build_one_teams_app_is_none_to_build_anothers(bot: Bench) -> None:
    """A build names no env: the app's tenant counts all the same."""
    outcome = bot.outcome("ana", "build payments")
    assert isinstance(outcome, Refused)
    assert outcome.error.code == "not-permitted"
    assert not bot.world.builds.started


def test_a_right_that_was_lost_meanwhile_stops_it_before_anything_is_sent(bot: Bench) -> None:
    answer = bot.say("ana", "build web")
    assert answer.operation is not None
    bot.policy(POLICY.read_text().replace("builds:*, ", ""))
    assert bot.run(answer.operation).phase is Phase.REFUSED
    assert not bot.world.builds.started


def test_approval_can_be_asked_for_builds(bot: Bench) -> None:
    rule = 'approvals:\n  - {for: [build], env: ["*"], votes: "1", from: sre}\n'
    bot.policy(POLICY.read_text().replace("approvals:\n", rule))
    id = bot.start("ana", "build web")
    bot.turn()
    assert bot.operation(id).phase is Phase.WAITING
    assert not bot.world.builds.started
    assert not bot.say("bo", f"approve {id}").is_error
    assert bot.run(id).phase is Phase.DONE


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("build wbe", "web"),
        ("build web@", "a version after the @"),
        ("build web deadline=9d", "deadline is not between"),
        ("build web to staging", "I do not understand"),
        ("build web@../other", "app is web@../other"),
        ("builds nothing", "There is no app nothing"),
    ],
)
def test_bad_arguments_are_answered_and_nothing_is_started(bot: Bench, line: str, says: str) -> None:
    answer = bot.say("ana", line)
    assert answer.is_error
    assert says in words(answer)
    assert not bot.world.builds.started


def test_a_disabled_job_is_refused_before_anybody_is_asked(bot: Bench) -> None:
    bot.world.builds.disabled.add("build-web")
    answer = bot.say("ana", "build web")
    assert "build-web is disabled" in words(answer)
    assert bot.operations() == ()


def test_while_the_server_is_down_nothing_is_planned(bot: Bench) -> None:
    bot.world.faults.put("builds.job", How.BEFORE, times=100)
    answer = bot.say("ana", "build web")
    assert answer.is_error
    assert "jenkins does not answer" in words(answer)
    assert bot.operations() == ()


def test_a_server_that_goes_down_before_the_start_is_waited_for_and_then_given_up(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.world.faults.put("builds.find", How.BEFORE, times=10_000)
    bot.run(id, until=lambda op: op.seen is not None and op.seen.standing is Standing.UNKNOWN)
    assert "Paused" in shown(bot, id)
    bot.run(id, until=lambda op: op.phase is Phase.UNDOING, seconds=700)
    assert "Nothing was started." in shown(bot, id)
    assert started(bot, id) == 0


@pytest.mark.parametrize("method", ["builds.find", "images.resolve"])
def test_a_server_that_is_away_for_a_while_is_waited_for(bot: Bench, method: str) -> None:
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: op.cursor == 1)
    bot.world.faults.put(method, How.BEFORE, times=10_000)
    for _ in range(120):
        bot.turn()
    card = shown(bot, id)
    assert "Paused" in card
    assert "I go on by myself once I am answered." in card
    bot.world.faults.clear(method)
    assert bot.run(id).phase is Phase.DONE
    assert started(bot, id) == 1


def test_a_reply_lost_after_the_start_is_found_again_and_is_one_build(bot: Bench) -> None:
    bot.world.faults.put("builds.start", How.AFTER)
    id = bot.start("ana", "build web")
    assert bot.run(id).phase is Phase.DONE
    assert started(bot, id) == 1


def test_a_start_that_arrives_late_is_taken_up_and_is_one_build(bot: Bench) -> None:
    bot.world.faults.put("builds.start", How.LATE, delay=timedelta(seconds=50))
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: bool(op.seen and op.seen.why))
    assert "Paused · build web from main" in shown(bot, id)
    assert bot.run(id).phase is Phase.DONE
    assert started(bot, id) == 1


def test_a_start_that_nobody_saw_asks_a_person_and_is_never_sent_again(bot: Bench) -> None:
    bot.world.faults.put("builds.start", How.BEFORE)
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: bool(op.seen and op.seen.why))
    for _ in range(600):
        bot.turn()
    assert bot.operation(id).phase is Phase.RUNNING
    card = shown(bot, id)
    assert "Paused · build web from main" in card
    assert "shows no build of" in card
    assert f"[End it: abort {id}]" in card
    assert started(bot, id) == 0
    assert not bot.say("ana", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    again = bot.start("ana", "build web")
    assert again != id
    assert bot.run(again).phase is Phase.DONE
    assert started(bot, again) == 1


def test_a_build_that_the_server_forgot_is_no_success(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id, until=lambda op: op.cursor == 1)
    bot.world.builds.forget(id)
    for _ in range(60):
        bot.turn()
    assert bot.operation(id).phase is Phase.RUNNING
    card = shown(bot, id)
    assert "Paused" in card
    assert "whether there is an image is not known" in card
    assert bot.run(id, seconds=4000).phase is Phase.UNDONE


def test_a_success_without_an_image_in_the_registry_is_a_failure(bot: Bench) -> None:
    id = bot.start("ana", "build web@1.12.0")
    bot.run(id, until=lambda op: op.cursor == 1)
    bot.world.faults.put("images.resolve", How.BEFORE, times=2)
    bot.turn(seconds=60)
    bot.world.registry.remove("registry.test/web", "1.12.0")
    assert bot.run(id).phase is Phase.UNDONE
    assert "the registry has no 1.12.0" in shown(bot, id)


def test_a_start_that_is_turned_down_is_explained(bot: Bench) -> None:
    bot.world.faults.put("builds.start", How.REFUSED)
    id = bot.start("ana", "build web")
    assert bot.run(id).phase is Phase.UNDONE
    assert "forbidden" in shown(bot, id)
    assert started(bot, id) == 0


def test_one_write_is_recorded_and_the_intent_comes_before_it(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id)
    kinds = [each.record.kind for each in bot.records(op=id)]
    assert kinds.index("intent") < kinds.index("step") < kinds.index("outcome")
    [outcome] = bot.records(op=id, kind="outcome")
    assert '"writes":"1"' in outcome.record.body
    assert '"ref":"main"' in bot.records(op=id, kind="request")[0].record.body


def test_builds_lists_the_newest_first_with_what_they_came_from(bot: Bench) -> None:
    id = bot.start("ana", "build web")
    bot.run(id)
    listed = words(bot.say("gus", "builds web"))
    assert listed.index("6 main · succeeded") < listed.index("5 main · succeeded")
    assert id in listed
    assert "failed" in listed
