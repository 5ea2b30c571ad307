/* table and data_table blocks: a header row, sorting and pages for data_table, sideways scrolling inside the block. */

import { h, replace } from "./dom.js";
import { plainText } from "./mrkdwn.js";
import { richText } from "./richtext.js";

function cell(value, names) {
  switch (value?.type) {
    case "rich_text":
      return richText(value, names);
    case "raw_number":
      return value.text ?? (value.value === undefined ? "" : String(value.value));
    case "raw_text":
      return plainText(value.text);
    default:
      return value?.text === undefined ? "" : plainText(typeof value.text === "object" ? value.text.text : value.text);
  }
}

const isNumber = (value) => value?.type === "raw_number";

function align(block, column, value) {
  const setting = block.column_settings?.[column] ?? {};
  const side = setting.align ?? (isNumber(value) ? "right" : "left");
  return `${side === "right" ? "right" : side === "center" ? "center" : "left"}${setting.is_wrapped ? " wrapped" : ""}`;
}

function shell(caption, head, body) {
  return h("div.scroller", { tabindex: "0", role: "group", "aria-label": caption || "Table" },
    h("table", {}, caption ? h("caption", {}, caption) : null, head, body));
}

export function tableBlock(block, names) {
  const [first = [], ...rest] = block.rows ?? [];
  return h("div.table", {}, shell("",
    h("thead", {}, h("tr", {}, first.map((value, column) => h("th", { scope: "col", class: align(block, column, value) }, cell(value, names))))),
    h("tbody", {}, rest.map((row) => h("tr", {}, row.map((value, column) => h("td", { class: align(block, column, value) }, cell(value, names))))))));
}

const sortable = (value) => (isNumber(value) ? Number(value.value ?? value.text) : String(value?.text ?? "").toLowerCase());

export function dataTableBlock(block, names) {
  const [first = [], ...rows] = block.rows ?? [];
  const size = Math.min(100, Math.max(1, Number(block.page_size) || 5));
  const rowHeader = block.row_header_column_index ?? 0;
  const state = { page: 0, column: -1, up: true };
  const node = h("div.table");

  const header = (value, column) => {
    const sorted = state.column === column;
    return h("th", { scope: "col", "aria-sort": sorted ? (state.up ? "ascending" : "descending") : null, class: align(block, column, rows[0]?.[column] ?? value) },
      h("button.linklike", { type: "button", onclick: () => {
        state.up = sorted ? !state.up : true;
        state.column = column;
        state.page = 0;
        draw();
        node.querySelectorAll("th button")[column]?.focus();
      } }, cell(value, names), h("span.sort", { "aria-hidden": "true" }, sorted ? (state.up ? " ↑" : " ↓") : "")));
  };

  const ordered = () => {
    if (state.column < 0) return rows;
    return [...rows].sort((left, right) => {
      const [one, two] = [sortable(left[state.column]), sortable(right[state.column])];
      const order = one < two ? -1 : one > two ? 1 : 0;
      return state.up ? order : -order;
    });
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(rows.length / size));
    const shown = ordered().slice(state.page * size, (state.page + 1) * size);
    const turn = (step, name, disabled) =>
      h("button.small", { type: "button", disabled, onclick: () => { state.page += step; draw(); } }, name);
    replace(node,
      shell(plainText(block.caption), h("thead", {}, h("tr", {}, first.map(header))),
        h("tbody", {}, shown.map((row) => h("tr", {}, row.map((value, column) =>
          h(column === rowHeader ? "th" : "td", { scope: column === rowHeader ? "row" : null, class: align(block, column, value) }, cell(value, names))))))),
      pages > 1 ? h("div.pages", {}, turn(-1, "Previous", state.page === 0),
        h("span.muted", {}, `Page ${state.page + 1} of ${pages}`), turn(1, "Next", state.page >= pages - 1)) : null);
  };
  draw();
  return node;
}
