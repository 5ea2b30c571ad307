"""Canaries on the page: the card with its verdict, the thread with its charts, and a bad version that goes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.domain.operation import Phase
from tests.browser.conftest import ANA, Window
from tests.browser.hands import open_thread, type_command
from tests.browser.pictures import take
from tests.scenarios.office import SHORT, Office, opened

pytestmark = pytest.mark.browser

STAGING, NAMESPACE = "c/C0STAGE01", "web-staging"
SLOW = 60_000
"""Milliseconds that a share may take until it is judged."""
DESK, PHONE = (1280, 900), (390, 844)
SIZES = pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])

Open = Callable[[tuple[int, int]], Page]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """web on staging has four pods, sixty requests a second and a route."""
    with opened(tmp_path, policy=lambda words: words.replace(SHORT, SHORT.replace("20s", "5m"))) as ready:
        with ready.world.entered():
            state = ready.world.state("eu-1")
            web = state.deployment(NAMESPACE, "web")
            state.namespace(NAMESPACE).quotas.clear()
            web.replicas = 4
            state.changed(web)
            state.traffic.put(NAMESPACE, "web", 60.0)
            state.add_route(NAMESPACE, "web", "web")
        ready.wait_for(lambda: sum(pod.is_ready for pod in ready.world.scene("eu-1").pods(web)) == 4)
        yield ready
        ready.check()


@pytest.fixture
def window(chromium: Browser, office: Office) -> Iterator[Open]:
    windows: list[Window] = []

    def open_one(size: tuple[int, int]) -> Page:
        width, height = size
        context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="Europe/Berlin")
        context.set_default_timeout(8_000)
        made = Window(context, office.slack)
        windows.append(made)
        return made.open(STAGING, user=ANA)

    yield open_one
    for each in windows:
        each.page.context.close()
        assert each.problems == []


def shown(page: Page, words: str) -> Locator:
    found = page.locator("#main .message", has_text=words).last
    expect(found).to_be_visible(timeout=SLOW)
    # At once: an edit may put another element in its place while Playwright waits for it to stand still.
    found.evaluate("node => node.scrollIntoView({block: 'nearest'})")
    return found


def begin(page: Page, line: str) -> None:
    type_command(page, line)
    plan = shown(page, "Plan · canary")
    plan.get_by_role("button").filter(has_text="Start the canary").first.click()


@SIZES
def test_a_canary_shows_its_verdict_and_its_thread_the_charts(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    page = window(size)
    begin(page, "/canary web@1.8.2 25 to staging steps=50 hold=25s requests=200")
    card = shown(page, "Canary at 25 %")
    expect(card).to_contain_text("Verdict so far: pass", timeout=SLOW)
    expect(card).to_contain_text("Asked 25 %, getting")
    expect(card).to_contain_text("by itself if it passes")
    take(page, f"canary-verdict{suffix}")
    office.wait_for(lambda: any("went on by itself" in str(each) for each in replies(office)), 60)
    card = shown(page, "Canary at 50 %")
    open_thread(card)
    told = page.locator("#pane .message", has_text="went on by itself").last
    expect(told).to_be_visible(timeout=SLOW)
    assert told.locator("svg").count() >= 2
    told.evaluate("node => node.scrollIntoView({block: 'start'})")
    take(page, f"canary-thread{suffix}")
    office.type(office.ana, f"abort {office.newest().id}", channel="staging")
    assert office.ends(office.newest().id).phase is Phase.UNDONE


@SIZES
def test_a_version_that_fails_its_requests_is_rolled_back_with_the_chart_that_shows_it(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    page = window(size)
    begin(page, "/canary web@1.9.0 25 to staging hold=10m requests=200")
    card = shown(page, "Rolled back · canary of web 1.9.0 on staging")
    expect(card).to_contain_text("did worse than 1.8.1 at 25 %")
    expect(card).to_contain_text("limit +1.0 point")
    take(page, f"canary-failed{suffix}")
    open_thread(card)
    told = page.locator("#pane .message", has_text="Going back").last
    expect(told).to_be_visible(timeout=SLOW)
    expect(told).to_contain_text("Errors in %")
    assert told.locator("svg").count() >= 1
    told.evaluate("node => node.scrollIntoView({block: 'start'})")
    take(page, f"canary-failed-thread{suffix}")
    assert office.newest().phase is Phase.UNDONE


def replies(office: Office) -> list[str]:
    id = office.newest().id
    return office.thread(office.card(id, channel="staging"))
