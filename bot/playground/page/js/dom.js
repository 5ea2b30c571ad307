/* Builds DOM nodes. Every piece of text that reaches the page goes through here as a text node or an attribute;
   nothing in this page may parse data as HTML. */

const SVG = "http://www.w3.org/2000/svg";

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** h("button.primary", {onclick, "aria-label": "..."}, "text", node, [nodes]) */
export function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) {
      node.addEventListener(key.slice(2), value);
    } else if (key === "class") {
      node.className = node.className ? `${node.className} ${value}` : value;
    } else if (key === "dataset") {
      Object.assign(node.dataset, value);
    } else if (key === "value" || key === "checked" || key === "disabled" || key === "hidden") {
      node[key] = value;
    } else {
      node.setAttribute(key, value === true ? "" : String(value));
    }
  }
  return append(node, children);
}

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, String(value));
  }
  return append(node, children);
}

export function replace(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

const nameOf = (node) => node.dataset.channel ?? node.getAttribute("aria-label") ?? node.textContent;

/** Like `replace`, for parts drawn again at every event: leaves equal content alone and keeps the focus where it was. */
export function refresh(node, ...children) {
  const next = append(document.createElement(node.tagName), children);
  if (next.childNodes.length === node.childNodes.length && [...next.childNodes].every((child, at) => child.isEqualNode(node.childNodes[at]))) return;
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  const at = focused ? [...node.querySelectorAll("button")].indexOf(focused) : -1;
  node.replaceChildren(...next.childNodes);
  if (!focused) return;
  const buttons = [...node.querySelectorAll("button")];
  (buttons.find((button) => nameOf(button) === nameOf(focused)) ?? buttons[at])?.focus({ preventScroll: true });
}

/** Links leave the page only by these schemes: `javascript:` and `data:` addresses stay text. */
export function safeAddress(address) {
  try {
    const url = new URL(address, "http://invalid.example/");
    if (!/^[a-z][a-z0-9+.-]*:/i.test(address)) return null;
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** The address of a file of this server, each part of its path encoded; null for anything else. */
export function ownFile(address) {
  if (!String(address ?? "").startsWith("/page/file/")) return null;
  return address.split("/").map((part) => encodeURIComponent(part)).join("/");
}

export function link(address, label) {
  const safe = safeAddress(address);
  if (!safe) return h("span.deadlink", { title: "This address is not opened from here" }, label ?? address);
  return h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, label ?? address);
}

const ICONS = {
  home: "M4 11l8-7 8 7M6 9.5V20h4.5v-5h3v5H18V9.5",
  hash: "M9 4L7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  inbox: "M4 13l2.5-8h11L20 13v6H4zM4 13h4.5l1.5 2.5h4l1.5-2.5H20",
  back: "M14.5 5L7.5 12l7 7",
  close: "M6 6l12 12M18 6L6 18",
  eye: "M2.5 12S6 6 12 6s9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6zM12 9.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6z",
  reply: "M4 5h16v11H10l-4 4v-4H4z",
  send: "M4 12l16-7-5 15-3.5-6.5zM11.5 13.5L20 5",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  warn: "M12 4l9 16H3zM12 10v4.5M12 17v.5",
  down: "M6 9.5l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  person: "M12 4.5a3.7 3.7 0 110 7.4 3.7 3.7 0 010-7.4zM4.5 20c.6-4 3.6-6 7.5-6s6.9 2 7.5 6",
  helm: "M12 5.5a6.5 6.5 0 110 13 6.5 6.5 0 010-13zM12 2.5v19M2.5 12h19M5.3 5.3l13.4 13.4M18.7 5.3L5.3 18.7",
};

/** A decorative line icon; the word beside it, or an aria-label on the button, carries the meaning. */
export function icon(name, size = 18) {
  return svg(
    "svg",
    { class: "icon", width: size, height: size, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}
