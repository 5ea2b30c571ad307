"""The whole bot on its page: people deploy, approve, promote and are refused, at the width of a desk and of a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import Error as PageError

from bot.domain.operation import Phase
from tests.browser.conftest import ANA, BO, GUS, Window
from tests.browser.hands import open_thread, type_command
from tests.browser.pictures import take
from tests.scenarios.office import SHORT, Office, opened

pytestmark = pytest.mark.browser

PROD, STAGING, TEAM, ALERTS, AUDIT = "c/C0PROD001", "c/C0STAGE01", "c/C0WEB0001", "c/C0ALERT01", "c/C0AUDIT01"
SLOW = 30_000
"""Milliseconds that something may take which the cluster does."""
DESK, PHONE = (1280, 800), (390, 844)

Open = Callable[[tuple[int, int], str, str], Page]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    # As in real life but for the bake: the pictures show these times.
    with opened(tmp_path, policy=lambda words: words.replace(SHORT, SHORT.replace("20s", "5m"))) as ready:
        yield ready
        ready.check()


@pytest.fixture
def window(chromium: Browser, office: Office) -> Iterator[Open]:
    """`window(size, user, where)`: one browser window more, on this bot's page."""
    windows: list[Window] = []

    def open_one(size: tuple[int, int], user: str, where: str) -> Page:
        width, height = size
        context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="Europe/Berlin")
        context.set_default_timeout(8_000)
        made = Window(context, office.slack)
        windows.append(made)
        return made.open(where, user=user)

    yield open_one
    for each in windows:
        each.page.context.close()
        assert each.problems == []


def message(page: Page, words: str) -> Locator:
    """The newest message that says this."""
    return page.locator("#main .message", has_text=words).last


def shown(page: Page, words: str) -> Locator:
    found = message(page, words)
    expect(found).to_be_visible(timeout=SLOW)
    for _ in range(5):
        # A card that is edited meanwhile is another element: then that one is scrolled to.
        with suppress(PageError):
            found.scroll_into_view_if_needed()
            break
    return found


def press(where: Locator, label: str) -> None:
    where.get_by_role("button").filter(has_text=label).first.click()


def confirm(page: Page) -> None:
    page.locator("dialog.confirm button").last.click()


def dialog(page: Page, words: str) -> Locator:
    found = page.locator("dialog.modal[open]")
    expect(found).to_contain_text(words, timeout=SLOW)
    return found


@pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])
def test_ana_deploys_and_bo_approves_exactly_the_plan_that_he_saw(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    ana = window(size, ANA, PROD)
    ana.locator("#composer").press_sequentially("/dep")
    expect(ana.locator(".completion .option").first).to_contain_text("/deploy")
    take(ana, f"completion{suffix}")
    ana.locator("#composer").press("Tab")
    ana.locator("#composer").press_sequentially('web@1.8.2 to prod reason="Fixes the empty cart after login"')
    ana.locator("#composer").press("Enter")
    plan = shown(ana, "Plan · deploy web 1.8.2 to prod")
    expect(plan).to_contain_text("Only you see this. Nothing has changed yet.")
    take(ana, f"deploy-plan{suffix}")
    press(plan, "Ask for approval")
    shown(ana, "Approval needed · deploy web 1.8.2 to prod")
    assert not office.world.effects

    bo = window(size, BO, PROD)
    card = shown(bo, "Approval needed · deploy web 1.8.2 to prod")
    expect(card).to_contain_text("Fixes the empty cart after login")
    take(bo, f"approval{suffix}")
    press(card, "Review and approve")
    review = dialog(bo, "You approve exactly this plan")
    take(bo, f"approval-dialog{suffix}")
    review.get_by_role("button", name="Approve", exact=True).click()
    dialog(bo, "You approved").get_by_role("button", name="Close").last.click()
    running = shown(bo, "Running · deploy web 1.8.2 to prod")
    expect(running).to_contain_text("pods ready", timeout=SLOW)
    take(bo, f"deploy-running{suffix}")
    shown(bo, "Done · web 1.8.2 is live on prod")
    shown(ana, "Done · web 1.8.2 is live on prod")
    office.wait_for(lambda: "done: web 1.8.2" in str(office.slack.messages("prod")))
    take(ana, f"deploy-done{suffix}")
    operation = office.newest()
    assert operation.phase is Phase.DONE
    assert {effect.acting.user for effect in office.effects(operation.id)} == {"ana@example.com"}


@pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])
def test_a_canary_gets_its_share_and_is_promoted_by_a_click(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    ana = window(size, ANA, STAGING)
    type_command(ana, "/canary web@1.8.2 25 to staging")
    plan = shown(ana, "Plan · ")
    take(ana, f"canary-plan{suffix}")
    press(plan, "Start the canary")
    card = shown(ana, "Canary at 25 %")
    expect(card).to_contain_text("Waits for a person", timeout=SLOW)
    take(ana, f"canary{suffix}")
    press(card, "Promote to everybody")
    confirm(ana)
    done = shown(ana, "Done · ")
    expect(done).to_contain_text("web 1.8.2")
    take(ana, f"canary-done{suffix}")
    assert office.newest().phase is Phase.DONE
    assert "web-canary" not in office.world.scene("eu-1").namespace("web-staging").deployments


def test_the_guest_is_refused_and_told_why(office: Office, window: Open) -> None:
    gus = window(DESK, GUS, TEAM)
    type_command(gus, "/deploy web@1.8.2 to staging")
    refused = shown(gus, "Guests may not change anything.")
    expect(refused).to_contain_text("Nothing was changed")
    take(gus, "guest-refused")
    assert office.operations() == ()
    assert not office.world.effects


def test_who_asked_cannot_approve_in_the_dialog(office: Office, window: Open) -> None:
    bo = window(DESK, BO, PROD)
    type_command(bo, "/deploy web@1.8.2 to prod")
    press(shown(bo, "Plan · deploy"), "Ask for approval")
    press(shown(bo, "Approval needed"), "Review and approve")
    review = dialog(bo, "You asked for this; someone else approves.")
    expect(review.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


def test_a_denial_says_what_should_change(office: Office, window: Open) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    bo = window(DESK, BO, PROD)
    press(shown(bo, "Approval needed"), "Deny")
    form = dialog(bo, "Reason")
    expect(form.get_by_label("Operation")).to_have_count(0)
    form.get_by_label("Reason").fill("Not during the sale")
    take(bo, "deny-dialog")
    form.get_by_role("button", name="Deny", exact=True).click()
    denied = shown(bo, "Denied · deploy web 1.8.2 to prod")
    expect(denied).to_contain_text("Not during the sale")
    assert office.operation(id).phase is Phase.DENIED


@pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])
def test_a_deploy_by_form_shows_errors_beside_its_fields_and_the_plan_in_the_same_dialog(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    ana = window(size, ANA, STAGING)
    type_command(ana, "/deploy")
    form = dialog(ana, "Environment")
    take(ana, f"deploy-form{suffix}")
    form.get_by_label("App", exact=True).fill("Web Shop!")
    form.get_by_label("Environment", exact=True).select_option(label="staging")
    form.locator(".dialog-buttons button").last.click()
    expect(form.locator(".field-error").first).to_contain_text("has to be a name")
    form.get_by_label("App", exact=True).fill("web@1.8.2")
    form.locator(".dialog-buttons button").last.click()
    plan = dialog(ana, "Nothing has changed yet")
    take(ana, f"deploy-form-plan{suffix}")
    press(plan, "Deploy")
    office.wait_for(lambda: office.operations() and office.newest().phase is Phase.DONE)


def test_a_bad_version_goes_back_and_its_card_says_why_and_what_next(office: Office, window: Open) -> None:
    ana = window(DESK, ANA, STAGING)
    type_command(ana, "/deploy web@1.9.3 to staging")
    press(shown(ana, "Plan · deploy"), "Deploy")
    card = shown(ana, "Rolled back · web on staging is on 1.8.1 again")
    expect(card).to_contain_text("killed for memory")
    take(ana, "rolled-back")
    press(card, "Last log lines")
    shown(ana, "Logs · web on staging")


@pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])
def test_reads_answer_their_asker_alone(office: Office, window: Open, size: tuple[int, int], suffix: str) -> None:
    ana = window(size, ANA, PROD)
    for line, words, name in (
        ("/logs web in prod", "Logs · web on prod", "logs"),
        ("/paas status web", "Status · web", "status"),
        ("/paas why web in prod", "Why · web on prod", "why"),
        ("/paas help", "What you can do here", "help"),
        ("/scale checkout 8 to prod", "The autoscaler sizes", "scale-autoscaler"),
        ("/deploy wbe@1.8.2 to prod", "There is no app", "unknown-app"),
        ("/paas doctor", "Doctor", ""),  # names a folder of this machine
    ):
        type_command(ana, line)
        shown(ana, words)
        if name:
            take(ana, f"{name}{suffix}")
    assert office.slack.messages("prod") == []


