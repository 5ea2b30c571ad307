/* Block Kit's interactive elements. Each keeps its value in the surface's form and tells the surface what was chosen.
   A surface is {names, form, act(chosen) -> Promise<answer>, suggest(query) -> Promise<answer>}. */

import { combobox } from "./combobox.js";
import { h, icon, safeAddress } from "./dom.js";
import { label, textObject } from "./mrkdwn.js";
import { confirmed, openMenu } from "./popup.js";

/** Asks the confirm dialog, sends the click, shows that it is under way and a warning sign when nobody answered. */
async function fire(surface, { element, blockId, chosen, node }) {
  if (!(await confirmed(element.confirm, surface.names))) return false;
  node.setAttribute("aria-busy", "true");
  node.parentElement?.querySelector(":scope > .no-answer")?.remove();
  const answer = await surface.act({ block_id: blockId, action_id: element.action_id, ...chosen });
  node.removeAttribute("aria-busy");
  if (answer && !answer.ok) {
    const text = answer.message || "The app did not answer";
    node.after(h("span.no-answer", { role: "alert", title: text }, icon("warn", 16), h("span.hidden", {}, text)));
  }
  return true;
}

function button(element, blockId, surface) {
  const style = element.style === "primary" || element.style === "danger" ? element.style : "";
  const node = h("button", { type: "button", class: style, "aria-label": element.accessibility_label ?? null,
    dataset: { action: element.action_id ?? "", value: element.value ?? "" }, onclick: () => {
      if (node.getAttribute("aria-busy")) return;
      const address = element.url && safeAddress(element.url);
      if (address) window.open(address, "_blank", "noopener,noreferrer");
      fire(surface, { element, blockId, chosen: {}, node });
    } }, h("span", {}, label(element.text)));
  return node;
}

function overflow(element, blockId, surface) {
  const node = h("button.more", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions",
    dataset: { action: element.action_id ?? "" }, onclick: () =>
      openMenu(node, (element.options ?? []).map((option) => ({
        text: label(option.text),
        description: option.description ? label(option.description) : null,
        run: () => {
          const address = option.url && safeAddress(option.url);
          if (address) window.open(address, "_blank", "noopener,noreferrer");
          fire(surface, { element, blockId, chosen: { selected_option: option }, node });
        },
      })), "More actions") }, icon("more"));
  return node;
}

const optionView = (option) => ({ text: label(option.text), description: option.description ? label(option.description) : null, value: option });
const sameOption = (one, two) => one.value === two.value;

function groupsOf(source) {
  if (source.option_groups) {
    return source.option_groups.map((group) => ({ heading: label(group.label), options: (group.options ?? []).map(optionView) }));
  }
  return [{ options: (source.options ?? []).map(optionView) }];
}

const matching = (groups, query) => groups
  .map((group) => ({ ...group, options: group.options.filter((option) => option.text.toLowerCase().includes(query.toLowerCase())) }))
  .filter((group) => group.options.length);

function nativeSelect(element, context) {
  const { surface, blockId, change, describedBy, name } = context;
  const state = surface.form.open(blockId, element.action_id, { type: element.type, selected_option: element.initial_option ?? null });
  const all = (element.option_groups ?? [{ options: element.options ?? [] }]).flatMap((group) => group.options ?? []);
  const index = (option) => String(all.findIndex((other) => option && other.value === option.value));
  const choice = (option) => h("option", { value: index(option) }, label(option.text));
  const node = h("select", { "aria-label": name, "aria-describedby": describedBy, dataset: { action: element.action_id ?? "" },
    onchange: () => change({ selected_option: all[Number(node.value)] ?? null }, node) },
    h("option", { value: "-1" }, label(element.placeholder) || "Choose"),
    element.option_groups
      ? element.option_groups.map((group) => h("optgroup", { label: label(group.label) }, group.options.map(choice)))
      : all.map(choice));
  node.value = index(state.selected_option);
  return h("span.select", {}, node, icon("down", 16));
}

