"""The policy's answers, with denial as what holds wherever nothing was said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from bot.domain.operation import Quorum
from bot.domain.refs import AUTO, AppName, EnvName, Principal
from bot.policy.judge import Allowed, Denied, Judge
from bot.ports.people import Identity
from tests.policy.conftest import app

Make = Callable[..., Judge]
ANA, BO, LEE, KIM = map(Principal, ("ana", "bo", "lee", "kim"))


def slack(user: str, team: str = "T0ONE", enterprise: str = "") -> Identity:
    return Identity(system="slack", team=team, user=user, enterprise=enterprise)


def test_two_slack_ids_of_one_person_are_one_principal(judge: Make) -> None:
    assert judge().person(slack("U0ANA0001")) == judge().person(slack("W0ANA0009", "T0TWO")) == ANA


def test_an_id_with_its_workspace_counts_there_only(judge: Make) -> None:
    assert judge().person(slack("W0ANA0009", "T0ONE")) is None
    assert judge().person(slack("W0ANA0009", "T0ONE", enterprise="T0TWO")) == ANA


@pytest.mark.parametrize(
    "identity",
    [
        slack("U0NOBODY1"),
        slack(""),
        slack("ana"),
        slack("u0ana0001"),
        slack("T0TWO/W0ANA0009", ""),
        Identity(system="terminal", team="", user="root"),
        Identity(system="terminal", team="", user="U0ANA0001"),
        Identity(system="schedule", team="", user="nobody"),
        Identity(system="schedule", team="", user="pilothouse:auto"),
        Identity(system="webhook", team="", user="ana"),
        Identity(system="", team="", user="ana"),
    ],
)
def test_whom_the_policy_does_not_name_is_nobody(judge: Make, identity: Identity) -> None:
    assert judge().person(identity) is None


def test_terminal_and_schedule_have_names_of_their_own(judge: Make) -> None:
    assert judge().person(Identity(system="terminal", team="", user="bo")) == BO
    assert judge().person(Identity(system="schedule", team="", user="kim")) == KIM


def test_the_whole_matrix_is_denied_but_for_what_was_granted(judge: Make) -> None:
    people = (ANA, BO, LEE, KIM, Principal("ghost"), Principal("*"), Principal(""))
    verbs = ("logs:read", "workloads:deploy", "locks:take", "locks:break", "audit:read", "workloads:*", "*", "*:*", "")
    places = tuple(
        app(name, env, tenant)
        for name, env, tenant in product(("web", "api", "pay"), ("staging", "prod"), ("team-web", "team-pay"))
    )
    granted = set()
    for who, verb, place in product(people, verbs, places):
        if judge().may(who, verb, place):
            granted.add((who.id, verb, str(place.name), str(place.env), place.tenant))
    expected = {
        (who, "logs:read", name, env, tenant)
        for who in ("ana", "lee", "kim")
        for name, env, tenant in product(("web", "api", "pay"), ("staging", "prod"), ("team-web", "team-pay"))
    }
    for verb in ("workloads:deploy", "locks:take"):
        expected |= {("ana", verb, name, "staging", "team-web") for name in ("web", "api")}
        expected |= {
            (who, verb, name, env, tenant)
            for who in ("bo", "lee")
            for name, env, tenant in product(("web", "api", "pay"), ("staging", "prod"), ("team-web", "team-pay"))
        }
    assert granted == expected


def test_what_belongs_to_no_app_takes_the_permission_from_anywhere(judge: Make) -> None:
    assert isinstance(judge().authorise(ANA, "workloads:deploy", None), Allowed)
    assert isinstance(judge().authorise(KIM, "workloads:deploy", None), Denied)


def test_a_denial_says_where_one_has_it_who_grants_it_and_who_could_run_it(judge: Make) -> None:
    denied = judge().authorise(ANA, "workloads:deploy", app(env="prod"))
    assert denied == Denied(
        "workloads:deploy", elsewhere=("staging",), granters=(LEE, KIM), runners=(BO, LEE), leads={LEE: "team-web"}
    )


def test_a_denial_of_what_nobody_has_names_nobody_to_run_it(judge: Make) -> None:
    denied = judge().authorise(LEE, "audit:read", app())
    assert denied == Denied("audit:read", granters=(KIM,), runners=())


def test_the_bot_itself_may_read_and_change_nothing(judge: Make) -> None:
    assert judge().may(AUTO, "logs:read", app())
    assert not judge().may(AUTO, "workloads:deploy", app())
    assert not judge().may(AUTO, "workloads:*", app())


def test_acting_is_the_persons_own_name_and_groups_on_the_cluster(judge: Make) -> None:
    found = judge().acting(LEE)
    assert found is not None
    assert (found.user, found.groups) == ("lee@example.com", ("platform-sre", "web"))


def test_who_has_no_name_on_the_cluster_cannot_act_there(judge: Make) -> None:
    assert judge().acting(KIM) is None
    assert judge().acting(Principal("ghost")) is None


def test_the_bot_acts_under_its_own_name(judge: Make) -> None:
    found = judge().acting(AUTO)
    assert found is not None
    assert (found.user, found.groups) == ("pilothouse:auto", ("pilothouse:auto",))


def test_mentions_are_found_by_person_and_group(judge: Make) -> None:
    assert judge().slack_ids(ANA) == ("U0ANA0001", "W0ANA0009")
    assert judge().slack_ids(KIM) == ()
    assert (judge().group_slack_id("sre"), judge().group_slack_id("team-web")) == ("S0SRE0001", "")
    assert judge().groups_of(LEE) == ("sre", "team-web")
    assert judge().roles_of(LEE) == ("viewer", "developer")


def test_every_account_of_a_person_can_be_asked_for(judge: Make) -> None:
    assert judge().identities(ANA) == (slack("U0ANA0001", ""), slack("W0ANA0009", "T0TWO"))
    assert judge().identities(KIM) == judge().identities(Principal("ghost")) == ()


# --- quorums and caps -------------------------------------------------------------------------

RULES = """\
approvals:
  - {for: [deploy], env: [prod], votes: '1', from: sre}
  - {for: ["workloads:*"], env: [prod], app: [api], votes: '2', from: sre}
  - {for: ["locks:take"], votes: '1', from: team-web}
