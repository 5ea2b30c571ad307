/* Starts the page: one person, one route, three regions. Everything drawn follows from the store and the route. */

import { ChannelView, paneHead, ThreadView } from "./conversation.js";
import { h, icon, refresh, replace } from "./dom.js";
import { MessageView, avatar } from "./messages.js";
import { Modal } from "./modal.js";
import { mrkdwn } from "./mrkdwn.js";
import { channelTitle, described, directory } from "./names.js";
import { HomeView, WaitingView, waitingMessages } from "./pages.js";
import { Faults, Payloads } from "./panels.js";
import { askText, openMenu } from "./popup.js";
import { drawSide, personMenu } from "./side.js";
import { post, Store } from "./store.js";
import { useZone } from "./time.js";

const TOAST_MS = 9000;
const phone = window.matchMedia("(max-width: 899px)");
const byId = (id) => document.getElementById(id);

function readRoute() {
  const [, page, channel, thread] = location.hash.split("/").map(decodeURIComponent);
  if (page === "c" && channel) return { page: "channel", channel, thread: thread || null };
  if (page === "home" || page === "waiting" || page === "list") return { page };
  return { page: phone.matches ? "list" : "channel", channel: null, thread: null };
}

class App {
  route = readRoute();
  panel = null;
  forms = new Map();
  #user = new URLSearchParams(location.search).get("user"); // null: the first person of the workspace
  #homeTold = false;
  #switched = false;

