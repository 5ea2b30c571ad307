/* One message, and a list of messages that redraws only what changed. */

import { blocks, picture } from "./blocks.js";
import { h, icon, ownFile } from "./dom.js";
import { FormState } from "./form.js";
import { mrkdwn } from "./mrkdwn.js";
import { hue, initials } from "./names.js";
import { clock, day, dayKey, fromTs, full } from "./time.js";

const GROUP_SECONDS = 300;
const NEAR_END = 80;
const JOINED = { channel_join: "joined the channel", channel_leave: "left the channel", channel_archive: "archived the channel" };

const bytes = (size) => (size < 1024 ? `${size} B` : size < 1_048_576 ? `${(size / 1024).toFixed(1)} kB` : `${(size / 1_048_576).toFixed(1)} MB`);

export function avatar(person, app) {
  if (app) return h("span.avatar.app", { "aria-hidden": "true" }, icon("helm", 20));
  return h("span.avatar", { class: person ? hue(person.id) : "", "aria-hidden": "true" }, person ? initials(person.real_name || person.name) : icon("eye", 16));
}

function file(one) {
  const name = one.title || one.name;
  if (one.is_image) {
    return h("figure.image", {}, h("figcaption", {}, name), picture(one.url, one.alt_txt || name));
  }
  const own = ownFile(one.url);
  return h("div.file", {}, h("div.file-row", {}, icon("file", 22),
    h("div.file-name", {}, own ? h("a", { href: own, target: "_blank", rel: "noopener" }, name) : name,
      h("div.muted", {}, [one.filetype?.toUpperCase(), one.size === undefined ? null : bytes(one.size)].filter(Boolean).join(" · ")))),
    one.preview ? h("pre", { tabindex: "0", role: "group", "aria-label": `Beginning of ${name}` }, h("code", {}, one.preview)) : null);
}

const PLAIN = ["section", "context", "rich_text"];
const isCard = (message) => message.blocks.length > 1 || message.blocks.some((block) => !PLAIN.includes(block.type) || block.accessory || block.fields);

/** deps: {store, names, openThread, menu(message, trigger), forms} */
export class MessageView {
  constructor(deps) {
    this.deps = deps;
  }

  surface(message) {
    const { store, names, forms } = this.deps;
    const key = `${message.channel} ${message.ts}`;
    if (!forms.has(key)) forms.set(key, new FormState());
    const form = forms.get(key);
    const source = { type: "message", channel: message.channel, ts: message.ts };
    const surface = {
      names, form, shown: [],
      act: (chosen) => store.send("click", { source, ...chosen, state: form.values() }),
      suggest: (query) => store.send("suggest", { source, ...query }),
    };
    return surface;
  }

  body(message) {
    const { names } = this.deps;
    if (message.subtype === "tombstone") return h("div.body.muted", {}, "This message was deleted.");
    if (JOINED[message.subtype]) return h("div.body.muted", {}, JOINED[message.subtype]);
    const edited = message.edited ? h("span.edited", { title: full(fromTs(message.edited.ts)) }, " (edited)") : null;
    const files = (message.files ?? []).map(file);
    if (message.blocks?.length) {
      const surface = this.surface(message);
      const drawn = blocks(message.blocks, surface);
      surface.form.keep(surface.shown);
      return h("div.body", {}, h(isCard(message) ? "div.card" : "div.loose", {}, drawn), edited, files);
    }
    const text = mrkdwn(message.text, names, { auto: true });
    if (edited) (text.lastElementChild ?? text).append(edited);
    return h("div.body", {}, message.text || edited ? text : null, files);
  }