caps:
  - {env: [prod], max-pods: '10', then: approval, votes: '2', from: team-web}
  - {env: [prod], max-pods: '100', max-share: '50', then: refuse}
  - {env: [staging], max-share: '80', then: refuse}
"""


@pytest.mark.parametrize(
    ("command", "permission", "name", "env", "pods", "expected"),
    [
        ("deploy", "workloads:deploy", "web", "prod", 3, Quorum(1, "sre")),
        ("scale", "workloads:scale", "web", "prod", 3, Quorum()),
        ("deploy", "workloads:deploy", "web", "staging", 3, Quorum()),
        ("deploy", "workloads:deploy", "api", "prod", 3, Quorum(2, "sre")),
        ("lock", "locks:take", "web", "staging", 0, Quorum(1, "team-web")),
        ("deploy", "workloads:deploy", "web", "prod", 10, Quorum(1, "sre")),
        ("deploy", "workloads:deploy", "web", "prod", 11, Quorum(2, "team-web")),
        ("deploy", "workloads:deploy", "web", "staging", 11, Quorum()),
    ],
)
def test_the_rule_with_the_most_votes_decides(
    judge: Make, command: str, permission: str, name: str, env: str, pods: int, expected: Quorum
) -> None:
    assert judge(RULES).quorum(command, permission, app(name, env), pods=pods, share=10) == expected


def test_without_a_rule_nobody_has_to_agree(judge: Make) -> None:
    assert judge().quorum("deploy", "workloads:deploy", app(env="prod")) == Quorum()


def test_what_belongs_to_no_app_is_held_by_rules_about_everything_only(judge: Make) -> None:
    assert judge(RULES).quorum("lock", "locks:take", None) == Quorum(1, "team-web")
    assert judge(RULES).quorum("deploy", "workloads:deploy", None) == Quorum()


@pytest.mark.parametrize(
    ("env", "pods", "share", "words"),
    [
        ("prod", 100, 50, None),
        ("prod", 101, 50, "100 pods and 50 % of an app at once"),
        ("prod", 1, 51, "100 pods and 50 % of an app at once"),
        ("staging", 1000, 80, None),
        ("staging", 1000, 81, "80 % of an app at once"),
    ],
)
def test_a_cap_is_said_in_words_beyond_it(judge: Make, env: str, pods: int, share: int, words: str | None) -> None:
    found = judge(RULES).cap(app(env=env), pods=pods, share=share)
    assert (found.plain() if found else None) == words


def test_voters_are_members_whom_the_policy_names(judge: Make) -> None:
    assert judge().is_voter(BO, "sre")
    assert not judge().is_voter(ANA, "sre")
    assert not judge().is_voter(AUTO, "sre")
    assert not judge().is_voter(BO, "no-such-group")
    assert not judge().is_voter(BO, "")


# --- freezes and timings ----------------------------------------------------------------------

FREEZES = """\
freezes:
  - {name: weekend, reason: Nobody is there, env: [prod], zone: Europe/Berlin, weekly: Fri 16:00 - Mon 08:00, exempt: [sre]}
  - {name: sale, reason: The sale, app: [web], zone: UTC, from: 2026-11-26, to: 2026-12-01}
  - {name: nightly, reason: Batches run, env: [staging], zone: UTC, weekly: Sun 23:00 - Tue 01:00}
