"""What ran before we came: known as the digest that its pods run, not by a tag that may name something else tomorrow.

Pure reads of a World.
"""

from __future__ import annotations

from bot.domain.errors import IntegrationError, Missing, Unavailable
from bot.domain.reply import text
from bot.domain.templates import Template
from bot.ports.apps import App
from bot.ports.store import Proof, Release
from bot.ports.world import World
from bot.steps.delivery import Target, config_of
from bot.steps.records import RecordRelease
from bot.steps.rollout import RESTARTED
from bot.steps.step import Planned


def as_it_runs(world: World, target: Target) -> Template:
    """The running template with the image by the digest of its pods: the index's or the platform's, whichever the node
    says. By its tag still where no pod is wanted, pods run different ones, or the registry does not have that digest.

    Raises Unavailable where that cannot be known now: by its tag it would be another plan than a moment ago.
    """
    template = target.running
    # Of a Rollout that gave a version up the pods that are seen are those of that version.
    if "@" in target.image or template != target.workload.template or not target.workload.replicas:
        return template
    pods = world.cluster(target.scope.cluster).workloads.rollout(target.ref).pods
    found = [(pod.is_ready, pod.image_ids.get(target.container, "")) for pod in pods if not pod.is_terminating]
    ready = {digest for is_ready, digest in found if is_ready and digest}
    digests = ready or {digest for _, digest in found if digest}
    if not digests:
        raise Unavailable(
            target.scope.cluster, text("None of the pods of {name} says which image it runs.", name=target.ref.name)
        )
    if len(digests) > 1:
        return template
    try:
        image = world.images.resolve(target.repository, digests.pop())
    except Missing:
        return template
    return template.with_image(target.container, image.pinned)


def running_release(world: World, target: Target, known: tuple[Release, ...]) -> Release | None:
    """The newest release whose template is what runs now, whenever its pods were restarted; None also where that cannot
    be known now."""
    try:
        return _running_release(world, target, known)
    except IntegrationError:
        return None


def _running_release(world: World, target: Target, known: tuple[Release, ...]) -> Release | None:
    found = _release(target.running, known)
    if found is not None or "@" in target.image or not known:
        return found
    return _release(as_it_runs(world, target), known)


def _release(template: Template, known: tuple[Release, ...]) -> Release | None:
    now = template.without_annotation(RESTARTED)
    return next((r for r in known if Template(r.template).without_annotation(RESTARTED) == now), None)


def adopt(world: World, app: App, target: Target, known: tuple[Release, ...], version: str) -> list[Planned]:
    """Remember what runs now, where no release of ours does: there is always something to go back to.
    Raises Unavailable where what runs cannot be known now."""
    if _running_release(world, target, known) is not None:
        return []
    template = as_it_runs(world, target)
    return [
        Planned(
            RecordRelease(
                app=str(app.name),
                env=str(app.env),
                version=version,
                image=template.images[target.container],
                container=target.container,
                template=template.json,
                config=config_of(world, target, template),
                proof=Proof.ADOPTED,
            )
        )
    ]
