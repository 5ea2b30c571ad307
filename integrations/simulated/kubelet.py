"""The life of one simulated pod, from its scheduling to its end. Decides nothing about how many there are.

Figures are those seen on Kubernetes (delivery.md): 1 to 3 s to a pull error, 2.5 to 6.5 s to a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from integrations.simulated.objects import End, Node, Run, Said, SimulatedPod, Stage, resources
from integrations.simulated.registry import split_image

if TYPE_CHECKING:
    from integrations.simulated.cluster_state import ClusterState

_BACK_OFF = (0.7, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
_MIB = 1 << 20
_KILLED = 137


class Kubelet:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._world = state.world
        self._timeline = state.world.timeline

    def create(self, pod: SimulatedPod) -> None:
        self._later(pod, self._world.between(0.1, 0.3), self._schedule)

    def delete(self, pod: SimulatedPod) -> None:
        """Gone after it has drained; it gets no requests from now on."""
        if pod.deleted is not None:
            return
        pod.deleted = self._timeline.now
        is_running = pod.stage is Stage.RUNNING
        if is_running:
            self._say(pod, "info", "received SIGTERM, draining")
        self._state.routes_changed(pod.namespace)
        self._timeline.after(self._world.between(1.5, 3.0) if is_running else 0.3, lambda: self._gone(pod))

    def kill(self, pod: SimulatedPod) -> None:
        """Its container ends by itself, once."""
        if pod.stage is Stage.RUNNING and pod.deleted is None:
            self._crash(pod)

    # --- to the first start -------------------------------------------------------------------------

    def _schedule(self, pod: SimulatedPod) -> None:
        node = self._room(pod)
        if node is None:
            nodes = self._state.nodes
            cordoned = sum(each.is_cordoned for each in nodes)
            reasons = [f"{len(nodes) - cordoned} Insufficient cpu"] if len(nodes) > cordoned else []
            reasons += [f"{cordoned} node(s) were unschedulable"] if cordoned else []
            pod.words = f"0/{len(nodes)} nodes are available: {', '.join(reasons)}."
            self._changed(pod)
            self._later(pod, 2.0, self._schedule)
            return
        pod.node, pod.words = node.name, ""
        pod.stage = Stage.WAITING
        self._changed(pod)
        self._later(pod, self._world.between(0.4, 0.9), self._pull)

    def _room(self, pod: SimulatedPod) -> Node | None:
        """The emptiest node that the pod fits on."""
        used = self._state.used_cpu()
        wanted = resources(pod.template, "requests", "cpu")
        fitting = [
            node for node in self._state.nodes if not node.is_cordoned and node.cpu - used.get(node.name, 0.0) >= wanted
        ]
        return max(fitting, key=lambda node: node.cpu - used.get(node.name, 0.0), default=None)

    def _pull(self, pod: SimulatedPod) -> None:
        image = pod.template.images[pod.container]
        repository, ref = split_image(image)
        found = self._world.registry.find(repository, ref)
        host = repository.partition("/")[0]
        if self._world.registry.is_down:
            words = f'failed to do request: Head "https://{host}/v2/": dial tcp: connect: connection refused'
        elif found is None:
            words = f"{image}: not found"
        else:
            pod.behaviour, pod.digest, pod.version = found.behaviour, found.digest, found.tag
            self._configure(pod)
            return
        self._wait(pod, "ErrImagePull", f'Failed to pull image "{image}": {words}')
        pod.tries += 1
        self._later(pod, _BACK_OFF[min(pod.tries, len(_BACK_OFF) - 1)], self._pull)

    def _configure(self, pod: SimulatedPod) -> None:
        configs = self._state.namespace(pod.namespace).configs
        spec = pod.template.raw()["spec"]
        volumes = [each["configMap"]["name"] for each in spec.get("volumes") or [] if "configMap" in each]
        missing = [name for name in pod.template.config_maps if name not in configs]
        if missing:
            name = missing[0]
            reason = "FailedMount" if name in volumes else "CreateContainerConfigError"
            words = f'configmap "{name}" not found'
            if reason == "FailedMount":
                words = f"MountVolume.SetUp failed for volume: {words}"
            self._wait(pod, reason, words)
            self._later(pod, 5.0, self._configure)
            return
        self._start(pod)

    def _wait(self, pod: SimulatedPod, reason: str, words: str) -> None:
        pod.stage, pod.reason, pod.words = Stage.WAITING, reason, words
        self._changed(pod)

    # --- running ------------------------------------------------------------------------------------

    def _start(self, pod: SimulatedPod) -> None:
        behaviour = pod.behaviour
        pod.reason = pod.words = ""
        if behaviour.init_error:
            self._say(pod, "error", behaviour.init_error)
            self._end(pod, "Error", behaviour.exit_code, behaviour.init_error, is_init=True)
            return
        if behaviour.start_error:
            self._end(pod, "StartError", 128, behaviour.start_error)
            return
        pod.stage = Stage.RUNNING
        pod.runs.append(Run(self._timeline.now))
        self._say(pod, "info", f"starting {pod.container} {pod.version}")
        # A careless program, so that the masking of secrets can be seen at work.
        self._say(pod, "info", f"connected to postgres://{pod.container}:hunter2@db:5432/{pod.container}")
        self._changed(pod)
        if behaviour.is_ready:
            self._in_this_run(pod, behaviour.boot * self._world.between(0.9, 1.2), self._become_ready)
        else:
            self._in_this_run(pod, 0.4, self._fail_readiness)
        if behaviour.crash_after is not None:
            self._in_this_run(pod, behaviour.crash_after * self._world.between(1.0, 1.2), self._crash)
        if behaviour.liveness_fails_after is not None:
            self._in_this_run(pod, behaviour.liveness_fails_after, self._fail_liveness)
        limit = resources(pod.template, "limits", "memory") / _MIB
        if 0 < limit < behaviour.memory:
            self._in_this_run(pod, behaviour.warm_up * max(0.3, limit / behaviour.memory), self._run_out_of_memory)

    def _become_ready(self, pod: SimulatedPod) -> None:
        pod.ready_since = self._timeline.now
        self._say(pod, "info", "listening on :8080")
        self._changed(pod)
        deployment = self._state.deployment_of(pod)
        if deployment is not None and deployment.min_ready_seconds:
            # A controller that looked earlier would not count it as available.
            self._timeline.after(deployment.min_ready_seconds + 0.01, lambda: self._state.wake(deployment))

    def _fail_readiness(self, pod: SimulatedPod) -> None:
        pod.unready_since = self._timeline.now
        self._say(pod, "warn", "not ready: waiting for the session store")
        self._changed(pod)

    def _fail_liveness(self, pod: SimulatedPod) -> None:
        self._say(pod, "warn", "event loop blocked")
        words = "Liveness probe failed: HTTP probe failed with statuscode: 503"
        self._end(pod, "Error", _KILLED, words, by_liveness=True)

    def _crash(self, pod: SimulatedPod) -> None:
        words = pod.behaviour.last_words or "fatal error"
        self._say(pod, "error", words)
        self._end(pod, "Error", pod.behaviour.exit_code, words)

    def _run_out_of_memory(self, pod: SimulatedPod) -> None:
        self._end(pod, "OOMKilled", _KILLED, "OOMKilled")

    def _end(
        self,
        pod: SimulatedPod,
        reason: str,
        exit_code: int,
        words: str,
        *,
        by_liveness: bool = False,
        is_init: bool = False,
    ) -> None:
        pod.last_end = End(reason, exit_code, words, self._timeline.now, by_liveness, is_init)
        pod.stage = Stage.ENDED
        pod.ready_since = pod.unready_since = None
        self._end_run(pod)
        self._changed(pod)
        self._later(pod, _BACK_OFF[min(pod.restarts, len(_BACK_OFF) - 1)], self._restart)

    def _restart(self, pod: SimulatedPod) -> None:
        pod.restarts += 1
        pod.restarted.append(self._timeline.now)
        self._start(pod)

    def _gone(self, pod: SimulatedPod) -> None:
        if pod.stage is Stage.RUNNING:
            self._say(pod, "info", "stopped")
        pod.stage, pod.gone = Stage.GONE, self._timeline.now
        self._end_run(pod)
        self._state.forget(pod)

    def _end_run(self, pod: SimulatedPod) -> None:
        if pod.runs and pod.runs[-1].end is None:
            pod.runs[-1].end = self._timeline.now

    # --- time ---------------------------------------------------------------------------------------

    def _later(self, pod: SimulatedPod, seconds: float, do: Callable[[SimulatedPod], None]) -> None:
        """Unless it is being deleted by then."""
        self._timeline.after(seconds, lambda: None if pod.deleted is not None else do(pod))

    def _in_this_run(self, pod: SimulatedPod, seconds: float, do: Callable[[SimulatedPod], None]) -> None:
        """Unless its container has ended by then."""
        started = pod.started

        def run() -> None:
            if pod.deleted is None and pod.stage is Stage.RUNNING and pod.started == started:
                do(pod)

        self._timeline.after(seconds, run)

    def _say(self, pod: SimulatedPod, level: str, message: str) -> None:
        pod.journal.append(Said(self._timeline.now, level, message))

    def _changed(self, pod: SimulatedPod) -> None:
        self._state.routes_changed(pod.namespace)
        deployment = self._state.deployment_of(pod)
        if deployment is not None:
            self._state.wake(deployment)
