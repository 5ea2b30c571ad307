"""What ran before we came: known as the digest that its pods run, not by a tag that may name something else tomorrow.

Pure reads of a World.
"""

from __future__ import annotations

from bot.domain.errors import IntegrationError
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
    says. By its tag still where no pod runs, pods run different ones, or the registry does not have that digest."""
    template = target.running
    if "@" in target.image:
        return template
    pods = world.cluster(target.scope.cluster).workloads.rollout(target.ref).pods
    digests = {pod.image_ids.get(target.container, "") for pod in pods if pod.is_ready and not pod.is_terminating}
    digest = digests.pop() if len(digests) == 1 else ""
    if not digest:
        return template
    try:
        image = world.images.resolve(target.repository, digest)
    except IntegrationError:
        return template
    return template.with_image(target.container, image.pinned)


def running_release(world: World, target: Target, known: tuple[Release, ...]) -> Release | None:
    """The newest release whose template is what runs now, whenever its pods were restarted."""
    found = _release(target.running, known)
    if found is not None or "@" in target.image or not known:
        return found
    return _release(as_it_runs(world, target), known)


def _release(template: Template, known: tuple[Release, ...]) -> Release | None:
    now = template.without_annotation(RESTARTED)
    return next((r for r in known if Template(r.template).without_annotation(RESTARTED) == now), None)


def adopt(world: World, app: App, target: Target, known: tuple[Release, ...], version: str) -> list[Planned]:
    """Remember what runs now, where no release of ours does: there is always something to go back to."""
    if running_release(world, target, known) is not None:
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
