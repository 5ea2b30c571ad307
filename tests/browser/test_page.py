"""The page in a real browser, over the real local Slack server and an unmodified slack-bolt app."""

import json

import pytest
from playwright.sync_api import expect

from bot.playground.server import PlaygroundServer
from tests.browser.conftest import ANA, BO, GUS, SampleApp, Window, all_cards, is_view
from tests.browser.hands import open_modal, type_command

pytestmark = pytest.mark.browser

MESSAGES = sorted(name for name, card in all_cards().items() if not is_view(card))
MODALS = sorted(name for name, card in all_cards().items() if card.get("type") == "modal")
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'

SIDEWAYS = """() => [...document.querySelectorAll("html, body, .scroll, .modal-body")]
  .filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.className || node.tagName)"""

SMALL_TARGETS = """() => [...document.querySelectorAll(".actions button, .accessory button, .dialog-buttons button, #bottom button")]
  .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 44).map((node) => node.textContent)"""

LOW_CONTRAST = """() => {
  const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3]));
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (node.closest(".hidden, .skip, :disabled")) continue;
    const grounds = [];
    for (let at = node; at; at = at.parentElement) grounds.push(read(getComputedStyle(at).backgroundColor));
    const ground = grounds.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
    const style = getComputedStyle(node);
    const ink = over(read(node instanceof SVGElement ? style.fill : style.color), ground);
    const [low, high] = [light(ink), light(ground)].sort((one, two) => one - two);
    if ((high + 0.05) / (low + 0.05) < 4.5) found.add(walk.currentNode.data.trim());
  }
  return [...found];
}"""


# Cards


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_message_card_is_drawn_without_errors_and_with_enough_contrast(
    desktop: Window, sample_app: SampleApp, scheme: str
) -> None:
    desktop.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = desktop.open()
    for name in MESSAGES:
        ts = sample_app.show(name)
        shown = page.locator(f'.message[data-ts="{ts}"]')
        expect(shown.locator(".block, .mrkdwn").first).to_be_visible()
        blocks = sample_app.cards[name].get("blocks", [])
        assert shown.locator(".body > div > .blocks > .block").count() == len(blocks), name
        for button in [part for block in blocks if block["type"] == "actions" for part in block["elements"]]:
            if button["type"] == "button":
                expect(
                    shown.get_by_role(
                        "button", name=button.get("accessibility_label", button["text"]["text"]), exact=True
                    )
                ).to_be_visible()
    assert page.evaluate(LOW_CONTRAST) == []


def test_every_modal_fills_the_phone_and_never_moves_sideways(phone: Window, sample_app: SampleApp) -> None:
    page = phone.open()
    for name in MODALS:
        open_modal(page, name)
        expect(page.get_by_role("dialog")).to_contain_text(sample_app.cards[name]["title"]["text"])
        box = page.locator("dialog.modal").bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (390, 844)
        assert page.evaluate(SIDEWAYS) == []
        assert page.evaluate(SMALL_TARGETS) == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog.modal")).to_be_hidden()


def test_on_a_phone_no_card_moves_the_page_sideways_and_buttons_are_large(phone: Window, sample_app: SampleApp) -> None:
    page = phone.open()
    for name in MESSAGES:
        ts = sample_app.show(name)
        expect(page.locator(f'.message[data-ts="{ts}"]')).to_be_attached()
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(SMALL_TARGETS) == []


