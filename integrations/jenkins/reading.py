"""What Jenkins answers, as values of ours. Pure; raises ValueError for what is not of the shape that it documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median

from bot.ports.builds import Build, BuildState, Job, Stage

OP_ID = "OP_ID"
REF = "REF"
TAG = "TAG"
PARAMETERS_OF_OURS = (OP_ID, REF, TAG)
PARAMETERS = "actions[parameters[name,value]]"
JOB_TREE = "buildable,property[parameterDefinitions[name]],builds[result,duration]{0,20}"
BUILDS_TREE = f"builds[number,queueId,building,result,timestamp,duration,{PARAMETERS}]{{0,%d}}"
QUEUE_TREE = f"items[id,why,cancelled,task[url],{PARAMETERS}]"

_STATES = {
    "SUCCESS": BuildState.SUCCEEDED,
    "ABORTED": BuildState.STOPPED,
    "FAILURE": BuildState.FAILED,
    "UNSTABLE": BuildState.FAILED,
    "NOT_BUILT": BuildState.FAILED,
}
_STAGES = {
    "SUCCESS": BuildState.SUCCEEDED,
    "IN_PROGRESS": BuildState.RUNNING,
    "PAUSED_PENDING_INPUT": BuildState.RUNNING,
    "NOT_EXECUTED": BuildState.QUEUED,
    "ABORTED": BuildState.STOPPED,
}
_WHY = 200
_STAGES_LIMIT = 100


def parsed(body: str) -> Mapping[str, object]:
    try:
        return _mapping(json.loads(body))
    except RecursionError as bad:
        raise ValueError("too deep") from bad


def job(name: str, answer: Mapping[str, object]) -> Job:
    names = [
        _words(definition.get("name"))
        for each in _mappings(answer.get("property"))
        for definition in _mappings(each.get("parameterDefinitions") or [])
    ]
    took = [_number(b.get("duration")) for b in _mappings(answer.get("builds")) if b.get("result") == "SUCCESS"]
    usual = timedelta(milliseconds=median(took)) if took else None
    return Job(name, is_enabled=answer.get("buildable") is True, parameters=tuple(names), usual=usual)


def builds(name: str, answer: Mapping[str, object]) -> Iterator[Build]:
    for each in _mappings(answer.get("builds")):
        given = _given(each)
        is_running = each.get("building") is True or each.get("result") is None
        result = BuildState.RUNNING if is_running else _STATES.get(_words(each.get("result")), BuildState.FAILED)
        yield Build(
            job=name,
            operation=given.get(OP_ID, ""),
            number=_number(each.get("number")),
            queued_as=_number(each.get("queueId", 0)),
            state=result,
            ref=given.get(REF, ""),
            started=datetime.fromtimestamp(_number(each.get("timestamp")) / 1000, UTC),
            took=None if is_running else timedelta(milliseconds=_number(each.get("duration"))),
        )


def waiting(name: str, answer: Mapping[str, object], *, path: str) -> Iterator[Build]:
    """Items of the queue that are of the job at `path` (`/job/team-web/job/build-web/`)."""
    for each in _mappings(answer.get("items")):
        task = _mapping(each.get("task") or {})
        # Only its end: a proxy before Jenkins may give it another root.
        if not _words(task.get("url", "")).endswith(path):
            continue
        given = _given(each)
        why = each.get("why")
        yield Build(
            job=name,
            operation=given.get(OP_ID, ""),
            number=0,
            queued_as=_number(each.get("id")),
            state=BuildState.QUEUED,
            ref=given.get(REF, ""),
            why=why[:_WHY] if isinstance(why, str) else "",
        )


def stages(answer: Mapping[str, object]) -> tuple[Stage, ...]:
    found = _mappings(answer.get("stages") or [])[:_STAGES_LIMIT]
    return tuple(
        Stage(_words(each.get("name"))[:_WHY], _STAGES.get(_words(each.get("status")), BuildState.FAILED))
        for each in found
    )


def _given(thing: Mapping[str, object]) -> dict[str, str]:
    """A parameter of another type than text is none of ours."""
    given: dict[str, str] = {}
    for action in _mappings(thing.get("actions") or []):
        for parameter in _mappings(action.get("parameters") or []):
            name, value = parameter.get("name"), parameter.get("value")
            if isinstance(name, str) and isinstance(value, str):
                given[name] = value
    return given


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not a mapping")  # noqa: TRY004 - what was read is wrong, not the call
    return value


def _mappings(value: object) -> list[Mapping[str, object]]:
    """Jenkins writes null for an action that it may not show."""
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - what was read is wrong, not the call
    return [_mapping(each) for each in value if each is not None]


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - what was read is wrong, not the call
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError("not a number")
    return value
