"""Jenkins over its remote API (python-jenkins): builds by their mark, the parameter OP_ID. No retry; a start goes out once.

What is asked for travels in the body of a POST, never in a URL, and neither URLs nor bodies come into errors. A job's name
is checked as strictly as it is written in the settings: `..` would name another job than the one that was allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

import jenkins
import requests
import urllib3

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable, Unsent
from bot.domain.refs import Secret
from bot.domain.reply import Text, text
from bot.ports.builds import Build, Job, Stage
from integrations.jenkins import reading
from integrations.jenkins.client import AnswerTooLarge, BadStatus, BoundedClient, NeverConnected

SYSTEM = "jenkins"
JOB = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9 ._-]{0,99}){0,9}")
LOOKED_AT = 100
TAIL = 64 * 1024
START = timedelta(seconds=3)
"""A start has to be over before the engine's lease of 5 s, renewed every 1.5 s, can be."""
_REDIRECTS = (302, 303)


@dataclass(frozen=True, slots=True)
class JenkinsPlace:
    url: str
    user: str = ""
    token: Secret = Secret("")
    template: str = ""
    """Of a job's name, where `jobs` names none: `$app-image`."""
    jobs: Mapping[str, str] = field(default_factory=dict)


class JenkinsBuilds:
    """Implements bot.ports.builds.Builds and BuildWriter. Thread-safe: each call has a client of its own."""

    def __init__(self, place: JenkinsPlace, *, connect: timedelta, read: timedelta, start: timedelta = START) -> None:
        """`start`: what the call that starts a build may take at most, whatever the others may."""
        self._place = place
        self._url = place.url.rstrip("/")
        self._connect = connect
        self._read = read
        self._start_connect = min(connect, start / 3)
        self._start_read = min(read, start * 2 / 3)

    # --- reading --------------------------------------------------------------------------------

    def job(self, app: str) -> Job:
        name = self._place.jobs.get(app) or self._place.template.replace("$app", app)
        if not name:
            raise Missing(
                SYSTEM,
                text("No job builds {app}.", app=app),
                next=text("Whoever runs me names one under `jenkins: jobs:` in the settings."),
            )
        answer = self._get(f"{_path(name)}api/json", text("the job {name}", name=name), tree=reading.JOB_TREE)
        with _reading():
            return reading.job(name, reading.parsed(answer))

    def find(self, job: str, operation: str) -> tuple[Build, ...]:
        found: dict[int, Build] = {}
        for each in (*self._waiting(job), *self._builds(job, LOOKED_AT)):
            if operation and each.operation == operation:
                # What left the queue between the two questions is in both answers.
                found[each.queued_as or -each.number] = each
        return tuple(sorted(found.values(), key=lambda each: (each.number == 0, each.number, each.queued_as)))

    def recent(self, job: str, limit: int) -> tuple[Build, ...]:
        begun = self._builds(job, limit)
        known = {each.queued_as for each in begun}
        return (*(each for each in self._waiting(job) if each.queued_as not in known), *begun)[:limit]

    def _waiting(self, job: str) -> tuple[Build, ...]:
        # The queue first: what leaves it meanwhile is among the builds then, and not in neither.
        answer = self._get("queue/api/json", text("the queue"), tree=reading.QUEUE_TREE)
        with _reading():
            return tuple(reading.waiting(job, reading.parsed(answer), path=f"/{_path(job)}"))

    def _builds(self, job: str, limit: int) -> tuple[Build, ...]:
        tree = reading.BUILDS_TREE % limit
        answer = self._get(f"{_path(job)}api/json", text("the job {name}", name=job), tree=tree)
        with _reading():
            return tuple(reading.builds(job, reading.parsed(answer)))

    def stages(self, build: Build) -> tuple[Stage, ...]:
        if not build.number:
            return ()
        try:
            answer = self._get(f"{_path(build.job)}{build.number}/wfapi/describe", text("the stages"))
        except Missing:
            # No pipeline, or no plugin that shows one.
            return ()
        with _reading():
            return reading.stages(reading.parsed(answer))

    def tail(self, build: Build, lines: int) -> str:
        if not build.number:
            return ""
        path = f"{_path(build.job)}{build.number}/logText/progressiveText"
        what = text("the log of build {n}", n=build.number)
        with self._client() as client, _translated(what):
            # Its head says how long it is; the log itself may be of hundreds of megabytes.
            with client.jenkins_request(self._request("GET", path, start="0"), add_crumb=False, stream=True) as head:
                words = head.headers.get("X-Text-Size", "0")
                size = int(words) if re.fullmatch(r"[0-9]{1,15}", words) else 0
            start = max(0, size - TAIL)
            part = client.jenkins_request(self._request("GET", path, start=str(start)), add_crumb=False).content
        found = part[-TAIL:].decode("utf-8", "replace").splitlines()
        return "\n".join(found[1 if start else 0 :][-lines:])

    def ping(self) -> str:
        """Looks at the jobs that the settings name too. Raises Missing, or Refused where one drops what we send."""
        with self._client() as client, _translated(text("its own page")):
            answer = client.jenkins_request(self._request("GET", "api/json", tree="mode"), add_crumb=False)
        for app in self._place.jobs:
            job = self.job(app)
            lacking = [name for name in reading.PARAMETERS_OF_OURS if name not in job.parameters]
            if lacking:
                what = text("{job} does not take {names}.", job=job.name, names=", ".join(lacking))
                raise Refused(SYSTEM, what, why=text("Add text parameters of these names to the job."))
        return f"Jenkins {answer.headers.get('X-Jenkins', 'of an unknown version')[:50]}"

    # --- changing -------------------------------------------------------------------------------

    def start(self, job: str, *, operation: str, ref: str, tag: str, time_left: Callable[[], timedelta]) -> None:
        what = text("the job {name}", name=job)
        request = self._request("POST", f"{_path(job)}buildWithParameters")
        request.data = {reading.OP_ID: operation, reading.REF: ref, reading.TAG: tag}
        with self._client(connect=self._start_connect, read=self._start_read) as client:
            self._add_crumb(client, request)
            if time_left() <= self._start_connect + self._start_read:
                raise Unsent(SYSTEM, text("There was not enough time left to send it."))
            with _translated(what, is_start=True):
                client.jenkins_request(request, add_crumb=False)

    def stop(self, job: str, *, operation: str) -> None:
        for build in self.find(job, operation):
            if not build.is_over:
                self._stop(build)

    def _stop(self, build: Build) -> None:
        if build.number:
            request = self._request("POST", f"{_path(build.job)}{build.number}/stop")
        else:
            request = self._request("POST", "queue/cancelItem")
            request.data = {"id": str(build.queued_as)}
        with self._client() as client:
            self._add_crumb(client, request)
            try:
                with _translated(text("build {n}", n=build.number or build.queued_as)):
                    client.jenkins_request(request, add_crumb=False)
            except Missing:
                # It left the queue, or was cleaned up: the next look says which.
                return
            except IntegrationError as error:
                # Where it was stopped, Jenkins sends a browser back to the page of the build.
                if not (isinstance(error.__cause__, BadStatus) and error.__cause__.status in _REDIRECTS):
                    raise

    def _add_crumb(self, client: BoundedClient, request: requests.Request) -> None:
        """Fresh for each write: crumbs end with the session. Whatever goes wrong here, nothing was sent."""
        try:
            with _translated(text("a crumb")):
                client.maybe_add_crumb(request)
        except Unavailable as error:
            raise Unsent(SYSTEM, error.what, why=error.why, retry_after=error.retry_after) from error

    # --- the way --------------------------------------------------------------------------------

    def _get(self, path: str, what: Text, **asked: str) -> str:
        with self._client() as client, _translated(what):
            answer: str = client.jenkins_open(self._request("GET", path, **asked), add_crumb=False)
            return answer

    def _request(self, method: str, path: str, **asked: str) -> requests.Request:
        return requests.Request(method, f"{self._url}/{path}", params=asked)

    @contextmanager
    def _client(self, *, connect: timedelta | None = None, read: timedelta | None = None) -> Iterator[BoundedClient]:
        place = self._place
        client = BoundedClient(
            self._url, place.user, place.token, connect=connect or self._connect, read=read or self._read
        )
        try:
            yield client
        finally:
            client.close()


