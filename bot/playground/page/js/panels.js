/* The tools beside the conversation: what goes over the wire, and what one can break on purpose. */

import { h, icon, replace } from "./dom.js";
import { channelTitle } from "./names.js";
import { get, listen, post } from "./store.js";
import { clock } from "./time.js";

const KEPT = 500;
const GOOD = new Set(["acked", "ok", "200"]);

const json = (name, value) => (value === null || value === undefined ? null
  : [h("h4", {}, name), h("pre", { tabindex: "0", role: "group", "aria-label": name }, h("code", {}, JSON.stringify(value, null, 2)))]);

function entryNode(entry) {
  const inward = entry.direction === "from_app";
  const details = h("details.payload", { dataset: { n: String(entry.n) } }, h("summary", {},
    h("span.direction", { title: inward ? "Called by the app" : "Sent to the app" }, inward ? "←" : "→"),
    h("span.payload-name", {}, entry.name, h("span.muted", {}, ` ${entry.kind}`)),
    h("span.status", { class: GOOD.has(String(entry.status)) ? "good" : "bad" }, entry.status ?? ""),
    h("span.ms", {}, entry.ms === null || entry.ms === undefined ? "" : `${Math.round(entry.ms)} ms`)));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector(".payload-body")) return;
    const date = new Date(entry.at * 1000);
    details.append(h("div.payload-body", {}, h("p.muted", {}, `${clock(date)}:${String(date.getUTCSeconds()).padStart(2, "0")} · ${inward ? "called by the app" : "sent to the app"}`),
      json("Request", entry.request), json(inward ? "Answer" : "Acknowledged with", entry.response)));
  });
  return details;
}

export class Payloads {
  #entries = new Map();
  #socket = null;

  constructor() {
    this.filter = h("input", { type: "search", placeholder: "Filter by name or status", "aria-label": "Filter", oninput: () => this.#draw() });
    this.list = h("div.payloads");
    this.node = h("div.panel-body", {}, h("p.muted", {}, "→ requests to the app with the time until it acknowledged, ← calls the app made. Newest first."), this.filter, this.list);
  }

  /** A socket of its own: opening the panel must not reload the conversation, which would drop ephemeral messages. */
  watch(user) {
    this.#socket?.close();
    this.#socket = null;
    if (!user) return;
    this.#socket = listen({ user, payloads: "1" });
    this.#socket.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.type === "payload") this.#add(event.entry);
    };
    this.#load();
  }

  async #load() {
    try {
      const { entries } = await get("/page/payloads?after=0");
      for (const entry of entries) this.#entries.set(entry.n, entry);
      this.#draw();
    } catch (problem) {
      replace(this.list, h("p.empty", {}, problem instanceof Error ? problem.message : "Not available"));
    }
  }

  #add(entry) {
    this.#entries.set(entry.n, entry);
    while (this.#entries.size > KEPT) this.#entries.delete(this.#entries.keys().next().value);
    const node = this.#fits(entry) ? entryNode(entry) : null;
    const old = this.list.querySelector(`[data-n="${CSS.escape(String(entry.n))}"]`);
    if (old && node) {
      node.open = old.open;
      old.replaceWith(node);
    } else if (node) {
      this.list.querySelector(".empty")?.remove();
      this.list.prepend(node);
    }
  }

  #fits(entry) {
    const words = this.filter.value.trim().toLowerCase();
    return !words || `${entry.name} ${entry.kind} ${entry.status}`.toLowerCase().includes(words);
  }

  #draw() {
    const shown = [...this.#entries.values()].filter((entry) => this.#fits(entry)).sort((one, two) => two.n - one.n);
    replace(this.list, shown.length ? shown.map(entryNode) : h("p.empty", {}, "Nothing yet."));
  }
}

const METHODS = ["*", "chat.postMessage", "chat.update", "chat.postEphemeral", "chat.delete", "views.open", "views.push", "views.update", "views.publish",
  "conversations.history", "conversations.replies", "conversations.info", "users.info", "files.getUploadURLExternal", "files.completeUploadExternal", "response_url"];
const KINDS = {
  rate_limited: { words: "429, too many", seconds: "retry_after" },
  server_error: { words: "Server error (5xx)" },
  reset_before: { words: "Cut before it is stored" },
  reset_after: { words: "Cut after it is stored" },
  slow: { words: "Slow", seconds: "seconds" },
};
const DELIVERY = { duplicate_delivery: "Deliver twice", lost_ack: "Lose the acknowledgement", lost_delivery: "Lose the delivery" };

function chosen(node) {
  return node.querySelector("select").value;
}

const select = (name, options) => h("label.field-small", {}, name, h("span.select", {}, h("select", {}, options.map(([value, words]) => h("option", { value }, words))), icon("down", 14)));
const numberField = (name, value) => h("label.field-small", {}, name, h("input", { type: "number", min: "0", max: "999", value: String(value) }));

