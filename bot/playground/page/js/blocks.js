/* Block Kit blocks as DOM nodes, for messages, modals and the Home tab alike. A block this page does not know
   becomes a grey box with its type, so that nothing is dropped without a sign. */

import { chartBlock } from "./chart.js";
import { h, icon, ownFile } from "./dom.js";
import { element } from "./elements.js";
import { label, plainText, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { dataTableBlock, tableBlock } from "./table.js";

const FOLD_FROM = 700;

export const unknown = (type) => h("div.unknown", {}, `Block "${type ?? "without a type"}" is not drawn here`);

const pictureAddress = (source) => ownFile(source) ?? (/^https:\/\//i.test(source ?? "") ? source : null);

export function picture(source, alt, { small = false } = {}) {
  const address = pictureAddress(source);
  const missing = () => h("div.no-picture", { class: small ? "small" : "", role: "img", "aria-label": alt || "Picture" },
    small ? null : [icon("file", 22), h("span", {}, alt || "This picture is not available")]);
  if (!address) return missing();
  const node = h("img", { src: address, alt: alt ?? "", loading: "lazy", class: small ? "small" : "" });
  const whole = small ? node : h("a.picture", { href: address, target: "_blank", rel: "noopener noreferrer" }, node);
  node.addEventListener("error", () => whole.replaceWith(missing()));
  return whole;
}

function fold(node, block) {
  const source = block.text?.text ?? "";
  if (block.expand || (source.length <= FOLD_FROM && source.split("\n").length <= 14)) return node;
  const toggle = h("button.linklike", { type: "button", "aria-expanded": "false", onclick: () => {
    const folded = node.classList.toggle("folded");
    toggle.textContent = folded ? "See more" : "See less";
    toggle.setAttribute("aria-expanded", String(!folded));
  } }, "See more");
  node.classList.add("folded");
  return [node, toggle];
}

function section(block, surface) {
  const body = h("div.section-body", {},
    block.text ? fold(textObject(block.text, surface.names), block) : null,
    block.fields ? h("div.fields", {}, block.fields.map((field) => h("div.field", {}, textObject(field, surface.names)))) : null);
  if (!block.accessory) return h("div.section", {}, body);
  const side = block.accessory.type === "image"
    ? picture(block.accessory.image_url, block.accessory.alt_text, { small: true })
    : element(block.accessory, { blockId: block.block_id, surface });
  return h("div.section.has-accessory", {}, body, h("div.accessory", {}, side));
}

function context(block, surface) {
  return h("div.context", {}, (block.elements ?? []).map((one) =>
    one.type === "image" ? picture(one.image_url, one.alt_text, { small: true }) : textObject(one, surface.names)));
}

function image(block) {
  return h("figure.image", {}, block.title ? h("figcaption", {}, label(block.title)) : null, picture(block.image_url, block.alt_text));
}

let counter = 0;

function input(block, surface) {
  const id = `field-${(counter += 1)}`;
  const name = label(block.label);
  const problem = surface.errors?.[block.block_id];
  const control = element(block.element ?? {}, { blockId: block.block_id, surface,
    input: { name, dispatch: block.dispatch_action === true, describedBy: `${id}-error ${id}-hint` } });
  const target = control.matches("input, textarea") ? control : control.querySelector("input, select, textarea");
  if (target && !control.classList.contains("choices")) target.id = id;
  if (problem) target?.setAttribute("aria-invalid", "true");
  return h("div.input", { class: problem ? "wrong" : "", dataset: { block: block.block_id ?? "" } },
    h("label.input-label", { for: id }, name, block.optional ? h("span.muted", {}, " (optional)") : null),
    control,
    problem ? h("p.field-error", { id: `${id}-error`, role: "alert" }, icon("warn", 16), problem) : null,
    block.hint ? h("p.hint", { id: `${id}-hint` }, label(block.hint)) : null);
}

function block(one, surface) {
  switch (one?.type) {
    case "header":
      return h("h3.header", {}, label(one.text));
    case "section":
      return section(one, surface);
    case "divider":
      return h("hr");
    case "context":
      return context(one, surface);
    case "actions":
      return h("div.actions", {}, (one.elements ?? []).map((part) => element(part, { blockId: one.block_id, surface })));
    case "image":
      return image(one);
    case "input":
      return input(one, surface);
    case "rich_text":
      return richText(one, surface.names);
    case "table":
      return tableBlock(one, surface.names);
    case "data_table":
      return dataTableBlock(one, surface.names);
    case "data_visualization":
      return chartBlock(one);
    case "alert":
      return h("div.alert", { role: "note", class: plainText(one.level ?? "") }, icon("warn", 18), textObject(one.text, surface.names));
    default:
      return unknown(one?.type);
  }
}

/** All blocks of a surface, in order; each carries its type for the style sheet. */
export function blocks(list, surface) {
  return h("div.blocks", {}, (list ?? []).map((one) => {
    const node = block(one, surface);
    node.classList.add("block");
    if (one?.type) node.dataset.type = one.type;
    return node;
  }));
}