/** How each searched select names its value, and where its options come from. */
function sources(element, context) {
  const { surface, blockId } = context;
  const list = (items) => async (query) => matching([{ options: items() }], query);
  const people = () => surface.names.people().map((one) => ({ text: one.name, description: one.real_name, value: one.id }));
  const channels = () => surface.names.channels().map((one) => ({ text: `#${one.name}`, value: one.id }));
  const kind = element.type.replace(/^multi_/, "");
  switch (kind) {
    case "users_select":
      return { key: "selected_user", initial: element.initial_user ?? element.initial_users, load: list(people), view: (id) => people().find((one) => one.value === id) };
    case "channels_select":
      return { key: "selected_channel", initial: element.initial_channel ?? element.initial_channels, load: list(channels), view: (id) => channels().find((one) => one.value === id) };
    case "conversations_select":
      return { key: "selected_conversation", initial: element.initial_conversation ?? element.initial_conversations, load: list(channels), view: (id) => channels().find((one) => one.value === id) };
    case "static_select":
      return { key: "selected_option", initial: element.initial_option ?? element.initial_options, load: async (query) => matching(groupsOf(element), query), view: optionView, same: sameOption };
    default:
      return { key: "selected_option", initial: element.initial_option ?? element.initial_options, view: optionView, same: sameOption, load: async (query) => {
        const answer = await surface.suggest({ block_id: blockId, action_id: element.action_id, value: query });
        if (!answer.ok) throw new Error(answer.message || "The options could not be loaded");
        return groupsOf(answer);
      } };
  }
}

function searched(element, context) {
  const { surface, blockId, change, describedBy, name } = context;
  const many = element.type.startsWith("multi_");
  const source = sources(element, context);
  const key = many ? `${source.key}s` : source.key;
  const state = surface.form.open(blockId, element.action_id, { type: element.type, [key]: source.initial ?? (many ? [] : null) });
  const current = many ? state[key] ?? [] : state[key] ? [state[key]] : [];
  const node = combobox({
    name, describedBy, many, placeholder: label(element.placeholder), chosen: current.map(source.view).filter(Boolean), most: element.max_selected_items,
    least: element.type.endsWith("external_select") ? element.min_query_length ?? 3 : 0,
    load: source.load, same: source.same ?? ((one, two) => one === two),
    change: (picked) => change({ [key]: many ? picked.map((one) => one.value) : picked[0]?.value ?? null }, node),
  });
  return node;
}

function choices(element, context) {
  const { surface, blockId, change } = context;
  const many = element.type === "checkboxes";
  const initial = many ? { selected_options: element.initial_options ?? [] } : { selected_option: element.initial_option ?? null };
  const state = surface.form.open(blockId, element.action_id, { type: element.type, ...initial });
  const group = `choice-${blockId}-${element.action_id}`;
  const chosen = () => (many ? state.selected_options ?? [] : [state.selected_option].filter(Boolean));
  const set = new Set(chosen().map((option) => option.value));
  const node = h("div.choices", { role: many ? "group" : "radiogroup", "aria-label": context.name });
  node.append(...(element.options ?? []).map((option) => h("label", {},
    h("input", { type: many ? "checkbox" : "radio", name: group, checked: set.has(option.value), onchange: (event) => {
      if (!many) return change({ selected_option: option }, node);
      if (event.target.checked) set.add(option.value);
      else set.delete(option.value);
      return change({ selected_options: element.options.filter((one) => set.has(one.value)) }, node);
    } }),
    h("span", {}, textObject(option.text, surface.names), option.description ? h("span.muted", {}, textObject(option.description, surface.names)) : null))));
  return node;
}

const richValue = (text) => ({ type: "rich_text", elements: [{ type: "rich_text_section", elements: text ? [{ type: "text", text }] : [] }] });
const KEYBOARD = { number_input: "decimal", email_text_input: "email", url_text_input: "url" };

