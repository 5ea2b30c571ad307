/* Native charts (`data_visualization`) as SVG, drawn at the width they have, with the same figures as a table. */

import { h, replace, svg } from "./dom.js";

const HEIGHT = 208;
const PAD = { top: 12, right: 14, bottom: 26, left: 44 };
const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 3 });
let counter = 0;

function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const out = [];
  const last = Math.ceil(high / step - 1e-9);
  for (let index = Math.floor(low / step + 1e-9); index <= last; index += 1) out.push(Number((index * step).toPrecision(12)));
  return out;
}

/** Points keyed by category, so a series with gaps still lines up. */
function table(chart) {
  if (chart.type === "pie") {
    const segments = chart.segments ?? [];
    return { categories: segments.map((one) => String(one.label)), series: [{ name: "", values: segments.map((one) => Number(one.value)) }] };
  }
  const series = chart.series ?? [];
  const categories = chart.axis_config?.categories ?? series[0]?.data?.map((point) => point.label) ?? [];
  return {
    categories: categories.map(String),
    series: series.map((one) => {
      const values = new Map((one.data ?? []).map((point) => [String(point.label), Number(point.value)]));
      return { name: String(one.name ?? ""), values: categories.map((category) => values.get(String(category)) ?? null) };
    }),
  };
}

function scales(data, width, chart) {
  const all = data.series.flatMap((one) => one.values).filter((value) => value !== null && Number.isFinite(value));
  const marks = ticks(Math.min(0, ...all), Math.max(0, ...all));
  const low = marks[0];
  const high = marks[marks.length - 1];
  const inner = width - PAD.left - PAD.right;
  const count = data.categories.length;
  const banded = chart.type === "bar" || count < 2;
  const x = (index) => PAD.left + (banded ? ((index + 0.5) / Math.max(count, 1)) * inner : (index / (count - 1)) * inner);
  const y = (value) => PAD.top + (1 - (value - low) / (high - low || 1)) * (HEIGHT - PAD.top - PAD.bottom);
  return { x, y, marks, low, inner, count };
}

function axes(data, scale, width) {
  const every = Math.max(1, Math.ceil(scale.count / Math.max(2, Math.floor(scale.inner / 64))));
  const grid = scale.marks.map((mark) => [
    svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: scale.y(mark), y2: scale.y(mark) }),
    svg("text", { class: "tick", x: PAD.left - 8, y: scale.y(mark) + 4, "text-anchor": "end" }, number.format(mark)),
  ]);
  const labels = data.categories.map((category, index) => {
    const shown = (scale.count - 1 - index) % every === 0;
    if (!shown) return null;
    const at = scale.x(index);
    const edge = at > width - PAD.right - 12 ? "end" : "middle";
    return svg("text", { class: "tick", x: edge === "end" ? at + 8 : at, y: HEIGHT - 7, "text-anchor": edge }, category);
  });
  return [grid, labels];
}

function path(values, scale) {
  let out = "";
  let pen = "M";
  values.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    out += `${pen}${scale.x(index).toFixed(1)} ${scale.y(value).toFixed(1)}`;
    pen = "L";
  });
  return out;
}

function marksOf(chart, data, scale) {
  const base = scale.y(Math.max(0, scale.low));
  if (chart.type === "bar") {
    const slot = (scale.inner / Math.max(scale.count, 1)) * 0.72;
    const wide = Math.min(34, slot / data.series.length);
    return data.series.map((one, row) => one.values.map((value, index) => {
      if (value === null) return null;
      const left = scale.x(index) - (wide * data.series.length) / 2 + row * wide;
      const top = Math.min(scale.y(value), base);
      return svg("rect", { class: `bar s${row}`, x: left + 0.5, y: top, width: Math.max(1, wide - 1), rx: 1.5,
        height: Math.max(0.5, Math.abs(scale.y(value) - base)) });
    }));
  }
  return data.series.map((one, row) => {
    const line = path(one.values, scale);
    const first = one.values.findIndex((value) => value !== null);
    const last = one.values.length - 1 - [...one.values].reverse().findIndex((value) => value !== null);
    const filled = chart.type === "area" && first >= 0
      ? svg("path", { class: `area s${row}`, d: `${line}L${scale.x(last)} ${base}L${scale.x(first)} ${base}Z` })
      : null;
    return [filled, svg("path", { class: `line s${row}`, d: line })];
  });
}