def test_the_home_tab_shows_what_the_app_published(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open("home")
    expect(page.locator("#main")).to_contain_text("has not published its Home yet")
    sample_app.client.views_publish(user_id=ANA, view=sample_app.cards["home"])
    expect(page.get_by_role("heading", name="Waiting for you (1)")).to_be_visible()
    page.get_by_role("button", name="Review deploy of web 1.8.2 to prod").click()
    sample_app.slack.wait_for(lambda: sample_app.clicks)
    assert sample_app.clicks[0]["container"]["type"] == "view"


def test_times_are_in_the_clock_of_the_person_looked_through(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="Since <!date^1795529100^{time}|14:05 UTC>")
    page = desktop.open(user=ANA)
    expect(page.locator(".mrkdwn time")).to_have_text("15:05")
    page = desktop.open(user=BO)
    expect(page.locator(".mrkdwn time")).to_have_text("14:05")


def test_names_stand_for_the_ids_of_people_groups_and_channels(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="<@U0BOB0002> <!subteam^S0SRE0001> <#C0PROD001>")
    page = desktop.open()
    expect(page.locator(".mention")).to_have_text(["@bo", "@sre", "#prod"])
    page.get_by_role("button", name="#prod").click()
    expect(page.locator("h1")).to_have_text("prod")


def test_a_chart_has_its_figures_behind_a_button(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("canary-thread")
    page = desktop.open()
    expect(page.locator(".plot svg path.line")).to_have_count(3)
    page.get_by_role("button", name="Show figures").click()
    expect(page.locator("table.figures tbody tr")).to_have_count(20)
    expect(page.locator("table.figures thead")).to_contain_text("stable 1.8.1")


def test_a_data_table_sorts_and_turns_pages(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("tables")
    page = desktop.open()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("button", name="Next").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Record").click()
    expect(page.locator("tbody th").first).to_have_text("5306")


def test_an_unknown_block_leaves_a_grey_box_with_its_type(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("rich")
    page = desktop.open()
    expect(page.locator(".unknown")).to_contain_text("markdown")


# Injection


def test_markup_and_script_in_any_text_stay_text(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("hostile")
    page = desktop.open()
    shown = page.locator(".message").last
    expect(shown.locator("h3")).to_have_text(HOSTILE)
    expect(shown.locator("pre")).to_have_text(HOSTILE)
    assert shown.locator("script, iframe, img[onerror], b").count() == 0
    assert shown.locator('a[href^="javascript:"], a[href^="data:"]').count() == 0
    shown.get_by_role("button", name="<img").first.click()
    expect(page.locator("dialog.confirm")).to_contain_text("<b>yes</b>")
    page.keyboard.press("Escape")
    page.locator("#composer").fill(HOSTILE)
    page.locator("#composer").press("Enter")
    expect(page.locator(".message").last).to_contain_text("<script>")
    assert page.evaluate("window.broken === undefined")


def test_people_cannot_bring_markup_in_by_an_edit(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open()
    page.locator("#composer").fill("first")
    page.locator("#composer").press("Enter")
    shown = page.locator(".message").last
    expect(shown).to_contain_text("first")
    shown.hover()
    shown.get_by_role("button", name="More message actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    page.locator("dialog.confirm textarea").fill("<b>second</b>")
    page.get_by_role("button", name="Save").click()
    expect(shown).to_contain_text("<b>second</b>")
    expect(shown.locator(".edited")).to_have_text("(edited)")
    assert slack.messages("team-web")[-1]["text"] == "&lt;b&gt;second&lt;/b&gt;"


# Composer and keyboard


def test_a_command_is_completed_and_sent_by_keyboard_alone(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    page.locator("#composer").focus()
    page.keyboard.type("/pa")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_have_value("/paas ")
    expect(page.locator(".usage")).to_contain_text("VERB APP to ENV")
    page.keyboard.type("hello")
    page.keyboard.press("Enter")
    shown = page.locator(".message.ephemeral")
    expect(shown).to_contain_text("Only visible to you")
    expect(shown).to_contain_text("Hello, only you.")
    expect(page.locator("#live")).to_contain_text("Hello, only you.")


def test_a_wrong_command_leaves_the_line_and_says_why(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    type_command(page, "/nothing here")
    expect(page.locator(".composer-error")).to_contain_text("/nothing is not a valid command")
    expect(page.locator("#composer")).to_have_value("/nothing here")


def test_the_actions_of_a_plain_message_are_reached_by_keyboard(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="Nothing to press here")
    page = desktop.open()
    expect(page.locator(".message")).to_have_count(1)
    page.locator("#composer").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="More message actions")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#pane .message")).to_have_count(1)


def test_names_are_completed_after_an_at_sign(desktop: Window, slack: PlaygroundServer, sample_app: SampleApp) -> None:
    page = desktop.open()
    page.locator("#composer").focus()
    page.keyboard.type("ask @b")
    page.keyboard.press("Tab")
    expect(page.locator("#composer")).to_have_value("ask @bo ")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(page.locator(".message .mention")).to_have_text("@bo")
    assert slack.messages("team-web")[-1]["text"] == "ask <@U0BOB0002> first"


# Threads, people, tools


def test_a_thread_opens_beside_the_channel_and_counts_its_replies(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    ts = sample_app.show("alert")
    sample_app.client.chat_postMessage(channel="C0WEB0001", thread_ts=ts, text="What changed")
    page = desktop.open()
    page.get_by_role("button", name="1 reply").click()
    expect(page.locator("#pane .message")).to_have_count(2)
    reply = page.locator("#pane textarea")
    reply.fill("Looking at it")
    page.get_by_label("Also send to #team-web").check()
    reply.press("Enter")
    expect(page.locator("#pane .message")).to_have_count(3)
    expect(page.locator("#main .message").last).to_contain_text("Replied to a thread")
    expect(page.get_by_role("button", name="2 replies")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_be_hidden()
    assert slack.messages("team-web")[-1]["thread_ts"] == ts


def test_on_a_phone_a_thread_fills_the_screen_and_the_arrow_leads_back(phone: Window, sample_app: SampleApp) -> None:
    sample_app.show("alert")
    page = phone.open()
    page.get_by_role("button", name="Reply in thread").click()
    expect(page.locator("#main")).to_be_hidden()
    expect(page.locator("#pane .message")).to_have_count(1)
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.locator("#main .message")).to_have_count(1)
    page.get_by_role("button", name="Back to the channels").click()
    expect(page.locator("#side")).to_be_visible()
    page.get_by_role("button", name="prod", exact=True).click()
    expect(page.locator("h1")).to_have_text("prod")


def test_a_person_who_may_not_see_the_open_channel_lands_in_one_of_theirs(
    desktop: Window, sample_app: SampleApp
) -> None:
    page = desktop.open("c/C0PROD001")
    page.get_by_role("button", name="You are: Ana, developer").click()
    page.get_by_role("menuitemradio", name="Gus guest").click()
    expect(page.locator("h1")).to_have_text("team-web")


def test_a_message_that_arrives_does_not_take_the_focus_away(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open("c/C0PROD001")
    page.locator('#side [data-channel="C0STAGE01"]').focus()
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="News")
    expect(page.locator('#side [data-channel="C0WEB0001"] .badge')).to_have_text("1")
    expect(page.locator('#side [data-channel="C0STAGE01"]')).to_be_focused()


def test_a_draft_waits_in_its_channel(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    page.locator("#composer").fill("half a thought")
    page.get_by_role("button", name="prod", exact=True).click()
    expect(page.locator("#composer")).to_have_value("")
    page.get_by_role("button", name="team-web", exact=True).click()
    expect(page.locator("#composer")).to_have_value("half a thought")


def test_looking_through_other_eyes_shows_what_they_may_see(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.show("denied")
    page = desktop.open()
    page.get_by_role("button", name="You are: Ana, developer").click()
    expect(page.get_by_role("menuitemradio")).to_have_count(4)
    page.get_by_role("menuitemradio", name="Gus guest").click()
    expect(page.get_by_role("button", name="You are: Gus, guest")).to_be_visible()
    expect(page.locator(".message.ephemeral")).to_have_count(0)
    expect(page.locator('#side [data-channel="C0PROD001"]')).to_have_count(0)
    assert f"user={GUS}" in page.url


def test_unread_messages_are_counted_and_read_by_opening(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open("c/C0PROD001")
    expect(page.locator("h1")).to_have_text("prod")
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="One")
    sample_app.client.chat_postMessage(channel="C0WEB0001", text="For you, <@U0ANA0001>")
    row = page.locator('#side [data-channel="C0WEB0001"]')
    expect(row.locator(".badge.loud")).to_have_text("1")
    row.click()
    expect(page.locator(".new-line")).to_be_visible()
    expect(row.locator(".badge")).to_have_count(0)
    slack.wait_for(
        lambda: next(one for one in slack.snapshot(ANA)["channels"] if one["id"] == "C0WEB0001")["unread"] == 0
    )


def test_cards_that_wait_for_a_person_are_gathered_on_one_page(phone: Window, sample_app: SampleApp) -> None:
    sample_app.show("approval", "C0PROD001")
    sample_app.show("deploy-done")
    page = phone.open()
    page.get_by_role("navigation", name="Main").get_by_role("button", name="Waiting").click()
    expect(page.locator(".waiting h3")).to_have_text(["Approval needed · deploy web 1.8.2 to prod"])
    page.get_by_role("button", name="Review and approve").click()
    sample_app.slack.wait_for(lambda: sample_app.clicks)


def test_payloads_show_requests_their_time_and_the_calls_of_the_app(desktop: Window, sample_app: SampleApp) -> None:
    page = desktop.open()
    page.get_by_role("button", name="Show payloads").last.click()
    type_command(page, "/paas hello")
    request = page.locator("details.payload", has_text="/paas")
    expect(request.locator(".status")).to_have_text("acked")
    expect(request.locator(".ms")).to_contain_text("ms")
    request.locator("summary").click()
    expect(request.locator("pre").first).to_contain_text('"command": "/paas"')
    expect(page.locator("details.payload", has_text="chat.postEphemeral")).to_be_visible()
    expect(page.locator(".message.ephemeral")).to_be_visible()
    assert "xoxb-" not in page.locator("#pane").inner_text()


def test_faults_are_switched_on_and_off_from_the_page(
    desktop: Window, slack: PlaygroundServer, sample_app: SampleApp
) -> None:
    page = desktop.open()
    page.get_by_role("button", name="Faults").last.click()
    page.get_by_label("Which call").select_option("chat.update")
    page.get_by_label("Times").fill("2")
    page.get_by_role("button", name="Break it").click()
    expect(page.locator(".active-faults")).to_contain_text("chat.update")
    assert slack.snapshot(ANA)["faults"]["rate_limited"]["chat.update"] == {"times": 2, "retry_after": 3}
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator("#pane")).to_contain_text("Nothing is broken now")
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator("#composer")).to_be_disabled()


def test_the_page_says_when_the_app_is_not_connected(desktop: Window, slack: PlaygroundServer) -> None:
    page = desktop.open()
    expect(page.get_by_text("The app is not connected")).to_be_visible()


def test_files_show_their_name_size_and_beginning(desktop: Window, sample_app: SampleApp) -> None:
    sample_app.client.files_upload_v2(
        channel="C0WEB0001", content="- image 1.8.1\n+ image 1.8.2\n", filename="plan.txt", title="Full plan"
    )
    page = desktop.open()
    expect(page.locator(".file")).to_contain_text("Full plan")
    expect(page.locator(".file pre")).to_contain_text("+ image 1.8.2")
    assert json.dumps(page.evaluate("document.querySelector('.file a').getAttribute('href')")).startswith(
        '"/page/file/F'
    )
