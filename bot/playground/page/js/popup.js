/* Menus and confirm dialogs. Both live in the browser's top layer, close on Escape and give the focus back. */

import { h, icon } from "./dom.js";
import { label, textObject } from "./mrkdwn.js";

const GAP = 4;

function place(popup, trigger) {
  const box = trigger.getBoundingClientRect();
  const height = popup.offsetHeight;
  const below = window.innerHeight - box.bottom - GAP;
  const top = below >= height || below >= box.top ? box.bottom + GAP : Math.max(8, box.top - GAP - height);
  popup.style.top = `${Math.min(top, Math.max(8, window.innerHeight - height - 8))}px`;
  popup.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - popup.offsetWidth - 8))}px`;
}

/** items: {text, description?, mark?, run} . Arrow keys move, Enter picks, Escape and a click elsewhere close. */
export function openMenu(trigger, items, name) {
  const popup = h("div.menu", { popover: "auto", role: "menu", "aria-label": name });
  const close = () => popup.hidePopover();
  for (const item of items) {
    popup.append(h("button", { type: "button", role: item.mark === undefined ? "menuitem" : "menuitemradio",
      "aria-checked": item.mark === undefined ? null : String(item.mark), tabindex: "-1", onclick: () => {
        close();
        item.run();
      } }, h("span.menu-text", {}, item.text), item.description ? h("span.muted", {}, item.description) : null,
      item.mark ? icon("check", 16) : null));
  }
  popup.addEventListener("keydown", (event) => {
    const buttons = [...popup.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Tab") close();
    if (move === undefined) return;
    event.preventDefault();
    buttons[(move + buttons.length) % buttons.length]?.focus();
  });
  popup.addEventListener("toggle", (event) => {
    trigger.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "closed") {
      const inside = popup.contains(document.activeElement);
      popup.remove();
      if (inside || document.activeElement === document.body) trigger.focus({ preventScroll: true });
    }
  });
  (trigger.closest("dialog") ?? document.body).append(popup);
  popup.showPopover();
  place(popup, trigger);
  (popup.querySelector('[aria-checked="true"]') ?? popup.querySelector("button"))?.focus();
}

/** A Block Kit confirm object, or none. Resolves to whether the person went on. */
export function confirmed(object, names) {
  if (!object) return Promise.resolve(true);
  return new Promise((resolve) => {
    let answer = false;
    const finish = (value) => () => {
      answer = value;
      dialog.close();
    };
    const dialog = h("dialog.confirm", { "aria-label": label(object.title) || "Are you sure?" },
      h("h2", {}, label(object.title) || "Are you sure?"),
      h("div.confirm-text", {}, textObject(object.text, names)),
      h("div.dialog-buttons", {},
        h("button", { type: "button", onclick: finish(false) }, label(object.deny) || "Cancel"),
        h("button", { type: "button", class: object.style === "danger" ? "danger solid" : "primary", onclick: finish(true) },
          label(object.confirm) || "Yes")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A small dialog with one text field. Resolves to the text, or null. */
export function askText({ title, value, action }) {
  return new Promise((resolve) => {
    let answer = null;
    const field = h("textarea", { rows: "4", value, "aria-label": title });
    const dialog = h("dialog.confirm", { "aria-label": title }, h("h2", {}, title), field, h("div.dialog-buttons", {},
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button.primary", { type: "button", onclick: () => {
        answer = field.value.trim() || null;
        dialog.close();
      } }, action)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}
