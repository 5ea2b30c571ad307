/* The field a person writes in: Enter sends, `/` completes commands with their usage, `@` and `#` complete names. */

import { h, icon, replace } from "./dom.js";

let counter = 0;

const begins = (word, query) => word.toLowerCase().startsWith(query.toLowerCase());

/** What the caret stands in: a command at the very beginning, or a word that begins with @ or #. */
function asked(text, caret) {
  const head = text.slice(0, caret);
  const command = /^\/[\w-]*$/.exec(head);
  if (command) return { kind: "/", query: command[0], from: 0 };
  const word = /(?:^|\s)([@#])([\w.-]*)$/.exec(head);
  return word ? { kind: word[1], query: word[2], from: caret - word[2].length - 1 } : null;
}

export class Composer {
  #shown = [];
  #active = 0;
  #sent = [];
  #busy = false;

  /** deps: {names, commands(), submit(text, {broadcast}) -> Promise<{ok, message}>, shortcuts?(trigger), broadcast?: label} */
  constructor(deps) {
    this.deps = deps;
    const id = `completion-${(counter += 1)}`;
    this.list = h("div.completion", { id, role: "listbox", "aria-label": "Completions", hidden: true });
    this.usage = h("div.usage", { hidden: true, "aria-live": "polite" });
    this.problem = h("div.composer-error", { role: "alert", hidden: true });
    this.field = h("textarea", { rows: "1", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
      "aria-label": "Message", autocomplete: "off", spellcheck: "true", enterkeyhint: "send",
      oninput: () => this.#changed(), onkeydown: (event) => this.#key(event), onclick: () => this.#complete(),
      onblur: () => setTimeout(() => this.#close(), 120) });
    this.button = h("button.send", { type: "button", "aria-label": "Send", title: "Send (Enter)", disabled: true, onclick: () => this.#send() }, icon("send"));
    this.also = h("input", { type: "checkbox" });
    this.alsoLabel = h("label.also", { hidden: true }, this.also, h("span"));
    this.bolt = h("button.icon-button", { type: "button", "aria-label": "Shortcuts", title: "Shortcuts", "aria-haspopup": "menu",
      onclick: () => deps.shortcuts?.(this.bolt) }, icon("bolt"));
    this.node = h("div.composer", {}, this.list, this.problem, this.usage,
      h("div.composer-box", {}, deps.shortcuts ? this.bolt : null, this.field, this.button), deps.broadcast ? this.alsoLabel : null);
  }

  /** {placeholder, disabled: reason or null, broadcast: label or null} */
  set({ placeholder, disabled = null, broadcast = null }) {
    this.field.placeholder = disabled ?? placeholder;
    this.field.setAttribute("aria-label", placeholder);
    this.field.disabled = Boolean(disabled);
    this.alsoLabel.hidden = !broadcast;
    this.alsoLabel.lastChild.textContent = broadcast ?? "";
  }

  /** Put text into the field, without opening the completion. */
  load(text) {
    this.field.value = text;
    this.#changed();
    this.#close();
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  #changed() {
    this.problem.hidden = true;
    this.button.disabled = !this.field.value.trim() || this.#busy;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 180)}px`;
    this.#complete();
    this.#hint();
  }

  #hint() {
    const command = /^(\/[\w-]+)\s/.exec(this.field.value);
    const known = command && this.deps.commands().find((one) => one.command === command[1]);
    this.usage.hidden = !known;
    if (known) replace(this.usage, h("code", {}, `${known.command} ${known.usage_hint ?? ""}`.trim()), h("span.muted", {}, known.description));
  }

  #candidates(ask) {
    const { names } = this.deps;
    if (ask.kind === "/") {
      return this.deps.commands().filter((one) => begins(one.command, ask.query))
        .map((one) => ({ insert: `${one.command} `, title: one.command, hint: one.usage_hint, note: one.description }));
    }
    if (ask.kind === "#") {
      return names.channels().filter((one) => begins(one.name, ask.query)).map((one) => ({ insert: `#${one.name} `, title: `#${one.name}`, note: one.topic }));
    }
    const people = names.people().filter((one) => begins(one.name, ask.query) || begins(one.real_name ?? "", ask.query));
    const groups = names.groups().filter((one) => begins(one.handle, ask.query));
    return [...people.map((one) => ({ insert: `@${one.name} `, title: `@${one.name}`, note: [one.real_name, one.title].filter(Boolean).join(", ") })),
      ...groups.map((one) => ({ insert: `@${one.handle} `, title: `@${one.handle}`, note: one.name }))];
  }

  #complete() {
    const ask = asked(this.field.value, this.field.selectionStart ?? 0);
    this.#shown = ask ? this.#candidates(ask).slice(0, 12).map((one) => ({ ...one, from: ask.from })) : [];
    if (!this.#shown.length) return this.#close();
    this.#active = 0;
    replace(this.list, this.#shown.map((one, index) => h("div.option", { role: "option", id: `${this.list.id}-${index}`,
      onpointerdown: (event) => event.preventDefault(), onclick: () => this.#pick(index) },
      h("span.option-title", {}, one.title, one.hint ? h("code.hint-code", {}, one.hint) : null), one.note ? h("span.muted", {}, one.note) : null)));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    return this.#mark(0);
  }

  #mark(index) {
    const nodes = [...this.list.children];
    nodes[this.#active]?.classList.remove("active");
    nodes[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = (index + nodes.length) % nodes.length;
    const node = nodes[this.#active];
    node.classList.add("active");
    node.setAttribute("aria-selected", "true");
    node.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", node.id);
  }

  #close() {
    this.list.hidden = true;
    this.#shown = [];
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  #pick(index) {
    const one = this.#shown[index];
    const caret = this.field.selectionStart ?? this.field.value.length;
    const rest = this.field.value.slice(caret).replace(/^\S*\s?/, "");
    this.field.value = `${this.field.value.slice(0, one.from)}${one.insert}${rest}`;
    const at = one.from + one.insert.length;
    this.field.focus();
    this.field.setSelectionRange(at, at);
    this.#changed();
    this.#close();
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.#shown.length) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        this.#mark(this.#active + (event.key === "ArrowDown" ? 1 : -1));
        return;
      }
      const whole = this.#shown[this.#active]?.insert.trim() === this.field.value.trim();
      if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey && !whole)) {
        event.preventDefault();
        this.#pick(this.#active);
        return;
      }
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        this.#close();
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "ArrowUp" && !this.field.value && this.#sent.length) {
      event.preventDefault();
      this.load(this.#sent[this.#sent.length - 1]);
    }
  }

  async #send() {
    const text = this.field.value.trim();
    if (!text || this.#busy) return;
    this.#busy = true;
    this.#sent.push(text);
    const broadcast = this.also.checked;
    this.load("");
    const answer = await this.deps.submit(text, { broadcast });
    this.#busy = false;
    this.also.checked = false;
    if (answer.ok) {
      this.button.disabled = !this.field.value.trim();
      return;
    }
    if (!this.field.value) this.field.value = text;
    this.#changed();
    this.#close();
    this.problem.textContent = answer.message || answer.error || "This could not be sent";
    this.problem.hidden = false;
  }
}