@pytest.mark.parametrize(("size", "suffix"), [(DESK, ""), (PHONE, "-phone")], ids=["desk", "phone"])
def test_home_and_the_audit_channel_tell_what_goes_on(
    office: Office, window: Open, size: tuple[int, int], suffix: str
) -> None:
    office.ends(office.start(office.ana, "scale web 3 to staging", channel="staging"))
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    office.card(id, says="Approval needed")
    office.wait_for(lambda: "*Outcome: done*" in office.audit())
    audit = window(size, BO, AUDIT)
    shown(audit, "Outcome: done")
    take(audit, f"audit{suffix}")
    home = window(size, BO, "home")
    expect(home.get_by_role("heading", name="Waiting for you (1)")).to_be_visible(timeout=SLOW)
    take(home, f"home{suffix}")
    home.get_by_role("button").filter(has_text="Review").first.click()
    dialog(home, "You approve exactly this plan").get_by_role("button", name="Approve", exact=True).click()
    office.card(id, says="approved by bo")


def _look_into_its_thread(page: Page, suffix: str) -> None:
    alert = shown(page, "Firing · HighErrorRate · web on prod")
    take(page, f"alert{suffix}")
    open_thread(alert)
    # The last of the thread: what comes later would scroll the rest away.
    expect(page.locator("#pane .message", has_text="Logs · web on prod").last).to_be_visible(timeout=SLOW)
    why = page.locator("#pane .message", has_text="Why · web on prod").last
    expect(why).to_contain_text("suspect", timeout=SLOW)
    expect(why).to_contain_text("fires above 0.02")
    why.evaluate("node => node.scrollIntoView({block: 'start'})")
    take(page, f"alert-thread{suffix}")


def test_an_alert_names_the_deploy_before_it_and_leads_to_a_rollback(office: Office, window: Open) -> None:
    id = office.start(office.ana, "deploy web@1.9.0 to prod")
    office.approve(office.bo, id)
    assert office.ends(id).phase is Phase.DONE
    if (leftover := office.bo.modal()) is not None:
        office.bo.close(leftover)
    bo = window(DESK, BO, ALERTS)
    alert = shown(bo, "Firing · HighErrorRate · web on prod")
    expect(alert).to_contain_text("Likely cause", timeout=SLOW)
    # It may have begun to fire while the deploy was still watched, which offers its stop first.
    expect(alert).to_contain_text("Roll back to 1.8.1", timeout=SLOW)
    take(bo, "alert")
    _look_into_its_thread(window(PHONE, BO, ALERTS), "-phone")
    _look_into_its_thread(window(DESK, BO, ALERTS), "")
    press(alert, "Roll back to 1.8.1")
    expect(bo.locator("dialog.confirm")).to_contain_text("Roll back web on prod?")
    take(bo, "alert-confirm")
    confirm(bo)
    shown(bo, "Done · web on prod is on 1.8.1 again")
    shown(bo, "Resolved · HighErrorRate")