  replies(message) {
    if (!message.reply_count) return null;
    const { openThread, names } = this.deps;
    const last = message.latest_reply ? `Last reply ${clock(fromTs(message.latest_reply))}` : "";
    return h("button.replies", { type: "button", onclick: () => openThread(message.channel, message.ts) },
      h("span.faces", {}, (message.reply_users ?? []).slice(0, 3).map((id) => avatar(names.user(id), names.user(id)?.is_bot))),
      h("span.replies-count", {}, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`),
      h("span.muted", {}, last));
  }

  tools(message, inThread) {
    if (message.local || message.subtype === "tombstone") return null;
    const { openThread, menu } = this.deps;
    const more = h("button.icon-button", { type: "button", "aria-label": "More message actions", "aria-haspopup": "menu", title: "More",
      onclick: () => menu(message, more) }, icon("more"));
    return h("div.tools", {},
      inThread || message.is_ephemeral ? null : h("button.icon-button", { type: "button", "aria-label": "Reply in thread", title: "Reply in thread",
        onclick: () => openThread(message.channel, message.thread_ts ?? message.ts) }, icon("reply")),
      more);
  }

  draw(message, { grouped, inThread }) {
    const { names, store } = this.deps;
    const person = names.user(message.user);
    const app = Boolean(message.bot_id) || person?.is_bot;
    const moment = fromTs(message.ts);
    const author = message.local ? "Slackbot" : app ? store.state.app.name : person?.real_name || person?.name || message.user;
    const time = h("time.when", { datetime: moment.toISOString(), title: full(moment) }, clock(moment));
    const parent = !inThread && message.subtype === "thread_broadcast" && message.thread_ts;
    return h("article.message", {
      tabindex: "-1",
      class: [grouped ? "grouped" : "", message.is_ephemeral ? "ephemeral" : "", message.subtype === "tombstone" ? "gone" : ""].filter(Boolean).join(" "),
      dataset: { ts: message.ts }, "aria-label": `${author}, ${clock(moment)}`,
    },
    grouped ? h("span.gutter", {}, time) : avatar(message.local ? null : person, app && !message.local),
    h("div.content", {},
      message.is_ephemeral ? h("div.only-you", {}, icon("eye", 15), "Only visible to you") : null,
      grouped ? null : h("div.byline", {}, h("span.author", {}, author), app && !message.local ? h("span.tag", {}, "App") : null, time),
      parent ? h("button.linklike.broadcast", { type: "button", onclick: () => this.deps.openThread(message.channel, message.thread_ts) }, "Replied to a thread") : null,
      inThread && message.subtype === "thread_broadcast" ? h("div.broadcast.muted", {}, "Also sent to the channel") : null,
      this.body(message),
      inThread ? null : this.replies(message)),
    this.tools(message, inThread));
  }
}

/** Keeps nodes of unchanged messages, the focus inside changed ones, and the end in view while the reader is there. */
export class MessageList {
  #kept = new Map();
  #atEnd = true;

  constructor(view, { inThread = false } = {}) {
    this.view = view;
    this.inThread = inThread;
    this.list = h("div.message-list");
    this.node = h("div.scroll", { tabindex: "-1" }, this.list);
    this.node.addEventListener("scroll", () => (this.#atEnd = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR_END));
    // Pictures load and charts draw after their message: a reader at the end stays there.
    const resized = new ResizeObserver(() => this.#atEnd && this.toEnd());
    resized.observe(this.list);
    resized.observe(this.node);
  }

  clear() {
    this.#kept.clear();
    this.list.replaceChildren();
  }

  show(messages, { lastRead = null, empty = null, toEnd = false } = {}) {
    const atEnd = toEnd || this.#atEnd;
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const focus = focused ? { ts: focused.closest(".message")?.dataset.ts, action: focused.dataset.action } : null;
    const rows = this.#rows(messages, lastRead);
    if (!rows.length && empty) rows.push({ key: "empty", build: () => h("div.empty", {}, empty) });
    const wanted = new Map();
    for (const row of rows) {
      const kept = this.#kept.get(row.key);
      wanted.set(row.key, kept && kept.stamp === row.stamp && kept.message === row.message ? kept : { node: row.build(), stamp: row.stamp, message: row.message });
    }
    for (const [key, kept] of this.#kept) if (wanted.get(key)?.node !== kept.node) kept.node.remove();
    let at = this.list.firstChild;
    for (const { node } of wanted.values()) {
      if (node === at) at = at.nextSibling;
      else this.list.insertBefore(node, at);
    }
    this.#kept = wanted;
    if (focus?.ts && !document.contains(focused)) {
      const again = this.list.querySelector(`[data-ts="${CSS.escape(focus.ts)}"]`);
      // Never another button: Enter would then do what nobody chose.
      const same = focus.action ? again?.querySelector(`[data-action="${CSS.escape(focus.action)}"]`) : null;
      (same ?? again ?? this.node).focus({ preventScroll: true });
    }
    if (atEnd) this.toEnd();
  }

  toEnd() {
    this.#atEnd = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  #rows(messages, lastRead) {
    const rows = [];
    const mine = this.view.deps.names.me;
    let before = null;
    let divided = lastRead === null;
    messages.forEach((message, index) => {
      const moment = fromTs(message.ts);
      const key = dayKey(moment);
      if (!this.inThread && (!before || dayKey(fromTs(before.ts)) !== key)) {
        rows.push({ key: `day ${key}`, build: () => h("div.day", { role: "separator" }, h("span", {}, day(moment))) });
        before = null;
      }
      if (!divided && Number(message.ts) > Number(lastRead) && message.user !== mine && !message.is_ephemeral) {
        divided = true;
        rows.push({ key: "new", build: () => h("div.new-line", { role: "separator" }, h("span", {}, "New")) });
        before = null;
      }
      const grouped = Boolean(before) && before.user === message.user && !before.reply_count && Number(message.ts) - Number(before.ts) < GROUP_SECONDS
        && Boolean(before.is_ephemeral) === Boolean(message.is_ephemeral) && !before.local && !message.local && !JOINED[message.subtype] && !(this.inThread && index < 2);
      rows.push({ key: message.ts, message, stamp: `${grouped}`, build: () => this.view.draw(message, { grouped, inThread: this.inThread }) });
      before = message;
    });
    return rows;
  }
}
