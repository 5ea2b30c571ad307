"""The Jenkins adapter against a server of its protocol, and against servers that are ill. What holds for every adapter is
in tests/contracts/test_builds.py."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pytest

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable, Unsent
from bot.domain.refs import Secret
from bot.ports.builds import Build, BuildState
from integrations.jenkins.builds import JenkinsBuilds, JenkinsPlace
from integrations.jenkins.client import ANSWER_LIMIT
from tests.faults.jenkins_server import TOKEN, USER, JenkinsServer, serving
from tests.integrations.loopback import Received, Sent, closed_port
from tests.integrations.loopback import serving as answering

JOB = "team-web/build-web"
REF = "canary-ref-5e6f"
TAG = "canary-tag-7a8b"


def adapter(
    url: str,
    *,
    token: str = TOKEN,
    read: float = 40,
    start: float = 90,
    jobs: Mapping[str, str] | None = None,
    template: str = "",
) -> JenkinsBuilds:
    place = JenkinsPlace(url, USER, Secret(token), template=template, jobs={"web": JOB} if jobs is None else jobs)
    return JenkinsBuilds(
        place, connect=timedelta(seconds=20), read=timedelta(seconds=read), start=timedelta(seconds=start)
    )


@pytest.fixture
def server() -> Iterator[JenkinsServer]:
    with serving() as found:
        found.jenkins.is_held = True
        yield found


@pytest.fixture
def jenkins(server: JenkinsServer) -> JenkinsBuilds:
    return adapter(server.url)


def start(jenkins: JenkinsBuilds, *, job: str = JOB, operation: str = "op-7") -> None:
    jenkins.start(job, operation=operation, ref=REF, tag=TAG, time_left=lambda: timedelta(minutes=5))


def told(error: BaseException) -> str:
    """All that an error says, with the exceptions that it came from, as a log would show it."""
    return "".join(traceback.format_exception(error))


# --- what travels where -------------------------------------------------------------------------


def test_parameters_and_token_are_in_no_url(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    start(jenkins)
    server.jenkins.begin()
    [found] = jenkins.find(JOB, "op-7")
    jenkins.tail(found, 5)
    jenkins.stages(found)
    jenkins.recent(JOB, 3)
    jenkins.stop(JOB, operation="op-7")
    assert "POST /job/team-web/job/build-web/buildWithParameters" in server.requests
    lines = "\n".join(server.requests)
    for secret in (REF, TAG, TOKEN, "op-7"):
        assert secret not in lines


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 502, 503, 504])
def test_what_jenkins_repeats_of_a_start_stays_out_of_the_error(
    server: JenkinsServer, jenkins: JenkinsBuilds, status: int
) -> None:
    """The server's page repeats the body and the Authorization header, as error pages do."""
    server.faults.arm([{"how": "status", "status": status}])
    with pytest.raises(IntegrationError) as bad:
        start(jenkins)
    for secret in (REF, TAG, TOKEN, "Basic "):
        assert secret not in told(bad.value)


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_broken_connection_says_nothing_of_what_was_sent(
    server: JenkinsServer, jenkins: JenkinsBuilds, how: str
) -> None:
    server.faults.arm([{"how": how}])
    with pytest.raises(Unavailable) as bad:
        start(jenkins)
    for secret in (REF, TAG, TOKEN):
        assert secret not in told(bad.value)