"""


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "name", "env", "freeze"),
    [
        ("2026-07-03 13:59", "api", "prod", None),
        ("2026-07-03 14:00", "api", "prod", "weekend"),
        ("2026-07-05 12:00", "api", "prod", "weekend"),
        ("2026-07-06 05:59", "api", "prod", "weekend"),
        ("2026-07-06 06:00", "api", "prod", None),
        ("2026-01-02 14:59", "api", "prod", None),
        ("2026-01-02 15:00", "api", "prod", "weekend"),
        # The clocks go back on the night to this Sunday: Monday 08:00 is an hour later in UTC.
        ("2026-10-26 06:59", "api", "prod", "weekend"),
        ("2026-10-26 07:00", "api", "prod", None),
        ("2026-07-04 12:00", "api", "staging", None),
        ("2026-11-25 23:59", "web", "staging", None),
        ("2026-11-27 12:00", "web", "staging", "sale"),
        ("2026-12-01 00:00", "web", "prod", None),
        # Both hold it; the one that ends last is told.
        ("2026-11-27 18:00", "web", "prod", "sale"),
        ("2026-11-30 05:00", "web", "prod", "sale"),
    ],
)
def test_a_freeze_holds_within_its_window(judge: Make, now: str, name: str, env: str, freeze: str | None) -> None:
    found = judge(FREEZES).freeze(app(name, env), at(now), ANA)
    assert (found.name if found else None) == freeze


def test_a_window_goes_over_the_end_of_the_week(judge: Make) -> None:
    found = judge(FREEZES).freeze(app("api"), at("2026-07-06 12:00"), ANA)
    assert found is not None
    assert found.until == at("2026-07-07 01:00")
    assert judge(FREEZES).freeze(app("api"), at("2026-07-07 01:00"), ANA) is None


def test_a_freeze_says_why_until_when_and_whom_it_does_not_hold(judge: Make) -> None:
    found = judge(FREEZES).freeze(app(env="prod"), at("2026-07-04 12:00"), ANA)
    assert found is not None
    assert (found.reason, found.until, found.exempt) == ("Nobody is there", at("2026-07-06 06:00"), "sre")
    assert judge(FREEZES).freeze(app(env="prod"), at("2026-07-04 12:00"), BO) is None
    assert judge(FREEZES).freeze(app(env="prod"), at("2026-07-04 12:00"), AUTO) is not None


TIMINGS = """\
timings:
  - {bake: 90s}
  - {env: [prod], bake: 5m, approval-expiry: 1h}
  - {env: [prod], app: [web], bake: 10m}
