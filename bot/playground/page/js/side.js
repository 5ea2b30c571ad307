/* The side bar: workspace, what waits, channels, the app, and whose eyes one looks through. */

import { h, icon, refresh } from "./dom.js";
import { avatar } from "./messages.js";
import { channelTitle, described } from "./names.js";
import { openMenu } from "./popup.js";

const badge = (count, loud) => (count ? h("span.badge", { class: loud ? "loud" : "", "aria-label": `${count} ${loud ? "waiting" : "unread"}` }, count > 99 ? "99+" : String(count)) : null);

export function personMenu(trigger, store, choose) {
  const people = store.state.people.filter((one) => !one.is_bot);
  openMenu(trigger, people.map((one) => ({
    text: one.real_name || one.name,
    description: [one.title, one.is_restricted ? "guest" : "", one.deleted ? "deactivated" : ""].filter((word, index, all) => word && all.indexOf(word) === index).join(", "),
    mark: one.id === store.user,
    run: () => choose(one.id),
  })), "Look through the eyes of");
}

function channelRow(channel, { store, route, go }) {
  const open = route.page === "channel" && route.channel === channel.id;
  const unread = channel.unread > 0 && !open;
  return h("button.row", { type: "button", class: [unread ? "unread" : "", channel.is_archived ? "archived" : ""].filter(Boolean).join(" "),
    "aria-current": open ? "page" : null, dataset: { channel: channel.id }, onclick: () => go({ page: "channel", channel: channel.id }) },
    channel.is_im ? avatar(store.state.people.find((one) => one.id === channel.user), false) : icon(channel.is_private ? "lock" : "hash", 16),
    h("span.row-name", {}, channelTitle(channel, store)),
    channel.is_ext_shared ? h("span.tag", {}, "External") : null,
    channel.is_archived ? h("span.tag", {}, "Archived") : null,
    badge(channel.mentions, true) ?? (unread ? badge(channel.unread, false) : null));
}

/** deps: {store, route, go, waiting: number, choosePerson, openPanel, panel} */
export function drawSide(node, deps) {
  const { store, route, go, waiting, choosePerson, openPanel, panel } = deps;
  const { state } = store;
  const rows = [...state.channels].sort((one, two) => one.name.localeCompare(two.name));
  const inChannels = rows.filter((one) => !one.is_im && one.is_member);
  const others = rows.filter((one) => !one.is_im && !one.is_member && !one.is_archived);
  const appChannel = rows.find((one) => one.is_im && one.user === state.app.bot_user);
  const direct = rows.filter((one) => one.is_im && one !== appChannel);
  const section = (title, ...children) => h("section.side-section", {}, h("h2", {}, title), children);
  const you = h("button.you", { type: "button", "aria-haspopup": "menu", onclick: () => personMenu(you, store, choosePerson) },
    avatar(state.me), h("span.you-text", {}, h("span.muted", {}, "You are: "), h("strong", {}, described(state.me))), icon("down", 16));
  const tool = (name, words, glyph) => h("button.row", { type: "button", "aria-pressed": String(panel === name), onclick: () => openPanel(name) }, icon(glyph, 16), h("span.row-name", {}, words));
  const scrolled = node.querySelector(".side-scroll")?.scrollTop ?? 0;
  refresh(node,
    h("header.side-head", {}, h("span.workspace", {}, state.workspace.name), h("span.muted", {}, "playground")),
    h("nav.side-scroll", { "aria-label": "Workspace" },
      h("section.side-section.first", {},
        h("button.row", { type: "button", "aria-current": route.page === "waiting" ? "page" : null, onclick: () => go({ page: "waiting" }) },
          icon("inbox", 16), h("span.row-name", {}, "Waiting"), badge(waiting, true))),
      section("Channels", inChannels.map((one) => channelRow(one, deps))),
      others.length ? section("More channels", others.map((one) => channelRow(one, deps))) : null,
      section("Apps", h("button.row", { type: "button", "aria-current": route.page === "home" || (appChannel && route.channel === appChannel.id) ? "page" : null,
        onclick: () => go({ page: "home" }) }, avatar(null, true), h("span.row-name", {}, state.app.name),
        h("span.presence", { class: state.app.connected ? "on" : "", title: state.app.connected ? "Connected" : "Not connected" }),
        appChannel ? badge(appChannel.unread, true) : null)),
      direct.length ? section("People", direct.map((one) => channelRow(one, deps))) : null,
      h("section.side-section.tools-section", {}, h("h2", {}, "Tools"), tool("payloads", "Show payloads", "code"), tool("faults", "Faults", "warn"))),
    h("footer.side-foot", {}, you));
  node.querySelector(".side-scroll").scrollTop = scrolled;
}
