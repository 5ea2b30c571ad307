"""What a Jenkins remembers: jobs with their parameters, a queue, builds with logs, and every effect that a call had.

Nothing runs in the background: whoever looks makes time go on. Behaves as Jenkins' documentation of its remote API says
(undeclared parameters are dropped, equal items in the queue are folded into one, a left item stays findable by its number).
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Thing = dict[str, Any]

DECLARED = ("OP_ID", "REF", "TAG")
STAGES = ("Checkout", "Test", "Image", "Push")


class NotFoundError(Exception):
    """404."""


@dataclass
class Job:
    name: str
    parameters: tuple[str, ...] = DECLARED
    is_enabled: bool = True
    next_number: int = 1


@dataclass
class Item:
    id: int
    job: Job
    given: dict[str, str]
    since: float
    build: int = 0
    is_cancelled: bool = False


@dataclass
class Build:
    job: Job
    number: int
    queued_as: int
    given: dict[str, str]
    began: float
    result: str | None = None
    took: float = 0.0
    log: str = ""


@dataclass
class Effect:
    """Something that a call did. `method`: build, cancel, stop."""

    method: str
    operation: str
    job: str
    number: int
    at: float
    user: str


@dataclass
class Jenkins:
    """`quiet`: seconds in the queue; `duration`: of a build. `is_held`: nothing moves until `begin` and `finish`."""

    root: str = ""
    quiet: float = 0.2
    duration: float = 1.0
    is_held: bool = False
    queue_memory: float = 300.0
    """Seconds for which an item that left the queue is still found by its number."""
    jobs: dict[str, Job] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    builds: dict[str, list[Build]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    guard: threading.RLock = field(default_factory=threading.RLock)
    next_item: int = 1

    def add_job(self, name: str, *, parameters: tuple[str, ...] = DECLARED, is_enabled: bool = True) -> Job:
        with self.guard:
            job = self.jobs[name] = Job(name, parameters, is_enabled)
            self.builds[name] = []
            return job

    def job(self, name: str) -> Job:
        if name not in self.jobs:
            raise NotFoundError(name)
        return self.jobs[name]

    # --- time -----------------------------------------------------------------------------------

    def now(self) -> float:
        return time.time()

    def advance(self) -> None:
        if self.is_held:
            return
        for item in list(self.items.values()):
            if not item.build and not item.is_cancelled and self.now() - item.since >= self.quiet:
                self._begin(item)
        for builds in self.builds.values():
            for build in builds:
                if build.result is None and self.now() - build.began >= self.duration:
                    self.finish(build, "FAILURE" if build.given.get("REF", "").startswith("broken") else "SUCCESS")

    def begin(self) -> None:
        """Everything in the queue is given to an executor."""
        with self.guard:
            for item in list(self.items.values()):
                if not item.build and not item.is_cancelled:
                    self._begin(item)

    def finish(self, build: Build, result: str, *, words: str = "") -> None:
        with self.guard:
            build.result = result
            build.took = max(0.001, self.now() - build.began)
            if result == "FAILURE":
                build.log += words or "Step 4/9 : RUN make\nmake: *** No rule to make target 'app'.  Stop.\n"
            build.log += f"{words if result != 'FAILURE' else ''}Finished: {result}\n"

    def _begin(self, item: Item) -> None:
        job = item.job
        item.build = job.next_number
        job.next_number += 1
        log = f"Started by user {item.given.get('_user', '?')}\nObtained Jenkinsfile\nCheckout {item.given.get('REF', '')}\n"
        self.builds[job.name].insert(0, Build(job, item.build, item.id, item.given, self.now(), log=log))

    # --- effects --------------------------------------------------------------------------------

    def schedule(self, name: str, given: dict[str, str], *, user: str) -> Item:
        """An equal item that still waits is given back, as Jenkins does it; that is no second effect."""
        with self.guard:
            job = self.job(name)
            kept = {key: value for key, value in given.items() if key in job.parameters}
            for item in self.items.values():
                if item.job is job and not item.build and not item.is_cancelled and item.given == kept:
                    return item
            item = self.items[self.next_item] = Item(self.next_item, job, kept, self.now())
            self.next_item += 1
            self._note("build", item.given, name, item.id, user)
            return item

    def cancel(self, id: int, *, user: str) -> None:
        with self.guard:
            item = self.items.get(id)
            if item is None or item.build or item.is_cancelled:
                raise NotFoundError(str(id))
            item.is_cancelled = True
            self._note("cancel", item.given, item.job.name, id, user)

    def stop(self, name: str, number: int, *, user: str) -> None:
        with self.guard:
            build = self.build(name, number)
            if build.result is None:
                self.finish(build, "ABORTED", words=f"Aborted by {user}\n")
                self._note("stop", build.given, name, number, user)

    def _note(self, method: str, given: dict[str, str], job: str, number: int, user: str) -> None:
        self.effects.append(Effect(method, given.get("OP_ID", ""), job, number, self.now(), user))

    def counts(self, method: str = "build") -> Counter[str]:
        """Effects by operation: how often it was really started."""
        with self.guard:
            return Counter(each.operation for each in self.effects if each.method == method)

    def purge(self, *, operation: str = "") -> None:
        """Queue items and builds (of one operation) are forgotten, as after a clean-up; what they did is not."""
        with self.guard:
            self.items = {
                id: item for id, item in self.items.items() if operation and item.given.get("OP_ID") != operation
            }
            for name, builds in self.builds.items():
                self.builds[name] = [b for b in builds if operation and b.given.get("OP_ID") != operation]

    # --- what is shown --------------------------------------------------------------------------

    def build(self, name: str, number: int) -> Build:
        self.job(name)
        for build in self.builds[name]:
            if build.number == number:
                return build
        raise NotFoundError(f"{name} {number}")

    def url_of(self, name: str) -> str:
        return self.root + "".join(f"job/{part}/" for part in name.split("/"))

    def show_job(self, name: str) -> Thing:
        job = self.job(name)
        definitions = [
            {"_class": "hudson.model.StringParameterDefinition", "name": each, "type": "StringParameterDefinition"}
            for each in job.parameters
        ]
        properties: list[Thing] = [{"_class": "jenkins.model.BuildDiscarderProperty"}]
        if definitions:
            properties.append(
                {"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions}
            )
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
            "name": name.rpartition("/")[2],
            "fullName": name,
            "url": self.url_of(name),
            "buildable": job.is_enabled,
            "inQueue": any(not i.build and not i.is_cancelled for i in self.items.values() if i.job is job),
            "nextBuildNumber": job.next_number,
            "property": properties,
            "builds": [self.show_build(build) for build in self.builds[name][:100]],
            "allBuilds": [self.show_build(build) for build in self.builds[name]],
        }

    def show_build(self, build: Build) -> Thing:
        actions: list[Thing] = [{"_class": "hudson.model.CauseAction", "causes": []}, {}]
        actions.insert(0, self._parameters(build.given))
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "actions": actions,
            "number": build.number,
            "id": str(build.number),
            "queueId": build.queued_as,
            "url": f"{self.url_of(build.job.name)}{build.number}/",
            "building": build.result is None,
            "result": build.result,
            "timestamp": int(build.began * 1000),
            "duration": int(build.took * 1000),
            "estimatedDuration": int(self.duration * 1000),
        }

    def show_queue(self) -> Thing:
        return {"_class": "hudson.model.Queue", "items": [self.show_item(i) for i in self._waiting()]}

    def item(self, id: int) -> Item:
        item = self.items.get(id)
        if item is None or (item.build and self.now() - item.since > self.queue_memory):
            raise NotFoundError(str(id))
        return item

    def show_item(self, item: Item) -> Thing:
        shown: Thing = {
            "_class": "hudson.model.Queue$LeftItem" if item.build else "hudson.model.Queue$WaitingItem",
            "actions": [self._parameters(item.given)],
            "id": item.id,
            "inQueueSince": int(item.since * 1000),
            "task": {"name": item.job.name.rpartition("/")[2], "url": self.url_of(item.job.name)},
            "why": None if item.build else "In the quiet period. Expires in 4.9 sec",
            "url": f"queue/item/{item.id}/",
        }
        if item.build:
            shown["executable"] = {"number": item.build, "url": f"{self.url_of(item.job.name)}{item.build}/"}
        if item.is_cancelled:
            shown["cancelled"] = True
        return shown

    def show_stages(self, name: str, number: int) -> Thing:
        build = self.build(name, number)
        passed = min(len(STAGES), int((self.now() - build.began) / max(self.duration, 0.001) * len(STAGES)) + 1)
        stages = [{"name": each, "status": "SUCCESS", "durationMillis": 100} for each in STAGES[:passed]]
        if build.result is None:
            stages[-1]["status"] = "IN_PROGRESS"
        elif build.result != "SUCCESS":
            stages[-1]["status"] = "FAILED"
        return {"id": str(number), "name": f"#{number}", "status": "IN_PROGRESS", "stages": stages}

    def _waiting(self) -> list[Item]:
        return [item for item in self.items.values() if not item.build and not item.is_cancelled][::-1]

    @staticmethod
    def _parameters(given: dict[str, str]) -> Thing:
        return {
            "_class": "hudson.model.ParametersAction",
            "parameters": [
                {"_class": "hudson.model.StringParameterValue", "name": name, "value": value}
                for name, value in given.items()
            ],
        }


_TREE = re.compile(r"[A-Za-z]+|[\[\],]|\{[0-9]*,?[0-9]*\}")


def shown(value: Any, tree: str) -> Any:
    """`value` with only what `tree` asks for: `number,actions[parameters[name,value]]{0,100}`."""
    tokens = _TREE.findall(tree)
    if "".join(tokens) != tree:
        raise ValueError(tree)
    wanted, rest = _fields(tokens)
    if rest:
        raise ValueError(tree)
    return _pick(value, wanted)


Wanted = dict[str, tuple["Wanted | None", slice]]


def _fields(tokens: list[str]) -> tuple[Wanted, list[str]]:
    wanted: Wanted = {}
    while tokens and tokens[0] != "]":
        name, tokens = tokens[0], tokens[1:]
        if not name.isalpha():
            raise ValueError(name)
        inner: Wanted | None = None
        span = slice(None)
        if tokens and tokens[0] == "[":
            inner, tokens = _fields(tokens[1:])
            if not tokens:
                raise ValueError(name)
            tokens = tokens[1:]
        if tokens and tokens[0].startswith("{"):
            low, _, high = tokens[0][1:-1].partition(",")
            span, tokens = slice(int(low or 0), int(high) if high else None), tokens[1:]
        wanted[name] = (inner, span)
        if tokens and tokens[0] == ",":
            tokens = tokens[1:]
    return wanted, tokens


def _pick(value: Any, wanted: Wanted) -> Any:
    if isinstance(value, list):
        return [_pick(each, wanted) for each in value]
    if not isinstance(value, dict):
        return value
    found: Thing = {"_class": value["_class"]} if "_class" in value else {}
    for name, (inner, span) in wanted.items():
        if name not in value:
            continue
        each = value[name][span] if isinstance(value[name], list) else value[name]
        if inner is None and isinstance(each, list | dict):
            each = [{} for _ in each] if isinstance(each, list) else {}
        found[name] = _pick(each, inner) if inner is not None else each
    return found