  constructor() {
    this.store = new Store((event) => this.#happened(event));
    this.names = directory(this.store, (id) => this.go({ page: "channel", channel: id }));
    const { store, names } = this;
    this.messageView = new MessageView({ store, names, forms: this.forms, openThread: (channel, thread) => this.go({ page: "channel", channel, thread }),
      menu: (message, trigger) => this.#messageMenu(message, trigger) });
    const header = (parts) => this.#header(parts);
    const tabs = (current) => this.#tabs(current);
    this.channelView = new ChannelView({ store, names, view: this.messageView, header, tabs, shortcuts: (trigger) => this.#shortcuts(trigger) });
    this.threadView = new ThreadView({ store, names, view: this.messageView, close: () => this.closePane() });
    this.homeView = new HomeView({ store, names, header, tabs });
    this.waitingView = new WaitingView({ store, view: this.messageView, header, go: (route) => this.go(route) });
    this.modal = new Modal({ store, names });
    this.payloads = new Payloads();
    this.faults = new Faults({ store, say: (level, text) => this.toast(level, text) });
    window.addEventListener("hashchange", () => this.#routed());
    phone.addEventListener("change", () => this.draw());
    document.addEventListener("visibilitychange", () => this.#read());
    document.addEventListener("keydown", (event) => this.#key(event));
    // The hash is the route, so the skip link may not change it.
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      (byId("composer") ?? byId("main")).focus();
    });
    this.#banner("Connecting…");
    store.connect(this.#user);
  }

  /* Where we are */

  go({ page, channel = null, thread = null, at = null }) {
    if (this.panel && (thread || phone.matches)) {
      this.panel = null;
      this.payloads.watch(null);
    }
    const parts = page === "channel" ? ["c", channel, ...(thread ? [thread] : [])] : [page];
    const hash = `#/${parts.map(encodeURIComponent).join("/")}`;
    if (location.hash === hash) this.#routed();
    else location.hash = hash;
    if (at) requestAnimationFrame(() => this.#reveal(at));
  }

  #reveal(ts) {
    const node = byId("main").querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    node?.scrollIntoView({ block: "center" });
    node?.classList.add("revealed");
  }

  #routed() {
    const before = this.route;
    this.route = readRoute();
    if (this.route.page !== "home") this.#homeTold = false;
    this.draw();
    const moved = before.page !== this.route.page || before.channel !== this.route.channel;
    if (moved && !phone.matches && this.route.page === "channel") this.channelView.composer.focus();
    if (this.route.thread && before.thread !== this.route.thread && !phone.matches) this.threadView.composer.focus();
  }

  closePane() {
    if (this.panel) {
      this.panel = null;
      this.payloads.watch(null);
      this.draw();
    } else if (this.route.thread) {
      this.go({ page: "channel", channel: this.route.channel });
    }
    if (!phone.matches) this.channelView.composer.focus();
  }

  openPanel(name) {
    if (this.panel === name) return this.closePane();
    this.panel = name;
    this.payloads.watch(name === "payloads" ? this.#user : null);
    this.draw();
    return byId("pane").focus();
  }

  choosePerson(id) {
    if (id === this.#user) return;
    this.#user = id;
    this.#switched = true;
    const query = new URLSearchParams(location.search);
    query.set("user", id);
    history.replaceState(null, "", `?${query}${location.hash}`);
    this.#homeTold = false;
    this.forms.clear();
    this.homeView.forget();
    this.channelView.forget();
    this.threadView.left();
    this.threadView.list.clear();
    this.modal.show([], null);
    this.store.connect(id);
  }

  /* What the server says */

  #happened(event) {
    switch (event.type) {
      case "snapshot":
        this.#banner(null);
        this.#user = event.me.id;
        useZone(event.me.tz);
        this.homeView.forget();
        if (this.#switched && this.route.page === "channel" && !this.store.channel(this.route.channel)) this.go({ page: "channel", channel: this.#firstChannel() });
        this.#switched = false;
        break;
      case "offline":
        return this.#banner("The playground does not answer. Trying again…");
      case "unknown_user":
        this.toast("error", `Nobody here is ${this.#user}.`);
        return this.store.connect(null);
      case "message":
        this.#announce(event.message);
        break;
      case "notice":
        if (event.channel) this.store.whisper(event.channel, event.text ?? event.error, event.thread_ts);
        else this.toast(event.level, event.text ?? event.error);
        return undefined;
      case "faults":
        break;
      default:
    }
    if (!this.store.state) return undefined;
    if (event.type === "snapshot" || event.type === "modal") this.modal.show(this.store.state.modal?.stack ?? [], this.store.state.modal?.errors);
    this.draw();
    return undefined;
  }

  /** Screen readers hear `text`, as in Slack, and only of what is open or meant for this person. */
  #announce(message) {
    const { me } = this.store.state;
    if (message.user === me.id) return;
    const here = this.route.page === "channel" && this.route.channel === message.channel;
    if (!here && !message.is_ephemeral && !this.store.channel(message.channel)?.is_im) return;
    const person = this.names.user(message.user);
    const author = message.bot_id || person?.is_bot ? this.store.state.app.name : person?.real_name ?? "";
    const live = byId("live");
    live.append(h("p", {}, `${author}: ${mrkdwn(message.text, this.names).textContent}`));
    while (live.childElementCount > 20) live.firstElementChild.remove();
  }

  #read() {
    if (document.visibilityState !== "visible" || this.route.page !== "channel" || !this.store.online) return;
    const channel = this.store.channel(this.route.channel);
    const last = this.store.messages(this.route.channel).filter((one) => !one.is_ephemeral).at(-1);
    if (!channel?.is_member && !channel?.is_im) return;
    if (!last || Number(last.ts) <= Number(channel.last_read || 0) || this.reading === last.ts) return;
    this.reading = last.ts;
    this.store.send("read", { channel: channel.id, ts: last.ts });
  }

  /* Drawing */

  draw() {
    const { store, route } = this;
    if (!store.state) return;
    const wide = !phone.matches;
    if ((route.page === "channel" && !route.channel) || (wide && route.page === "list")) {
      route.page = "channel";
      route.channel = this.#firstChannel();
    }
    const waiting = waitingMessages(store).length;
    drawSide(byId("side"), { store, route, waiting, panel: this.panel, go: (to) => this.go(to), choosePerson: (id) => this.choosePerson(id), openPanel: (name) => this.openPanel(name) });
    const view = { home: this.homeView, waiting: this.waitingView }[route.page] ?? this.channelView;
    const main = byId("main");
    if (main.firstChild !== view.node) replace(main, view.node);
    view.show(route.channel);
    if (route.page === "home" && !this.#homeTold) {
      this.#homeTold = true;
      store.send("home", { tab: "home" });
    }
    this.#drawPane();
    this.#drawBottom(waiting);
    byId("app").dataset.screen = byId("pane").hidden ? (route.page === "list" ? "list" : "main") : "pane";
    const unread = store.state.channels.reduce((sum, one) => sum + (one.mentions || 0), 0);
    document.title = `${unread ? `(${unread}) ` : ""}${route.page === "channel" ? channelTitle(store.channel(route.channel), store) : store.state.app.name} · ${store.state.workspace.name}`;
    this.#read();
  }

  #firstChannel() {
    const mine = this.store.state.channels.filter((one) => !one.is_im && one.is_member && !one.is_archived);
    return (mine.find((one) => !/audit|general/.test(one.name)) ?? mine[0] ?? this.store.state.channels[0])?.id ?? null;
  }

  #drawPane() {
    const pane = byId("pane");
    const thread = this.route.page === "channel" ? this.route.thread : null;
    pane.hidden = !this.panel && !thread;
    if (this.panel) {
      const faults = this.panel === "faults";
      if (faults) this.faults.draw(this.route.channel);
      if (pane.dataset.shown !== this.panel) {
        pane.dataset.shown = this.panel;
        replace(pane, h("div.view", {}, paneHead(faults ? "Faults" : "Payloads", null, () => this.closePane()), h("div.scroll", {}, (faults ? this.faults : this.payloads).node)));
      }
    } else if (thread) {
      if (pane.dataset.shown !== "thread") replace(pane, this.threadView.node);
      pane.dataset.shown = "thread";
      this.threadView.show(this.route.channel, thread);
    } else {
      pane.dataset.shown = "";
      this.threadView.left();
    }
  }

  #drawBottom(waiting) {
    const { page } = this.route;
    const tab = (name, words, glyph, current, count) => h("button", { type: "button", "aria-current": current ? "page" : null, onclick: () => {
      this.go({ page: name });
    } }, icon(glyph, 22), h("span", {}, words), count ? h("span.badge.loud", { "aria-label": `${count} waiting` }, String(count)) : null);
    refresh(byId("bottom"), tab("home", "Home", "home", page === "home"), tab("list", "Channels", "hash", page === "list" || page === "channel"),
      tab("waiting", "Waiting", "inbox", page === "waiting", waiting));
  }

  #header({ title, glyph = null, note = null }) {
    const { app, me } = this.store.state;
    const who = h("button.icon-button.phone-only", { type: "button", "aria-haspopup": "menu", "aria-label": `You are: ${described(me)}. Change`,
      onclick: () => personMenu(who, this.store, (id) => this.choosePerson(id)) }, avatar(me));
    const tool = (name, words) => h("button.small.desktop-only", { type: "button", "aria-pressed": String(this.panel === name), onclick: () => this.openPanel(name) }, words);
    return h("header.head", {},
      this.route.page === "channel" ? h("button.icon-button.phone-only", { type: "button", "aria-label": "Back to the channels", onclick: () => this.go({ page: "list" }) }, icon("back")) : null,
      h("div.head-title", {}, h("h1", {}, glyph ? icon(glyph, 18) : null, title), note),
      app.connected ? null : h("span.offline", { role: "status" }, icon("warn", 15), "The app is not connected"),
      tool("payloads", "Show payloads"), tool("faults", "Faults"), who);
  }

  #tabs(current) {
    const tab = (name, words, run) => h("button", { type: "button", "aria-current": current === name ? "page" : null, onclick: run }, words);
    return h("div.tabs", { role: "group", "aria-label": "Tabs of the app" }, tab("home", "Home", () => this.go({ page: "home" })),
      tab("messages", "Messages", () => this.#openMessages()));
  }

  #banner(text) {
    const banner = byId("banner");
    banner.hidden = !text;
    banner.textContent = text ?? "";
  }

  toast(level, text) {
    const node = h("div.toast", { class: level === "error" ? "bad" : "" }, level === "error" ? icon("warn", 18) : null, h("span", {}, text),
      h("button.icon-button", { type: "button", "aria-label": "Dismiss", onclick: () => node.remove() }, icon("close", 16)));
    byId("toasts").append(node);
    setTimeout(() => node.remove(), TOAST_MS);
  }

  /* What a person does beside writing and clicking */

  #key(event) {
    if (event.key !== "Escape" || event.defaultPrevented || byId("pane").hidden || document.querySelector("dialog[open], .menu")) return;
    if (event.target instanceof HTMLElement && event.target.closest("#main textarea, #main input")) return;
    event.preventDefault();
    this.closePane();
  }

  #openMessages() {
    const channel = this.store.state.channels.find((one) => one.is_im && one.user === this.store.state.app.bot_user);
    if (!channel) return this.toast("info", "There are no direct messages with the app yet.");
    this.store.send("home", { tab: "messages" });
    return this.go({ page: "channel", channel: channel.id });
  }

