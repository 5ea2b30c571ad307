"""What a person does with the keyboard, said once for all browser tests."""

from playwright.sync_api import Locator, Page


def type_command(page: Page, line: str) -> None:
    page.locator("#composer").fill(line)
    page.locator("#composer").press("Enter")


def open_modal(page: Page, name: str) -> None:
    type_command(page, f"/paas {name}")
    page.wait_for_selector("dialog.modal[open] .block")


def open_thread(card: Locator) -> None:
    card.hover()
    card.get_by_role("button", name="Reply in thread").first.click()
