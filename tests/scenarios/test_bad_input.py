"""Whatever is typed wrongly is answered to its writer alone: what, why, the next step, nearest names. Nothing changes."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from bot.playground.person import labels
from tests.scenarios.office import Office

BAD = [
    # unknown app
    ("deploy wbe@1.8.2 to prod", "unknown-name", "There is no app wbe on prod", ["web"]),
    ("canary wbe@1.8.2 10 to prod", "unknown-name", "There is no app wbe", ["web"]),
    ("rollback wbe to prod", "unknown-name", "There is no app wbe", ["web"]),
    ("scale wbe 3 to staging", "unknown-name", "There is no app wbe", ["web"]),
    ("logs wbe in prod", "unknown-name", "There is no app wbe", ["web"]),
    ("status wbe", "unknown-name", "There is no app wbe", ["web"]),
    ("history wbe in prod", "unknown-name", "There is no app wbe", ["web"]),
    ("restart wbe to prod", "unknown-name", "There is no app wbe", ["web"]),
    ("lock wbe to prod because", "unknown-name", "There is no app wbe", ["web"]),
    ("here app=wbe", "unknown-name", "There is no app wbe", ["web"]),
    # unknown environment
    ("deploy web@1.8.2 to prd", "unknown-name", "There is no environment prd", ["prod"]),
    ("canary web@1.8.2 10 to stagng", "unknown-name", "There is no environment stagng", ["staging"]),
    ("rollback web to prd", "unknown-name", "There is no environment prd", ["prod"]),
    ("scale web 3 to prd", "unknown-name", "There is no environment prd", ["prod"]),
    ("logs web timeout in prd", "unknown-name", "There is no environment prd", ["prod"]),
    ("alerts in prd", "unknown-name", "There is no environment prd", ["prod"]),
    ("lock web to prd because", "unknown-name", "There is no environment prd", ["prod"]),
    # unknown version, release, operation, command
    ("deploy web@7.7.7 to prod", "unknown-name", "There is no 7.7.7", ["1.10.0", "1.9.8", "1.9.7"]),
    ("canary web@9.9.9 10 to staging", "unknown-name", "There is no 9.9.9", ["1.10.0", "1.9.8", "1.9.7"]),
    ("deploy web@sha256:12 to prod", "unknown-name", "There is no sha256:12", ["1.10.0", "1.9.8", "1.9.7"]),
    ("rollback web@77 to prod", "unknown-name", "has no release 77", []),
    ("rollback web to prod", "preflight", "nothing to go back to", []),
    ("approve op-999", "unknown-name", "There is no operation op-999", []),
    ("promote op-999", "unknown-name", "There is no operation op-999", []),
    ("deplyo web to prod", "unknown-name", "There is no command deplyo", ["deploy", "deny"]),
    ("silence HighErrorRate web in prod because", "unknown-name", "does not fire", []),
    ("help deplyo", "unknown-name", "There is no command deplyo", ["deploy"]),
    ("unlock web in prod", "preflight", "is not locked", []),
    ("promote web in staging", "unknown-name", "Nothing runs for web on staging", []),
    # numbers out of range
    ("canary web@1.8.2 99 to staging", "bad-arguments", "it has to be 1 to 50", []),
    ("canary web@1.8.2 ten to staging", "bad-arguments", "a whole number from 0 to 100", []),
    ("scale web 99999 to staging", "cap-exceeded", "Ask for at most 500", []),
    ("scale web -1 to staging", "bad-arguments", "a whole number, 0 or more", []),
    ("canary web@1.8.2 0 to staging", "bad-arguments", "Ask for at least 1 %", []),
    ("scale web 15 to staging", "quota-exceeded", "Ask for at most 12 more", []),
    ("logs web in prod since=99d", "bad-arguments", "longer than 7 d", []),
    ("logs web in prod lines=100000", "bad-arguments", "1 to 500", []),
    ("autoscale checkout 8..2 to prod", "bad-arguments", "two numbers such as 2..6", []),
    ("deploy web@1.8.2 to prod deadline=soon", "bad-arguments", "a duration such as 90s", []),
    # missing and superfluous words
    ("deploy web@1.8.2", "bad-arguments", "env is missing", ["to staging", "to prod"]),
    ("canary web@1.8.2", "bad-arguments", "env is missing", ["to staging", "to prod"]),
    ("scale web to staging", "bad-arguments", "pods is missing", []),
    ("logs web", "bad-arguments", "env is missing", ["in staging", "in prod"]),
    ("deploy web@1.8.2 to prod color=red", "bad-arguments", "I do not understand color=red", []),
    ("deploy web@1.8.2 prod", "bad-arguments", "prod stands there without to", []),
    ('deploy web@1.8.2 to prod reason="half', "bad-arguments", 'a " is missing', []),
    # pasted code
    ("deploy ```kubectl apply -f web.yaml``` to prod", "bad-arguments", "I do not understand", []),
    ("deploy `web@1.8.2` to prod", "bad-arguments", "it has to be a name", []),
    ("```deploy web@1.8.2 to prod```", "unknown-name", "a command is plain text", ["Run it without them"]),
    ("deploy *web*@1.8.2 to `prod`", "bad-arguments", "a command is plain text", ["Run it without them"]),
    ("scale web <!channel> to staging", "bad-arguments", "it has to be a whole number", []),
    # not theirs
    ("deploy payments@5.0.3 to prod", "not-permitted", "lee can grant it, bo can run it", []),
    ("audit search", "not-permitted", "It needs audit:read", []),
]


@pytest.mark.parametrize(("line", "code", "says", "offers"), BAD, ids=[line for line, *_ in BAD])
def test_it_is_explained_recorded_and_changes_nothing(
    quiet_office: Office, line: str, code: str, says: str, offers: list[str]
) -> None:
    office = quiet_office
    before = len(office.records())
    posted = len(office.slack.messages("prod"))
    shown = office.answer(office.ana, line)
    assert says in shown["text"], shown["text"]
    assert "Next: " in shown["text"], shown["text"]
    assert shown["blocks"][0]["text"]["text"].startswith("*")
    assert f"Nothing was changed. Recorded as r{before + 1}, {code}." in shown["text"]
    assert labels(shown)[: len(offers)] == offers
    assert shown["is_ephemeral"]
    (record,) = office.records()[before:]
    assert (record.record.kind, record.record.outcome, record.record.actor) == ("denied", code, "ana")
    assert office.operations() == ()
    assert not office.world.effects
    assert len(office.slack.messages("prod")) == posted


@pytest.mark.parametrize(
    ("line", "pressed", "says"),
    [
        ("deploy wbe@1.8.2 to prod", "web", "Plan: deploy web 1.8.2 to prod"),
        ("deploy web@1.8.2 to prd", "prod", "Plan: deploy web 1.8.2 to prod"),
        ("deploy web@7.7.7 to prod reason=hurry", "1.10.0", "Plan: deploy web 1.10.0 to prod"),
        ("canary web@1.8.2 25", "to staging", "canary web 1.8.2"),
        ("logs wbe timeout in prod", "web", "Logs: web on prod, last 1 h, timeout"),
        ("```deploy web@1.8.2 to prod```", "Run it without them", "Plan: deploy web 1.8.2 to prod"),
        ("deploy *web*@1.8.2 to `prod`", "Run it without them", "Plan: deploy web 1.8.2 to prod"),
    ],
)
def test_a_button_runs_the_rest_of_the_line_with_the_name_that_exists(
    office: Office, line: str, pressed: str, says: str
) -> None:
    shown = office.answer(office.ana, line)
    office.ana.click(shown, pressed)
    office.ephemeral(office.ana.id, says)


@pytest.mark.parametrize(
    "line",
    [
        "deploy “web@1.8.2” to prod reason=“fix the ‘cart’”",
        "deploy web@1.8.2 to prod reason=«fix it»",
        "DEPLOY   web@1.8.2   TO prod",
        "deploy web@1.8.2 on prod",
    ],
)
def test_what_phones_and_keyboards_make_of_it_is_understood(office: Office, line: str) -> None:
    assert office.plan(office.ana, line)["text"].startswith("Plan: deploy web 1.8.2 to prod")


def test_a_channel_where_the_bot_is_no_member_still_answers_the_asker(office: Office) -> None:
    office.slack.run(lambda: office.slack.world.remove_bot("prod"))
    assert "There is no app wbe" in office.answer(office.ana, "deploy wbe to prod")["text"]
    plan = office.plan(office.ana, "deploy web@1.8.2 to staging")
    id = office.newest().id
    office.has_faults = True
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE
    office.message("alerts", "Done: web 1.8.2 is live on staging")


def test_a_backend_that_is_down_is_named_and_nothing_is_changed(office: Office) -> None:
    with office.world.entered():
        office.world.registry.is_down = True
    shown = office.answer(office.ana, "deploy web@1.8.2 to prod")
    assert "registry" in shown["text"]
    assert "Nothing was changed" in shown["text"]
    assert office.operations() == ()
    assert "2 of 2" in office.answer(office.ana, "status web in staging")["text"]