export class Faults {
  constructor({ store, say }) {
    this.store = store;
    this.say = say;
    this.node = h("div.panel-body");
  }

  async #set(body) {
    this.#told(await post("faults", body));
  }

  async #world(body) {
    this.#told(await post("world", { user: this.store.user, ...body }));
  }

  #told(answer) {
    if (answer.ok === false) this.say("error", answer.message || answer.error);
  }

  #active(faults) {
    const rows = Object.entries(KINDS).flatMap(([kind, how]) => Object.entries(faults[kind] ?? {}).map(([method, value]) => {
      const times = typeof value === "object" ? value.times : value;
      const seconds = how.seconds && typeof value === "object" ? `, ${value[how.seconds]} s` : "";
      const { [method]: _, ...others } = faults[kind];
      return h("li", {}, h("span", {}, h("strong", {}, how.words), ` · ${method === "*" ? "any call" : method} · ${times} ×${seconds}`),
        h("button.small", { type: "button", onclick: () => this.#set({ [kind]: others }) }, "Remove"));
    }));
    for (const [kind, words] of Object.entries(DELIVERY)) {
      if (faults[kind]) rows.push(h("li", {}, h("span", {}, h("strong", {}, words), ` · next ${faults[kind]}`), h("button.small", { type: "button", onclick: () => this.#set({ [kind]: 0 }) }, "Remove")));
    }
    return rows.length ? h("ul.active-faults", {}, rows) : h("p.muted", {}, "Nothing is broken now.");
  }

  draw(current) {
    if (this.node.contains(document.activeElement) && document.activeElement.matches("input, select")) {
      this.node.querySelector(".active-holder")?.replaceChildren(this.#active(this.store.state.faults ?? {}));
      return;
    }
    const faults = this.store.state.faults ?? {};
    const kind = select("What", Object.entries(KINDS).map(([value, how]) => [value, how.words]));
    const method = select("Which call", METHODS.map((name) => [name, name === "*" ? "any call" : name]));
    const times = numberField("Times", 1);
    const seconds = numberField("Seconds", 3);
    const add = () => {
      const how = KINDS[chosen(kind)];
      const count = Number(times.querySelector("input").value) || 1;
      const value = how.seconds ? { times: count, [how.seconds]: Number(seconds.querySelector("input").value) || 1 } : count;
      this.#set({ [chosen(kind)]: { ...faults[chosen(kind)], [chosen(method)]: value } });
    };
    const once = (words, run, style = "") => h("button.small", { type: "button", class: style, onclick: run }, words);
    const channel = this.store.channel(current);
    const where = channel && !channel.is_im ? channelTitle(channel, this.store) : null;
    const other = this.store.state.people.filter((one) => !one.is_bot);
    const person = select("Person", other.map((one) => [one.id, `${one.real_name || one.name}${one.deleted ? " (deactivated)" : ""}`]));
    replace(this.node,
      h("h3", {}, "In force"), h("div.active-holder", {}, this.#active(faults)), once("Clear all", () => this.#set({ clear: true })),
      h("h3", {}, "Calls of the app"), h("div.fault-form", {}, kind, method, times, seconds, h("button.small.primary", { type: "button", onclick: add }, "Break it")),
      h("h3", {}, "Deliveries to the app"), h("div.button-row", {}, Object.entries(DELIVERY).map(([name, words]) => once(words, () => this.#set({ [name]: (faults[name] ?? 0) + 1 })))),
      h("h3", {}, "Socket Mode"), h("div.button-row", {}, [["warning", "Announce a disconnect"], ["refresh_requested", "Ask to reconnect"], ["link_disabled", "Switch it off"]]
        .map(([reason, words]) => once(words, () => this.#world({ do: "disconnect", reason })))),
      where ? [h("h3", {}, `#${where}`), h("div.button-row", {},
        channel.is_archived ? once("Unarchive", () => this.#world({ do: "unarchive", channel: current })) : once("Archive", () => this.#world({ do: "archive", channel: current })),
        channel.bot_is_member ? once("Remove the app", () => this.#world({ do: "remove_bot", channel: current })) : once("Invite the app", () => this.store.send("invite", { channel: current })),
        once(channel.is_ext_shared ? "Make internal" : "Share with another company", () => this.#world({ do: "external", channel: current, on: !channel.is_ext_shared })))] : null,
      h("h3", {}, "People and app"), h("div.fault-form", {}, person,
        once("Deactivate", () => this.#world({ do: "deactivate", target: chosen(person) })), once("Reactivate", () => this.#world({ do: "reactivate", target: chosen(person) })),
        once("Uninstall the app", () => this.#world({ do: "uninstall" }), "danger")));
  }
}