function textInput(element, context) {
  const { surface, blockId, change, keep, describedBy, name } = context;
  const rich = element.type === "rich_text_input";
  const initial = rich ? { rich_text_value: element.initial_value ?? null } : { value: element.initial_value ?? null };
  const state = surface.form.open(blockId, element.action_id, { type: element.type, ...initial });
  const shown = rich ? (state.rich_text_value?.elements ?? []).flatMap((one) => one.elements ?? []).map((one) => one.text ?? "").join("") : state.value;
  const many = element.multiline || rich;
  const read = () => (rich ? { rich_text_value: node.value ? richValue(node.value) : null } : { value: node.value === "" ? null : node.value });
  const node = h(many ? "textarea" : "input", {
    type: many ? null : "text", rows: many ? 4 : null, inputmode: KEYBOARD[element.type], value: shown ?? "", autocomplete: "off",
    placeholder: label(element.placeholder), maxlength: element.max_length, "aria-label": name, "aria-describedby": describedBy,
    autofocus: element.focus_on_load ? true : null, dataset: { action: element.action_id ?? "" },
    oninput: () => keep(read()),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.isComposing || (many && !event.ctrlKey && !event.metaKey)) return;
      event.preventDefault();
      if (context.dispatch) change(read(), node);
      else surface.submit?.();
    },
  });
  return node;
}

const local = (seconds) => {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const MOMENTS = {
  datepicker: { kind: "date", key: "selected_date", initial: "initial_date", show: (value) => value, read: (text) => text || null },
  timepicker: { kind: "time", key: "selected_time", initial: "initial_time", show: (value) => value, read: (text) => text || null },
  datetimepicker: { kind: "datetime-local", key: "selected_date_time", initial: "initial_date_time", show: local,
    read: (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null) },
};

function moment(element, context) {
  const { surface, blockId, change, describedBy, name } = context;
  const how = MOMENTS[element.type];
  const state = surface.form.open(blockId, element.action_id, { type: element.type, [how.key]: element[how.initial] ?? null });
  const node = h("input", { type: how.kind, value: state[how.key] ? how.show(state[how.key]) : "", "aria-label": name, "aria-describedby": describedBy,
    onchange: () => change({ [how.key]: how.read(node.value) }, node) });
  return node;
}

/** `input`: {name, describedBy, dispatch} when the element stands in an input block, else null: then every choice is a click. */
export function element(spec, { blockId, surface, input = null }) {
  if (spec.type === "button") return button(spec, blockId, surface);
  if (spec.type === "overflow") return overflow(spec, blockId, surface);
  const keep = (chosen) => surface.form.set(blockId, spec.action_id, { type: spec.type, ...chosen });
  const dispatch = !input || input.dispatch;
  surface.shown?.push([blockId, spec.action_id]);
  const context = {
    surface, blockId, keep, dispatch, name: input?.name ?? (label(spec.placeholder) || spec.action_id), describedBy: input?.describedBy,
    change: (chosen, node) => {
      keep(chosen);
      if (dispatch) fire(surface, { element: spec, blockId, chosen, node });
    },
  };
  switch (spec.type) {
    case "static_select":
      return nativeSelect(spec, context);
    case "external_select": case "users_select": case "channels_select": case "conversations_select":
    case "multi_static_select": case "multi_external_select": case "multi_users_select": case "multi_channels_select": case "multi_conversations_select":
      return searched(spec, context);
    case "checkboxes": case "radio_buttons":
      return choices(spec, context);
    case "plain_text_input": case "number_input": case "email_text_input": case "url_text_input": case "rich_text_input":
      return textInput(spec, context);
    case "datepicker": case "timepicker": case "datetimepicker":
      return moment(spec, context);
    default:
      return h("span.unknown", {}, spec.type ?? "unknown");
  }
}
