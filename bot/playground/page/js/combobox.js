/* A text field with a list of options under it: for selects whose options are searched, loaded, or several. */

import { h, replace } from "./dom.js";

const DELAY = 180;
let counter = 0;

/**
 * load(query) -> Promise of [{heading?, options: [{text, description?, value}]}]; `value` is whatever the caller stores.
 * same(a, b) tells whether two values are equal. change(values) gets the list of chosen options.
 */
export function combobox({ name, placeholder, chosen = [], many = false, most = Infinity, least = 0, load, same, change, describedBy }) {
  const id = `combo-${(counter += 1)}`;
  let picked = [...chosen];
  let shown = [];
  let active = -1;
  let round = 0;
  let timer;

  const list = h("div.options", { popover: "manual", role: "listbox", id, "aria-label": "Options" });
  const input = h("input.combo-input", {
    type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-controls": id,
    "aria-expanded": "false", "aria-label": name, placeholder: placeholder || "", "aria-describedby": describedBy,
  });
  const chips = h("span.chips");
  const box = h("div.combo", { class: many ? "many" : "" }, chips, input, list);

  const isOpen = () => list.matches(":popover-open");
  const rest = () => {
    input.value = many || !picked.length ? "" : picked[0].text;
  };
  const close = () => {
    if (isOpen()) list.hidePopover();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };
  const drawChips = () => {
    if (!many) return;
    replace(chips, picked.map((option) => h("span.chip", {}, option.text,
      h("button", { type: "button", "aria-label": `Remove ${option.text}`, onclick: () => {
        picked = picked.filter((other) => !same(other.value, option.value));
        drawChips();
        change(picked);
        input.focus();
      } }, "×"))));
  };
  const pick = (option) => {
    const has = picked.some((other) => same(other.value, option.value));
    if (!many) picked = [option];
    else if (has) picked = picked.filter((other) => !same(other.value, option.value));
    else if (picked.length < most) picked = [...picked, option];
    rest();
    drawChips();
    close();
    change(picked);
  };
  const mark = (index) => {
    const nodes = [...list.querySelectorAll('[role="option"]')];
    nodes[active]?.classList.remove("active");
    active = nodes.length ? (index + nodes.length) % nodes.length : -1;
    const node = nodes[active];
    if (!node) return;
    node.classList.add("active");
    node.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", node.id);
  };
  const open = () => {
    if (!isOpen()) list.showPopover();
    input.setAttribute("aria-expanded", "true");
    const rectangle = box.getBoundingClientRect();
    list.style.width = `${rectangle.width}px`;
    list.style.left = `${rectangle.left}px`;
    const below = window.innerHeight - rectangle.bottom - 12;
    list.style.maxHeight = `${Math.min(280, Math.max(below, rectangle.top - 12))}px`;
    list.style.top = below >= Math.min(list.offsetHeight, 280) || below > rectangle.top
      ? `${rectangle.bottom + 4}px` : `${Math.max(8, rectangle.top - 4 - list.offsetHeight)}px`;
  };
  const note = (text) => {
    shown = [];
    active = -1;
    replace(list, h("div.options-note", { role: "status" }, text));
    open();
  };
  const draw = (groups) => {
    shown = groups.flatMap((group) => group.options);
    active = -1;
    if (!shown.length) return note("No matches");
    let at = 0;
    replace(list, groups.map((group) => [
      group.heading ? h("div.options-heading", { role: "presentation" }, group.heading) : null,
      group.options.map((option) => {
        const on = picked.some((other) => same(other.value, option.value));
        return h("div.option", { role: "option", id: `${id}-${at++}`, "aria-selected": String(on),
          onpointerdown: (event) => event.preventDefault(), onclick: () => pick(option) },
          h("span", {}, option.text), option.description ? h("span.muted", {}, option.description) : null);
      }),
    ]));
    open();
    return mark(0);
  };
  const search = async (query) => {
    const mine = (round += 1);
    if (query.length < least) return note(least === 1 ? "Type to search" : `Type at least ${least} characters`);
    if (!isOpen()) note("Loading…");
    try {
      const groups = await load(query);
      if (mine === round && document.activeElement === input) draw(groups);
    } catch (problem) {
      if (mine === round) note(problem instanceof Error && problem.message ? problem.message : "The options could not be loaded");
    }
    return undefined;
  };
  const queryNow = () => (!many && picked.length && input.value === picked[0].text ? "" : input.value.trim());

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => search(input.value.trim()), DELAY);
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => search(queryNow()));
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    round += 1;
    close();
    rest();
  });
  input.addEventListener("keydown", (event) => {
    const opened = isOpen();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (opened) mark(active + (event.key === "ArrowDown" ? 1 : -1));
      else search(queryNow());
    } else if (event.key === "Enter" && opened && shown[active]) {
      event.preventDefault();
      event.stopPropagation();
      pick(shown[active]);
    } else if (event.key === "Escape" && opened) {
      event.preventDefault();
      event.stopPropagation();
      close();
      rest();
    } else if (event.key === "Backspace" && many && !input.value && picked.length) {
      picked = picked.slice(0, -1);
      drawChips();
      change(picked);
    }
  });
  rest();
  drawChips();
  return box;
}
