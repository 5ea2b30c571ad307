"""Clicks and forms on the page, up to what the app receives."""

import pytest
from playwright.sync_api import Page, expect

from bot.playground.server import PlaygroundServer
from tests.browser.conftest import ANA, SampleApp, Window
from tests.browser.hands import open_modal

pytestmark = pytest.mark.browser


# Clicks


def test_a_menu_is_used_by_keyboard_and_its_choice_reaches_the_app(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("approval")
    page = desktop.open()
    page.get_by_role("button", name="More actions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Withdraw my request")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    sample_app.slack.wait_for(lambda: sample_app.clicks)
    assert sample_app.clicks[0]["actions"][0]["selected_option"]["value"] == "planfile~op-1042.r3.Zk3uQ1"
    expect(page.get_by_role("menu")).to_have_count(0)


def test_a_confirm_dialog_stands_between_a_red_button_and_the_app(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("deploy-running")
    page = desktop.open()
    stop = page.locator(".actions .danger")
    assert stop.evaluate("node => getComputedStyle(node).borderColor") == stop.evaluate(
        "node => getComputedStyle(node).color"
    )
    stop.click()
    expect(page.locator("dialog.confirm")).to_contain_text("prod")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.confirm")).to_have_count(0)
    assert sample_app.clicks == []
    stop.click()
    page.locator("dialog.confirm button").last.click()
    sample_app.slack.wait_for(lambda: sample_app.clicks)


def test_a_click_that_nobody_answers_leaves_a_warning_sign(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("approval")
    sample_app.slack.arm(lost_delivery=1)
    page = desktop.open()
    page.get_by_role("button", name="Review and approve").click()
    expect(page.locator(".no-answer")).to_be_visible()


def test_an_edited_card_is_redrawn_in_place_and_keeps_the_focus_near(desktop: Window, sample_app: SampleApp) -> None:
    ts = sample_app.show("approval")
    page = desktop.open()
    page.get_by_role("button", name="Review and approve").focus()
    card = sample_app.cards["canary-step"]
    sample_app.client.chat_update(channel="C0WEB0001", ts=ts, text=card["text"], blocks=card["blocks"])
    expect(page.locator(".message h3")).to_have_text("Canary at 25 % · web 1.8.2 on prod")
    assert page.evaluate("document.activeElement.closest('.message') !== null")


# Forms


def test_a_form_shows_errors_beside_its_fields_and_keeps_what_was_typed(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    open_modal(page, "inputs-modal")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator('.input[data-block="reason"] .field-error')).to_contain_text("required")
    dialog.get_by_role("combobox", name="App", exact=True).click()
    dialog.get_by_role("option", name="cart").click()
    dialog.get_by_label("Environment", exact=True).select_option(label="prod")
    dialog.get_by_label("Pods").fill("40")
    dialog.get_by_label("Reason").fill("because")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator('.input[data-block="count"] .field-error')).to_contain_text("at most 10")
    expect(dialog.get_by_label("Reason")).to_have_value("because")
    expect(dialog.get_by_label("Pods")).to_be_focused()
    dialog.get_by_label("Pods").fill("4")
    dialog.get_by_label("Pods").press("Enter")
    expect(dialog.locator('.input[data-block="reason"] .field-error')).to_have_text("“because” is no reason.")
    expect(dialog.get_by_role("combobox", name="App", exact=True)).to_have_value("cart")
    dialog.get_by_label("Reason").fill("It is time")
    dialog.get_by_role("radio", name="By canary").check()
    dialog.get_by_role("checkbox", name="Bake").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("dialog.modal")).to_be_hidden()
    values = sample_app.forms[-1]
    assert values["app"]["app"]["selected_option"]["value"] == "cart"
    assert values["env"]["env"]["selected_option"]["value"] == "prod"
    assert values["count"]["count"]["value"] == "4"
    assert values["how"]["how"]["selected_option"]["value"] == "canary"
    assert [one["value"] for one in values["checks"]["checks"]["selected_options"]] == ["bake"]


def test_options_are_loaded_from_the_app_while_one_types(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    open_modal(page, "inputs-modal")
    field = page.get_by_role("combobox", name="App", exact=True)
    field.click()
    expect(page.locator(".options .option")).to_have_text(["cart", "search", "web"])
    field.press_sequentially("sea")
    expect(page.locator(".options .option")).to_have_text(["search"])
    field.press("Enter")
    expect(field).to_have_value("search")
    field.click()
    field.fill("zzz")
    expect(page.locator(".options-note")).to_have_text("No matches")
    field.press("Escape")
    expect(page.locator("dialog.modal")).to_be_visible()
    expect(field).to_have_value("search")


def fill_form(page: Page, reason: str) -> None:
    page.get_by_role("combobox", name="App", exact=True).click()
    page.get_by_role("option", name="web").click()
    page.get_by_label("Environment", exact=True).select_option(label="staging")
    page.get_by_label("Pods").fill("2")
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Save").click()


def test_a_form_may_become_another_and_be_closed_with_escape(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open()
    open_modal(page, "inputs-modal")
    fill_form(page, "show")
    expect(page.get_by_role("dialog")).to_contain_text(sample_app.cards["loading-modal"]["title"]["text"])
    page.keyboard.press("Escape")
    expect(page.locator("dialog.modal")).to_be_hidden()
    slack.wait_for(lambda: slack.modals(ANA) == [])


def test_a_form_over_another_goes_back_to_what_was_typed_below(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open()
    open_modal(page, "inputs-modal")
    fill_form(page, "deeper")
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text(
        sample_app.cards["deny-modal"]["title"]["text"]
    )
    page.get_by_role("button", name="Back").first.click()
    expect(page.get_by_label("Reason")).to_have_value("deeper")
    assert len(slack.modals(ANA)) == 1


def test_a_form_that_the_app_redraws_keeps_what_was_typed(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open()
    open_modal(page, "inputs-modal")
    page.get_by_label("Reason").fill("half a rea")
    page.get_by_label("Reason").focus()
    open_view = slack.modal(ANA)
    assert open_view is not None
    card = sample_app.cards["inputs-modal"]
    title = {"type": "plain_text", "text": "Still every input"}
    sample_app.client.views_update(view_id=open_view["id"], view={**card, "title": title})
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("Still every input")
    expect(page.get_by_label("Reason")).to_have_value("half a rea")
    expect(page.get_by_label("Reason")).to_be_focused()


def test_without_a_person_in_the_address_the_first_one_looks(desktop: Window, slack: PlaygroundServer) -> None:
    desktop.page.goto(slack.url)
    expect(desktop.page.get_by_role("button", name="You are: Ana, developer")).to_be_visible()
    expect(desktop.page.locator("#composer")).to_be_visible()


def test_a_plan_without_fields_does_not_put_the_focus_on_its_submit(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    open_modal(page, "approval-modal")
    expect(page.get_by_role("button", name="Approve")).not_to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.modal")).to_be_visible()
