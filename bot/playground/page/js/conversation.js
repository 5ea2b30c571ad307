/* A channel or direct message, and the thread beside it: header, messages, composer. */

import { Composer } from "./composer.js";
import { h, icon, refresh, replace } from "./dom.js";
import { MessageList } from "./messages.js";
import { channelTitle } from "./names.js";

const inChannel = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";

function submitter(store, target) {
  return (text, { broadcast }) => {
    const { channel, thread } = target();
    const where = { channel, ...(thread ? { thread_ts: thread } : {}) };
    if (text.startsWith("/")) return store.send("slash", { ...where, text });
    return store.send("message", { ...where, text, ...(thread && broadcast ? { reply_broadcast: true } : {}) });
  };
}

function closedReason(channel, me) {
  if (me.deleted) return "This account is deactivated";
  if (channel?.is_archived) return "This channel is archived";
  return null;
}

export class ChannelView {
  #id = null;
  #lastRead = null;
  #drafts = new Map();

  /** deps: {store, names, view, shortcuts, header(parts) -> Node, tabs(current) -> Node} */
  constructor(deps) {
    this.deps = deps;
    this.list = new MessageList(deps.view);
    this.composer = new Composer({ names: deps.names, commands: () => deps.store.state?.commands ?? [], shortcuts: deps.shortcuts,
      submit: (text, options) => {
        this.list.toEnd();
        return submitter(deps.store, () => ({ channel: this.#id }))(text, options);
      } });
    this.composer.field.id = "composer";
    this.foot = h("div.foot");
    this.head = h("div.head-holder");
    this.node = h("div.view", {}, this.head, this.list.node, this.foot);
  }

  show(id) {
    const { store, header } = this.deps;
    const channel = store.channel(id);
    const opened = id !== this.#id;
    if (opened) {
      if (this.#id) this.#drafts.set(this.#id, this.composer.field.value);
      this.#id = id;
      this.list.clear();
      this.composer.set({ placeholder: "" });
      this.composer.load(this.#drafts.get(id) ?? "");
      this.#lastRead = channel?.unread ? channel.last_read : null;
    }
    if (!channel) {
      refresh(this.head, header({ title: "Not here" }));
      this.list.show([], { empty: "This channel does not exist, or you may not see it." });
      return replace(this.foot);
    }
    const title = channelTitle(channel, store);
    refresh(this.head, header({ title, glyph: channel.is_im ? null : channel.is_private ? "lock" : "hash", note: this.#note(channel) }));
    const messages = store.messages(id).filter(inChannel);
    this.list.show(messages, { lastRead: this.#lastRead, toEnd: opened,
      empty: channel.is_im ? `This is the beginning of your messages with ${title}.` : `This is the beginning of #${title}.` });
    if (!channel.is_im && !channel.is_member && !channel.is_archived) return this.#joinBar(channel, title);
    this.composer.set({ placeholder: channel.is_im ? `Message ${title}` : `Message #${title}`, disabled: closedReason(channel, store.state.me) });
    if (this.composer.node.parentNode !== this.foot) replace(this.foot, this.composer.node);
    return undefined;
  }

  /** Another person reads this: their own unread line, their own messages. */
  forget() {
    this.#id = null;
    this.list.clear();
  }

  #note(channel) {
    const { store, tabs } = this.deps;
    if (channel.is_im) return channel.user === store.state.app.bot_user ? tabs("messages") : null;
    const count = channel.members?.length ?? 0;
    return h("span.head-note", {},
      channel.is_archived ? h("span.tag", {}, "Archived") : null,
      channel.is_ext_shared ? h("span.tag", {}, "External") : null,
      h("span", {}, `${count} ${count === 1 ? "member" : "members"}`),
      channel.topic ? h("span.topic", {}, channel.topic) : null,
      channel.bot_is_member || channel.is_archived ? null
        : h("button.linklike", { type: "button", onclick: () => store.send("invite", { channel: channel.id }) }, `Invite ${store.state.app.name}`));
  }

  #joinBar(channel, title) {
    replace(this.foot, h("div.join-bar", {}, h("span", {}, `You are not in #${title}.`),
      h("button.primary", { type: "button", onclick: () => this.deps.store.send("join", { channel: channel.id }) }, "Join")));
  }
}

export class ThreadView {
  #where = null;

  /** deps: {store, names, view, close} */
  constructor(deps) {
    this.deps = deps;
    this.list = new MessageList(deps.view, { inThread: true });
    this.composer = new Composer({ names: deps.names, commands: () => deps.store.state?.commands ?? [], broadcast: true,
      submit: submitter(deps.store, () => this.#where) });
    this.node = h("div.view");
    this.foot = h("div.foot");
  }

  show(channelId, ts) {
    const { store, close } = this.deps;
    const channel = store.channel(channelId);
    const opened = this.#where?.channel !== channelId || this.#where?.thread !== ts;
    this.#where = { channel: channelId, thread: ts };
    const name = channelTitle(channel, store);
    const messages = store.messages(channelId).filter((one) => one.ts === ts || one.thread_ts === ts);
    if (opened) {
      this.list.clear();
      this.composer.load("");
      replace(this.node, paneHead("Thread", channel?.is_im ? name : `#${name}`, close), this.list.node, this.foot);
    }
    this.list.show(messages, { toEnd: opened && messages.length > 1, empty: "This thread does not exist any more." });
    const gone = closedReason(channel, store.state.me) ?? (channel && !channel.is_im && !channel.is_member ? "Join the channel to reply" : null);
    this.composer.set({ placeholder: "Reply in thread", disabled: gone, broadcast: channel?.is_im ? null : `Also send to #${name}` });
    if (this.composer.node.parentNode !== this.foot) replace(this.foot, this.composer.node);
  }

  left() {
    this.#where = null;
  }
}

/** The bar over the right-hand pane, with its close button. */
export function paneHead(title, note, close) {
  return h("header.pane-head", {},
    h("button.icon-button.phone-only", { type: "button", "aria-label": "Back", onclick: close }, icon("back")),
    h("h2", {}, title, note ? h("span.muted", {}, note) : null),
    h("button.icon-button.desktop-only", { type: "button", "aria-label": `Close ${title.toLowerCase()}`, onclick: close }, icon("close")));
}