function pie(data) {
  const values = data.series[0].values.map((value) => (Number.isFinite(value) && value > 0 ? value : 0));
  const total = values.reduce((sum, value) => sum + value, 0) || 1;
  let angle = -Math.PI / 2;
  const point = (turn) => `${(100 + 84 * Math.cos(turn)).toFixed(2)} ${(100 + 84 * Math.sin(turn)).toFixed(2)}`;
  return svg("svg", { class: "pie", viewBox: "0 0 200 200", "aria-hidden": "true" },
    values.map((value, index) => {
      const start = angle;
      angle += (value / total) * Math.PI * 2;
      if (value === total) return svg("circle", { class: `slice s${index}`, cx: 100, cy: 100, r: 84 });
      return svg("path", { class: `slice s${index}`,
        d: `M100 100L${point(start)}A84 84 0 ${angle - start > Math.PI ? 1 : 0} 1 ${point(angle)}Z` });
    }));
}

function legend(data, chart) {
  const names = chart.type === "pie" ? data.categories : data.series.map((one) => one.name);
  const total = chart.type === "pie" ? data.series[0].values.reduce((sum, value) => sum + value, 0) || 1 : 0;
  return h("ul.legend", {}, names.map((name, index) =>
    h("li", {}, svg("svg", { width: 22, height: 10, "aria-hidden": "true" }, chart.type === "line" || chart.type === "area"
      ? svg("line", { class: `line s${index}`, x1: 1, x2: 21, y1: 5, y2: 5 })
      : svg("rect", { class: `bar s${index}`, x: 5, y: 0, width: 10, height: 10, rx: 2 })),
    name, total ? h("span.muted", {}, ` ${number.format(data.series[0].values[index])} (${Math.round((data.series[0].values[index] / total) * 100)} %)`) : null)));
}

function units(chart) {
  return [chart.axis_config?.y_label, chart.axis_config?.x_label].filter(Boolean).join(" · ");
}

function figures(data, chart) {
  const names = chart.type === "pie" ? ["value"] : data.series.map((one) => one.name);
  return h("div.scroller", { tabindex: "0", role: "group", "aria-label": "Figures" }, h("table.figures", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, chart.axis_config?.x_label ?? ""), names.map((name) => h("th.number", { scope: "col" }, name)))),
    h("tbody", {}, data.categories.map((category, index) => h("tr", {},
      h("th", { scope: "row" }, category),
      data.series.map((one) => h("td.number", {}, one.values[index] === null ? "–" : number.format(one.values[index]))))))));
}

function plot(chart, data, readout) {
  const holder = h("div.plot", { "aria-hidden": "true" });
  let drawn = 0;
  const draw = (width) => {
    if (width < 40 || Math.abs(width - drawn) < 1) return;
    drawn = width;
    const scale = scales(data, width, chart);
    const cross = svg("line", { class: "cross", y1: PAD.top, y2: HEIGHT - PAD.bottom, x1: -9, x2: -9 });
    const picture = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
      axes(data, scale, width), marksOf(chart, data, scale), cross);
    const clear = () => {
      cross.setAttribute("x1", -9);
      cross.setAttribute("x2", -9);
      readout.textContent = units(chart);
    };
    picture.addEventListener("pointermove", (event) => {
      const at = event.clientX - picture.getBoundingClientRect().left;
      const distance = data.categories.map((_, index) => Math.abs(scale.x(index) - at));
      const nearest = distance.indexOf(Math.min(...distance));
      if (nearest < 0) return;
      cross.setAttribute("x1", scale.x(nearest));
      cross.setAttribute("x2", scale.x(nearest));
      readout.textContent = `${data.categories[nearest]}: ${data.series.map((one) =>
        `${one.name} ${one.values[nearest] === null ? "–" : number.format(one.values[nearest])}`).join(" · ")}`;
    });
    picture.addEventListener("pointerleave", clear);
    replace(holder, picture);
  };
  new ResizeObserver(([entry]) => draw(Math.floor(entry.contentRect.width))).observe(holder);
  return holder;
}

export function chartBlock(block) {
  const chart = block.chart ?? {};
  const data = table(chart);
  const id = `figures-${(counter += 1)}`;
  const readout = h("div.readout.muted", {}, units(chart));
  const hidden = h("div", { id, hidden: true });
  const toggle = h("button.linklike", { type: "button", "aria-expanded": "false", "aria-controls": id, onclick: () => {
    const open = hidden.hidden;
    if (open && !hidden.hasChildNodes()) hidden.append(figures(data, chart));
    hidden.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = open ? "Hide figures" : "Show figures";
  } }, "Show figures");
  return h("figure.chart", { class: chart.type === "pie" ? "has-pie" : "" },
    h("figcaption", {}, block.title ?? ""),
    chart.type === "pie" ? h("div.pie-row", {}, pie(data), legend(data, chart)) : [readout, plot(chart, data, readout), legend(data, chart)],
    toggle, hidden);
}
