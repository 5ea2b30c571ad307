/* The stack of views the app opened. The server holds the stack; here is its top, with what was typed so far. */

import { blocks } from "./blocks.js";
import { h, icon, replace } from "./dom.js";
import { FormState } from "./form.js";
import { label } from "./mrkdwn.js";

const FIELDS = "input:not([disabled]), textarea, select";

export class Modal {
  #forms = new Map();
  #view = null;
  #errors = {};
  #problem = "";
  #busy = false;
  #stamp = "";

  constructor({ store, names }) {
    this.store = store;
    this.names = names;
    this.dialog = h("dialog.modal", {
      oncancel: (event) => {
        event.preventDefault();
        this.#close(false);
      },
    });
    document.body.append(this.dialog);
  }

  /** The stack as the server has it now. */
  show(stack, errors) {
    const top = stack[stack.length - 1] ?? null;
    for (const id of this.#forms.keys()) if (!stack.some((view) => view.id === id)) this.#forms.delete(id);
    if (!top) {
      this.#view = null;
      this.#stamp = "";
      if (this.dialog.open) this.dialog.close();
      return;
    }
    const fresh = top.id !== this.#view?.id;
    const moved = fresh || top.hash !== this.#view.hash;
    this.#view = top;
    this.depth = stack.length;
    if (moved) {
      this.#errors = {};
      this.#problem = "";
      this.#busy = false;
    }
    if (errors) this.#errors = errors;
    const stamp = JSON.stringify([top.id, top.hash, this.#errors, stack.length]);
    if (stamp === this.#stamp && this.dialog.open) return;
    this.#stamp = stamp;
    this.#draw(fresh);
  }

  #surface(view) {
    if (!this.#forms.has(view.id)) this.#forms.set(view.id, new FormState(view.state?.values));
    const form = this.#forms.get(view.id);
    const source = { type: "view", view_id: view.id };
    return {
      names: this.names, form, shown: [], errors: this.#errors,
      act: (chosen) => this.store.send("click", { source, ...chosen, state: form.values() }),
      suggest: (query) => this.store.send("suggest", { source, ...query }),
      submit: () => this.#submit(),
    };
  }

  #draw(fresh) {
    const view = this.#view;
    const title = label(view.title) || "Dialog";
    const surface = this.#surface(view);
    const drawn = blocks(view.blocks, surface);
    surface.form.keep(surface.shown);
    const focused = this.dialog.contains(document.activeElement) ? document.activeElement : null;
    const refocus = focused && !fresh ? { id: focused.closest("[data-block]")?.dataset.block, action: focused.dataset.action, caret: focused.selectionStart } : null;
    const scroll = fresh ? 0 : this.dialog.querySelector(".modal-body")?.scrollTop ?? 0;
    this.dialog.setAttribute("aria-label", title);
    replace(this.dialog,
      h("header.modal-head", {},
        this.depth > 1 ? h("button.icon-button", { type: "button", "aria-label": "Back", onclick: () => this.#close(false) }, icon("back")) : null,
        h("h2", {}, title),
        h("button.icon-button", { type: "button", "aria-label": "Close", onclick: () => this.#close(true) }, icon("close"))),
      h("div.modal-body", { tabindex: "-1" }, drawn),
      h("footer.modal-foot", {},
        this.#problem ? h("p.field-error", { role: "alert" }, icon("warn", 16), this.#problem) : null,
        h("div.dialog-buttons", {},
          h("button", { type: "button", onclick: () => this.#close(false) }, label(view.close) || (view.submit ? "Cancel" : "Close")),
          view.submit ? h("button.primary", { type: "button", class: "submit", disabled: this.#busy || Boolean(view.submit_disabled),
            "aria-busy": this.#busy ? "true" : null, onclick: () => this.#submit() }, h("span", {}, label(view.submit))) : null)));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector(".modal-body").scrollTop = scroll;
    this.#focus(refocus);
  }

  #focus(refocus) {
    const wrong = this.dialog.querySelector('[aria-invalid="true"]');
    if (wrong) return wrong.focus();
    if (refocus) {
      const home = refocus.id ? this.dialog.querySelector(`[data-block="${CSS.escape(refocus.id)}"]`) : null;
      const again = home?.querySelector(FIELDS) ?? (refocus.action ? this.dialog.querySelector(`[data-action="${CSS.escape(refocus.action)}"]`) : null);
      if (again) {
        again.focus({ preventScroll: true });
        if (refocus.caret !== null && refocus.caret !== undefined && again.setSelectionRange) again.setSelectionRange(refocus.caret, refocus.caret);
        return undefined;
      }
    }
    const body = this.dialog.querySelector(".modal-body");
    // Without a field the text gets the focus, never the submit button: Enter must not approve what nobody has read.
    const first = body.querySelector("[autofocus]") ?? body.querySelector(FIELDS) ?? body;
    return first.focus({ preventScroll: true });
  }

  async #submit() {
    const view = this.#view;
    if (!view?.submit || this.#busy) return;
    this.#busy = true;
    this.#problem = "";
    this.#errors = {};
    this.#draw(false);
    const answer = await this.store.send("submit", { view_id: view.id, state: this.#forms.get(view.id)?.values() ?? { values: {} } });
    this.#busy = false;
    if (!this.#view || this.#view.id !== view.id) return;
    if (!answer.ok) {
      this.#errors = answer.errors ?? {};
      this.#problem = answer.error === "validation" && answer.errors ? "" : answer.message || "We had some trouble connecting. Try again?";
    }
    this.#draw(false);
  }

  async #close(all) {
    const view = this.#view;
    if (!view) return;
    const answer = await this.store.send("close", { view_id: view.id, ...(all ? { all: true } : {}) });
    if (answer.ok || this.#view?.id !== view.id) return;
    // The server no longer knows this view: keeping it open would trap the person.
    this.show([], null);
  }
}
