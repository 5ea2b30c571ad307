/* The two pages that are no conversation: the app's Home tab, and the cards that wait for a person. */

import { blocks } from "./blocks.js";
import { h, refresh, replace } from "./dom.js";
import { FormState } from "./form.js";
import { channelTitle } from "./names.js";

const isPrimary = (element) => element?.style === "primary";

/** A primary button means that the card waits for a person. */
export function waits(message) {
  if (message.is_ephemeral || message.subtype === "tombstone") return false;
  return (message.blocks ?? []).some((block) => (block.elements ?? []).some(isPrimary) || isPrimary(block.accessory));
}

export function waitingMessages(store) {
  return Object.values(store.state.messages).flat().filter(waits).sort((one, two) => Number(two.ts) - Number(one.ts));
}

export class HomeView {
  #form = new FormState();
  #drawn = null;

  constructor({ store, names, header, tabs }) {
    Object.assign(this, { store, names, header, tabs });
    this.head = h("div.head-holder");
    this.body = h("div.scroll.page", { tabindex: "-1" });
    this.node = h("div.view", {}, this.head, this.body);
  }

  show() {
    const { state } = this.store;
    refresh(this.head, this.header({ title: state.app.name, note: this.tabs("home") }));
    const view = state.home;
    if (this.#drawn === (view ?? "none")) return;
    this.#drawn = view ?? "none";
    if (!view) {
      replace(this.body, h("div.empty", {}, `${state.app.name} has not published its Home yet.`));
      return;
    }
    const form = this.#form;
    const source = { type: "view", view_id: view.id };
    const surface = {
      names: this.names, form, shown: [],
      act: (chosen) => this.store.send("click", { source, ...chosen, state: form.values() }),
      suggest: (query) => this.store.send("suggest", { source, ...query }),
    };
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset : null;
    const drawn = blocks(view.blocks, surface);
    form.keep(surface.shown);
    const scrolled = this.body.scrollTop;
    replace(this.body, h("div.home", {}, drawn));
    this.body.scrollTop = scrolled;
    if (focused?.action) {
      const value = focused.value ? `[data-value="${CSS.escape(focused.value)}"]` : "";
      this.body.querySelector(`[data-action="${CSS.escape(focused.action)}"]${value}`)?.focus({ preventScroll: true });
    }
  }

  /** Another person sees another Home. */
  forget() {
    this.#drawn = null;
    this.#form = new FormState();
  }
}

export class WaitingView {
  constructor({ store, view, header, go }) {
    Object.assign(this, { store, view, header, go });
    this.head = h("div.head-holder");
    this.body = h("div.scroll.page", { tabindex: "-1" });
    this.node = h("div.view", {}, this.head, this.body);
  }

  show() {
    const messages = waitingMessages(this.store);
    refresh(this.head, this.header({ title: "Waiting", note: h("span.head-note", {}, "Cards that wait for a person, newest first") }));
    if (this.same(messages)) return;
    const scrolled = this.body.scrollTop;
    this.shown = messages;
    replace(this.body, messages.length ? messages.map((message) => {
      const channel = this.store.channel(message.channel);
      const name = channel?.is_im ? channelTitle(channel, this.store) : `#${channelTitle(channel, this.store)}`;
      return h("section.waiting", {}, h("button.linklike.waiting-where", { type: "button", onclick: () => this.go({ page: "channel", channel: message.channel, at: message.ts }) }, name),
        this.view.draw(message, { grouped: false, inThread: false }));
    }) : h("div.empty", {}, "Nothing waits for anybody."));
    this.body.scrollTop = scrolled;
  }

  same(messages) {
    return this.shown?.length === messages.length && this.shown.every((one, index) => one === messages[index]);
  }
}
