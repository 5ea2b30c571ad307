"""No audit, no action; no policy, no action. And Slack is not the only way in."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing

import pytest

from bot.app.clock import SystemClock
from bot.audit.checkpoint import Keys
from bot.audit.sinks import FileSink
from bot.audit.verify import verify
from bot.domain.errors import PolicyBroken
from bot.domain.operation import Phase
from bot.playground.errors import PersonError
from bot.terminal.client import Exit, run
from bot.terminal.exchange import SocketExchange
from tests.scenarios.office import Office
from tests.terminal.stage import MemoryScreen

DEPLOY = "deploy web@1.8.2 to staging"


def run_sql(office: Office, words: str) -> None:
    with closing(sqlite3.connect(office.folder / "pilothouse.db", timeout=10)) as connection:
        connection.execute(words)
        connection.commit()


def guards(office: Office) -> list[str]:
    """The triggers that keep the record from being changed."""
    with closing(sqlite3.connect(office.folder / "pilothouse.db", timeout=10)) as connection:
        found = connection.execute("select name from sqlite_master where type = 'trigger' and tbl_name = 'audit'")
        return [str(name) for (name,) in found]


def said_since(office: Office, known: dict[str, str]) -> str:
    shown = office.slack.ephemerals(office.ana.id)
    return "\n".join(each["text"] for each in shown if known.get(each["ts"]) != each["text"])


def test_while_the_record_cannot_be_written_nothing_is_done(office: Office) -> None:
    plan = office.plan(office.ana, DEPLOY, channel="staging")
    id = office.newest().id
    with closing(sqlite3.connect(office.folder / "pilothouse.db", timeout=10, isolation_level=None)) as other:
        other.execute("begin immediate")  # nobody else can write a record from now on
        known = {each["ts"]: each["text"] for each in office.slack.ephemerals(office.ana.id)}
        with contextlib.suppress(PersonError):  # what is not stored may not be acknowledged either
            office.ana.click(plan, "Deploy")
        office.wait_for(lambda: said_since(office, known))
        assert "I cannot record anything at the moment, so I did nothing" in said_since(office, known)
        assert not office.world.effects
        other.execute("rollback")
    assert office.operation(id).phase is Phase.DRAFT
    assert len(office.operations()) == 1
    id = office.start(office.ana, "scale web 4 to staging", channel="staging")
    assert office.ends(id).phase is Phase.DONE


def test_an_intent_that_cannot_be_recorded_is_never_carried_out(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: office.submittable(office.bo))
    run_sql(
        office,
        "create trigger no_intent before insert on audit when new.kind = 'intent'"
        " begin select raise(abort, 'disk full'); end",
    )
    office.bo.submit(view)
    office.reaches(id, Phase.READY)
    with pytest.raises(AssertionError):
        office.reaches(id, Phase.RUNNING, Phase.DONE, seconds=3)
    assert not office.effects(id)
    run_sql(office, "drop trigger no_intent")
    assert office.reaches(id, Phase.RUNNING, Phase.DONE).phase in {Phase.RUNNING, Phase.DONE}


def test_a_broken_policy_denies_every_change_and_doctor_says_which_line(office: Office) -> None:
    plan = office.plan(office.ana, DEPLOY, channel="staging")
    id = office.newest().id
    office.write_policy(lambda words: words.replace("roles:", "rolls:"))

    def refused() -> bool:
        return "policy" in office.answer(office.ana, "scale web 3 to staging", channel="staging")["text"].lower()

    office.wait_for(refused)
    known = {each["ts"] for each in office.slack.ephemerals(office.ana.id)}
    office.ana.click(plan, "Deploy")
    assert "Nothing was changed" in office.next_to(office.ana, known)["text"]
    assert office.operation(id).phase is Phase.DRAFT
    assert not office.world.effects
    assert {each.record.outcome for each in office.records() if each.record.kind == "denied"} == {"policy-broken"}
    office.write_policy(lambda words: words.replace("rolls:", "roles:"))
    office.wait_for(lambda: is_mended(office))
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE


def is_mended(office: Office) -> bool:
    try:
        return bool(office.live.bot.core.judge().version)
    except PolicyBroken:
        return False


def test_the_record_verifies_against_its_checkpoints_and_an_edit_is_found(office: Office) -> None:
    office.ends(office.start(office.ana, DEPLOY, channel="staging"))
    office.wait_for(lambda: "*Outcome: done*" in office.audit())
    office.live.bot.sealer.ask()
    shown = office.answer(office.bo, "audit verify")
    assert "intact" in shown["text"].lower() or "fits" in shown["text"].lower(), shown["text"]
    sink = FileSink(office.folder / "outside" / "checkpoints")
    keys = Keys((office.live.bot.signer.public,))
    office.wait_for(lambda: verify(office.live.bot.store, sinks=[sink], keys=keys).is_intact)
    for name in guards(office):
        run_sql(office, f"drop trigger {name}")
    run_sql(office, "update audit set body = cast(replace(cast(body as text), 'done', 'undone') as blob)")
    assert not verify(office.live.bot.store, sinks=[sink], keys=keys).is_intact


# --- the terminal ------------------------------------------------------------------------------


def terminal(office: Office, line: str, *, yes: bool = True, wait: bool = True) -> tuple[Exit, str]:
    clock = SystemClock()
    screen = MemoryScreen()
    code = run(line, SocketExchange(office.live.bot.socket, clock=clock), screen, clock=clock, yes=yes, wait=wait)
    return code, screen.output + screen.errors


def test_the_terminal_serves_reads_and_changes_of_the_same_bot(office: Office) -> None:
    code, shown = terminal(office, "status web in staging")
    assert code is Exit.DONE
    assert "2 of 2" in shown
    code, shown = terminal(office, "scale web 3 to staging")
    assert code is Exit.DONE, shown
    operation = office.newest()
    assert (operation.requester.id, operation.origin, operation.phase) == ("bo", "terminal", Phase.DONE)
    assert {effect.acting.user for effect in office.effects(operation.id)} == {"bo@example.com"}
    code, shown = terminal(office, "deploy wbe to staging")
    assert code is Exit.REFUSED
    assert "There is no app wbe" in shown


def test_with_slack_dark_an_approval_from_the_terminal_lets_it_run_and_slack_catches_up(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    office.card(id, says="Approval needed")
    office.arm(server_error={"chat.postMessage": 10_000, "chat.update": 10_000, "response_url": 10_000})
    code, shown = terminal(office, f"approve {id}", wait=False)
    assert code is Exit.DONE, shown
    assert office.ends(id).phase is Phase.DONE
    assert "Approval needed" in office.card(id)["text"]
    office.slack.arm(clear=True)
    card = office.card(id, says="Done")
    assert "approved by bo" in card["text"]
    assert len(office.cards(id)) == 1


def test_nobody_approves_their_own_in_the_terminal_either(office: Office) -> None:
    code, shown = terminal(office, "deploy payments@5.0.3 to prod", wait=False)
    id = office.newest().id
    code, shown = terminal(office, f"approve {id}", wait=False)
    assert code is Exit.REFUSED
    assert "cannot approve your own" in shown
    assert office.operation(id).phase is Phase.WAITING


def test_whoever_runs_the_playground_is_bo_in_a_terminal(office: Office) -> None:
    assert "You are bo" in " ".join(terminal(office, "whoami")[1].split())