"""


@pytest.mark.parametrize(
    ("timing", "name", "env", "expected"),
    [
        ("bake", "api", "staging", timedelta(seconds=90)),
        ("bake", "api", "prod", timedelta(minutes=5)),
        ("bake", "web", "prod", timedelta(minutes=10)),
        ("approval-expiry", "web", "prod", timedelta(hours=1)),
        ("approval-expiry", "web", "staging", timedelta(minutes=15)),
        ("deadline", "web", "prod", timedelta(minutes=5)),
        ("canary-deadline", "web", "prod", timedelta(hours=24)),
    ],
)
def test_the_last_timing_that_is_about_it_counts(
    judge: Make, timing: str, name: str, env: str, expected: timedelta
) -> None:
    assert judge(TIMINGS).duration(timing, AppName(name), EnvName(env)) == expected


def test_a_timing_that_nobody_knows_is_an_error(judge: Make) -> None:
    with pytest.raises(ValueError, match="no-such"):
        judge().duration("no-such", AppName("web"), EnvName("prod"))


CANARY = """\
canary:
  - {steps: ['10', '50'], hold: 5m, requests: '200'}
  - {env: [prod], steps: ['1', '10', '50'], deadline: 2h}
  - {tenant: [team-pay], env: [prod], app: [web], hold: manual}
"""


def test_each_default_of_a_canary_is_that_of_the_last_rule_that_says_it(judge: Make) -> None:
    found = judge(CANARY)
    everywhere = found.canary(app("web", "staging"))
    assert (everywhere.steps, everywhere.hold, everywhere.requests) == ((10, 50), timedelta(minutes=5), 200)
    assert everywhere.deadline is None
    prod = found.canary(app("web", "prod"))
    assert (prod.steps, prod.hold, prod.deadline) == ((1, 10, 50), timedelta(minutes=5), timedelta(hours=2))
    other = found.canary(app("web", "prod", "team-pay"))
    assert other.hold is None
    assert "hold" in other.said
    assert other.steps == (1, 10, 50)


def test_without_rules_a_canary_has_one_share_and_waits_for_people(judge: Make) -> None:
    found = judge().canary(app())
    assert (found.steps, found.hold, found.requests, found.deadline, found.said) == ((), None, 500, None, ())


MEASURES = """
canary:
  - app: [web]
    measures:
      - {name: Failed checkouts, query: 'sum(rate(failed_total[$window]))', unit: "%", over: "2", limit: "5"}
      - {name: p99, query: 'max(p99_seconds)', unit: ms, over: "50", times: "1.5"}
      - {name: Hit rate, query: 'max(hits)', times: "0.9", better: more}
"""


def test_the_figures_of_an_app_are_written_in_the_unit_that_people_see(judge: Make) -> None:
    found = judge(MEASURES).canary(app("web", "staging"))
    failed, slow, hits = (each.criterion for each in found.measures)
    assert (failed.over, failed.limit, failed.scale) == (0.02, 0.05, 100.0)
    assert (slow.over, slow.times, slow.scale) == (0.05, 1.5, 1000.0)
    assert (hits.over, hits.times, hits.is_more_better) == (None, 0.9, True)
    assert found.measures[0].query == "sum(rate(failed_total[$window]))"
    assert found.said == ("measures",)
    assert judge(MEASURES).canary(app("cart", "staging")).measures == ()