def _path(job: str) -> str:
    """`job/team-web/job/build-web/`. Raises Refused for a name that could be read as another one."""
    if not JOB.fullmatch(job):
        raise Refused(SYSTEM, text("{job} cannot be the name of a job.", job=job[:100]))
    return "".join(f"job/{quote(part, safe='')}/" for part in job.split("/"))


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, OSError) as bad:
        raise _unreadable() from bad


@contextmanager
def _translated(what: Text, *, is_start: bool = False) -> Iterator[None]:
    try:
        yield
    except (jenkins.JenkinsException, requests.RequestException, urllib3.exceptions.HTTPError) as bad:
        raise translated(bad, what, is_start=is_start) from bad
    except (ValueError, KeyError, TypeError) as bad:
        raise _unreadable() from bad


def translated(bad: Exception, what: Text, *, is_start: bool = False) -> IntegrationError:
    """The one place where the library's exceptions become ours; their texts stay out, they hold bodies and URLs."""
    maybe = text("A build may have been started all the same.") if is_start else None
    match bad:
        case jenkins.NotFoundException():
            return Missing(SYSTEM, text("Jenkins does not have {what}, or does not show it to us.", what=what))
        case BadStatus(status=401):
            return Refused(SYSTEM, text("Jenkins does not know us."), why=text("It takes neither our user nor token."))
        case BadStatus(status=403):
            return Refused(SYSTEM, text("Jenkins does not let us use {what}.", what=what))
        case BadStatus(status=408 | 429 | 500 | 502 | 503 | 504 as status, retry_after=wait):
            answered = text("Jenkins cannot answer now ({status}).", status=status)
            return Unavailable(SYSTEM, answered, why=maybe, retry_after=wait)
        case BadStatus(status=status) if status < 400 or status >= 500:
            return Unavailable(SYSTEM, text("Jenkins sends us elsewhere ({status}).", status=status), why=maybe)
        case BadStatus(status=status):
            return Refused(SYSTEM, text("Jenkins did not accept it ({status}).", status=status))
        case AnswerTooLarge() if not is_start:
            return Refused(SYSTEM, text("The answer of Jenkins is too large."))
        case NeverConnected() if is_start:
            return Unsent(SYSTEM, text("Jenkins cannot be reached."))
        case NeverConnected():
            return Unavailable(SYSTEM, text("Jenkins cannot be reached."))
        case jenkins.TimeoutException() | requests.Timeout() | urllib3.exceptions.TimeoutError():
            return Unavailable(SYSTEM, text("Jenkins did not answer in time."), why=maybe)
        case _:
            return Unavailable(SYSTEM, text("The connection to Jenkins broke."), why=maybe)


def _unreadable() -> Unavailable:
    return Unavailable(SYSTEM, text("What Jenkins answered cannot be read."))