def test_the_environment_changes_nothing(
    server: JenkinsServer, jenkins: JenkinsBuilds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python-jenkins takes headers from it and turns certificates off by it; requests takes proxies."""
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    monkeypatch.setenv("http_proxy", closed_port())
    monkeypatch.setenv("no_proxy", "")
    assert jenkins.ping() == "Jenkins 2.541.1"


def test_a_crumb_is_fetched_anew_for_each_write_with_its_session(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    start(jenkins)
    start(jenkins, operation="op-8")
    assert sum("crumbIssuer" in line for line in server.requests) == 2
    assert server.jenkins.counts() == {"op-7": 1, "op-8": 1}


def test_a_jenkins_without_crumbs_is_written_to_without_one() -> None:
    def answer(request: Received) -> Sent:
        return Sent(404) if "crumbIssuer" in request.path else Sent(201)

    with answering(answer) as without:
        start(adapter(without.url))
        assert [request.path for request in without.received][-1].endswith("buildWithParameters")


def test_no_connection_is_used_twice() -> None:
    """The other end may have closed it: a start on it would seem to be lost, and nobody could tell."""
    ports: list[str] = []

    def answer(request: Received) -> Sent:
        ports.append(request.peer)
        if "crumbIssuer" in request.path:
            return Sent(
                body=b'{"crumbRequestField": "Jenkins-Crumb", "crumb": "x"}', headers={"Connection": "keep-alive"}
            )
        return Sent(201)

    with answering(answer) as found:
        start(adapter(found.url))
    assert len(ports) == len(set(ports)) == 2


# --- what was certainly not sent, what was turned down, what nobody knows ---------------------------


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(Unsent):
        start(adapter(closed_port()))


@pytest.mark.parametrize("how", [{"how": "status", "status": 503}, {"how": "before"}])
def test_without_a_crumb_nothing_was_sent(
    server: JenkinsServer, jenkins: JenkinsBuilds, how: dict[str, object]
) -> None:
    server.faults.arm([{**how, "on": "crumbs"}])
    with pytest.raises(Unsent):
        start(jenkins)
    assert not any("buildWithParameters" in line for line in server.requests)


def test_a_lease_that_ran_out_while_the_crumb_came_sends_nothing(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    left = iter([timedelta(seconds=1)])
    with pytest.raises(Unsent):
        jenkins.start(JOB, operation="op-7", ref=REF, tag=TAG, time_left=lambda: next(left))
    assert not any("buildWithParameters" in line for line in server.requests)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (401, Refused), (403, Refused), (404, Missing), (409, Refused)]
)
def test_a_start_that_was_turned_down_is_known_not_to_have_begun(
    server: JenkinsServer, jenkins: JenkinsBuilds, status: int, kind: type[IntegrationError]
) -> None:
    server.faults.arm([{"how": "status", "status": status}])
    with pytest.raises(kind):
        start(jenkins)


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503, 504])
def test_an_answer_from_something_in_between_leaves_it_open(
    server: JenkinsServer, jenkins: JenkinsBuilds, status: int
) -> None:
    server.faults.arm([{"how": "served", "status": status}])
    with pytest.raises(Unavailable) as bad:
        start(jenkins)
    assert not isinstance(bad.value, Unsent)
    assert bad.value.why is not None
    assert len(jenkins.find(JOB, "op-7")) == 1


def test_a_start_is_sent_once_whatever_becomes_of_it(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    server.faults.arm([{"how": "before"}])
    with pytest.raises(Unavailable):
        start(jenkins)
    assert sum("buildWithParameters" in line for line in server.requests) == 1


def test_a_start_is_given_up_within_a_lease_whatever_the_settings_say(server: JenkinsServer) -> None:
    server.faults.arm([{"how": "delay", "seconds": 30}])
    with pytest.raises(Unavailable) as bad:
        start(adapter(server.url, read=600, start=3))
    assert not isinstance(bad.value, Unsent)
    assert not server.jenkins.effects


# --- ill servers ----------------------------------------------------------------------------------


def test_a_503_does_not_mean_that_the_job_does_not_exist(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    server.faults.arm([{"how": "status", "status": 503, "on": "reads"}])
    with pytest.raises(Unavailable) as bad:
        jenkins.job("web")
    assert bad.value.retry_after == timedelta(seconds=7)


def test_a_wrong_token_is_refused_and_not_shown(server: JenkinsServer) -> None:
    wrong = adapter(server.url, token="wrong-canary-9c8d")
    for ask in (lambda: wrong.job("web"), lambda: wrong.find(JOB, "op-7"), wrong.ping, lambda: start(wrong)):
        with pytest.raises(Refused) as bad:
            ask()
        assert "wrong-canary-9c8d" not in told(bad.value)
    assert not server.jenkins.effects


ILL: Mapping[str, Sent] = {
    "garbage": Sent(body=b"<html>Please wait while Jenkins is getting ready to work"),
    "a list": Sent(body=b"[]"),
    "deep": Sent(body=b"[" * 100_000),
    "no builds": Sent(body=b'{"builds": {}, "items": {}, "property": 3}'),
    "odd builds": Sent(body=b'{"builds": [{"number": -1}], "items": [{"task": {"url": 3}}], "property": [[]]}'),
    "far future": Sent(
        body=b'{"builds":[{"number":1,"building":true,"timestamp":9007199254740990}],"items":[],"property":[]}'
    ),
    "not text": Sent(body=b"\xff\xfe"),
    "cut": Sent(body=b'{"builds": [], "items": []}', is_cut=True),
}


@pytest.mark.parametrize("sent", [*ILL.values()], ids=[*ILL])
def test_what_cannot_be_read_is_unavailable_and_never_absent(sent: Sent) -> None:
    with answering(lambda _: sent) as ill, pytest.raises(Unavailable):
        adapter(ill.url).find(JOB, "op-7")


def test_an_answer_without_end_is_given_up() -> None:
    drip = Sent(body=b"{" + b" " * 100_000, drips=True)
    with answering(lambda _: drip) as slow, pytest.raises(Unavailable):
        adapter(slow.url, read=0.5).find(JOB, "op-7")


def test_an_answer_that_is_too_large_is_given_up() -> None:
    large = Sent(body=b" " * (ANSWER_LIMIT + 1))
    with answering(lambda _: large) as found, pytest.raises(Refused):
        adapter(found.url).find(JOB, "op-7")


def test_one_that_says_nothing_is_given_up() -> None:
    with answering(lambda _: Sent(hangs=True)) as silent, pytest.raises(Unavailable):
        adapter(silent.url, read=0.3).ping()


def test_no_redirect_is_followed_with_our_token() -> None:
    with answering(lambda _: Sent(body=b"{}")) as other:
        away = Sent(302, headers={"Location": f"{other.url}/login"})
        with answering(lambda _: away) as first, pytest.raises(Unavailable):
            adapter(first.url).find(JOB, "op-7")
        assert not other.received


# --- names ----------------------------------------------------------------------------------------

BAD = (
    "..",
    "team-web/../secret",
    "team-web/..",
    "a//b",
    "/a",
    "a/",
    "a?delay=0",
    "a%2f..",
    "a#b",
    ".hidden",
    "a/.b",
    "a\n",
    "",
)


@pytest.mark.parametrize("job", BAD)
def test_a_job_that_could_be_read_as_another_is_asked_for_nowhere(
    server: JenkinsServer, jenkins: JenkinsBuilds, job: str
) -> None:
    asks: tuple[Callable[[], object], ...] = (
        lambda: jenkins.find(job, "op-7"),
        lambda: start(jenkins, job=job),
        lambda: jenkins.stop(job, operation="op-7"),
        lambda: jenkins.tail(Build(job, "op-7", 1, 1, BuildState.RUNNING), 3),
    )
    for ask in asks:
        with pytest.raises(Refused):
            ask()
    assert not any("/job/" in line for line in server.requests)


def test_a_template_names_jobs_and_a_name_of_its_own_goes_before(server: JenkinsServer) -> None:
    named = adapter(server.url, template="team-web/build-$app", jobs={"shop": "team-pay/build-payments"})
    assert named.job("sized").name == "team-web/build-sized"
    assert named.job("shop").name == "team-pay/build-payments"
    with pytest.raises(Missing):
        adapter(server.url, jobs={}).job("web")


def test_builds_of_other_jobs_in_the_queue_are_not_this_jobs(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    start(jenkins, job="team-pay/build-payments")
    assert jenkins.find(JOB, "op-7") == ()
    assert jenkins.recent(JOB, 5) == ()
    assert len(jenkins.find("team-pay/build-payments", "op-7")) == 1


# --- more of what Jenkins does ----------------------------------------------------------------------


def test_the_usual_time_is_the_median_of_successes(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    assert jenkins.job("web").usual is None
    for number, (took, result) in enumerate([(10, "SUCCESS"), (30, "SUCCESS"), (20, "SUCCESS"), (900, "FAILURE")]):
        server.jenkins.schedule(JOB, {"OP_ID": f"op-{number}"}, user=USER)
        server.jenkins.begin()
        build = server.jenkins.builds[JOB][0]
        server.jenkins.finish(build, result)
        build.took = took
    assert jenkins.job("web").usual == timedelta(seconds=20)


def test_a_job_without_the_mark_says_which_parameters_it_has(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    server.jenkins.add_job(JOB, parameters=("REF",))
    assert jenkins.job("web").parameters == ("REF",)
    server.jenkins.add_job(JOB, parameters=())
    assert jenkins.job("web").parameters == ()


def test_doctor_hears_of_a_named_job_that_is_not_there_or_drops_the_mark(server: JenkinsServer) -> None:
    with pytest.raises(Missing, match="team-web/gone"):
        adapter(server.url, jobs={"web": JOB, "shop": "team-web/gone"}).ping()
    server.jenkins.add_job(JOB, parameters=("REF", "TAG"))
    with pytest.raises(Refused, match="does not take OP_ID"):
        adapter(server.url).ping()


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ("SUCCESS", BuildState.SUCCEEDED),
        ("UNSTABLE", BuildState.FAILED),
        ("NOT_BUILT", BuildState.FAILED),
        ("A_NEW_WORD", BuildState.FAILED),
        ("ABORTED", BuildState.STOPPED),
    ],
)
def test_only_success_is_success(server: JenkinsServer, jenkins: JenkinsBuilds, result: str, state: BuildState) -> None:
    start(jenkins)
    server.jenkins.begin()
    server.jenkins.finish(server.jenkins.builds[JOB][0], result)
    assert jenkins.find(JOB, "op-7")[0].state is state


def test_the_end_of_a_long_log_is_read_without_the_rest(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    start(jenkins)
    server.jenkins.begin()
    build = server.jenkins.builds[JOB][0]
    build.log = "".join(f"line {n} äöü\n" for n in range(200_000))
    server.jenkins.finish(build, "FAILURE", words="the last words\n")
    tail = jenkins.tail(jenkins.find(JOB, "op-7")[0], 3)
    assert tail.splitlines() == ["line 199999 äöü", "the last words", "Finished: FAILURE"]


def test_a_build_without_a_pipeline_has_no_stages(server: JenkinsServer, jenkins: JenkinsBuilds) -> None:
    start(jenkins)
    server.jenkins.begin()
    found = jenkins.find(JOB, "op-7")[0]
    server.faults.arm([{"how": "status", "status": 404, "on": "reads"}])
    assert jenkins.stages(found) == ()


def test_a_request_that_the_network_repeats_is_two_builds_and_both_are_seen_and_stopped(
    server: JenkinsServer, jenkins: JenkinsBuilds
) -> None:
    server.faults.arm([{"how": "duplicate"}])
    start(jenkins)
    assert len(jenkins.find(JOB, "op-7")) == server.jenkins.counts()["op-7"] == 2
    jenkins.stop(JOB, operation="op-7")
    assert server.jenkins.counts("stop") + server.jenkins.counts("cancel") == {"op-7": 2}


def test_a_repeated_request_that_still_waits_is_folded_into_the_first(
    server: JenkinsServer, jenkins: JenkinsBuilds
) -> None:
    start(jenkins)
    start(jenkins)
    assert server.jenkins.counts() == {"op-7": 1}