  #shortcuts(trigger) {
    const list = this.store.state.shortcuts.filter((one) => one.type === "global");
    if (!list.length) return this.toast("info", "The app has no shortcuts.");
    return openMenu(trigger, list.map((one) => ({ text: one.name, description: one.description, run: () => this.#tell(this.store.send("shortcut", { callback_id: one.callback_id })) })), "Shortcuts");
  }

  async #tell(promise) {
    const answer = await promise;
    if (!answer.ok) this.toast("error", answer.message || answer.error);
    return answer;
  }

  #messageMenu(message, trigger) {
    const { store } = this;
    const where = { channel: message.channel, ts: message.ts };
    const own = message.user === store.state.me.id && !message.is_ephemeral;
    const items = message.is_ephemeral ? [] : store.state.shortcuts.filter((one) => one.type === "message").map((one) => ({
      text: one.name, description: one.description || store.state.app.name, run: () => this.#tell(store.send("message_shortcut", { ...where, callback_id: one.callback_id })) }));
    if (!message.is_ephemeral) items.push({ text: "Copy link", run: () => this.#copyLink(where) });
    if (own) {
      items.push({ text: "Edit", run: async () => {
        const text = await askText({ title: "Edit message", value: mrkdwn(message.text, this.names).innerText, action: "Save" });
        if (text !== null) await this.#tell(store.send("edit", { ...where, text }));
      } });
      items.push({ text: "Delete", run: () => this.#tell(store.send("delete", where)) });
    } else if (!message.is_ephemeral) {
      items.push({ text: "Delete as an administrator", run: () => this.#tell(post("world", { user: store.user, do: "delete_message", ...where })) });
    }
    if (!items.length) items.push({ text: "Nothing to do here", run: () => {} });
    openMenu(trigger, items, "Message actions");
  }

  async #copyLink(where) {
    const answer = await this.#tell(this.store.send("permalink", where));
    if (!answer.ok) return;
    try {
      await navigator.clipboard.writeText(answer.url);
      this.toast("info", "Link copied.");
    } catch {
      this.toast("info", answer.url);
    }
  }
}

new App();
