/* Slack's mrkdwn and plain text as DOM nodes. Knows the syntax only; names come from the caller's directory. */

import { h, link } from "./dom.js";
import { slackDate, full } from "./time.js";

const EMOJI = {
  white_check_mark: "✅", x: "❌", warning: "⚠️", eyes: "👀", rocket: "🚀", tada: "🎉", "+1": "👍", thumbsup: "👍",
  "-1": "👎", fire: "🔥", rotating_light: "🚨", lock: "🔒", hourglass: "⌛", wave: "👋", heart: "❤️", smile: "😄",
  question: "❓", no_entry: "⛔", bulb: "💡", ship: "🚢", red_circle: "🔴", large_green_circle: "🟢", bell: "🔔",
};
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const STYLES = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

export const decode = (text) => String(text ?? "").replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

export const emojiText = (name) => EMOJI[name] ?? `:${name}:`;

export function userMention(id, names, label) {
  const user = names.user(id);
  const mine = id === names.me;
  return h("span.mention", { class: mine ? "me" : "", title: user ? `${user.real_name || user.name} (${id})` : id },
    `@${user ? user.name : label || id}`);
}

export function groupMention(id, names, label) {
  const group = names.group(id);
  return h("span.mention", { title: group ? `${group.name} (${id})` : id },
    `@${group ? group.handle : (label || id).replace(/^@/, "")}`);
}

export function channelMention(id, names, label) {
  const channel = names.channel(id);
  const text = `#${channel ? channel.name : label || id}`;
  if (!channel || !names.openChannel) return h("span.mention", { title: id }, text);
  return h("button.mention", { type: "button", title: `Open ${text}`, onclick: () => names.openChannel(id) }, text);
}

function date(body, fallback) {
  const [, seconds, pattern, address] = body.split("^");
  const text = pattern && /^-?\d+$/.test(seconds) ? slackDate(seconds, pattern) : null;
  if (text === null) return h("time", {}, fallback ?? "");
  const moment = new Date(Number(seconds) * 1000);
  const node = h("time", { datetime: moment.toISOString(), title: `${full(moment)} · ${fallback ?? ""}` }, text);
  return address ? link(address, node) : node;
}

/** What stands between `<` and `>`. */
function reference(raw, names) {
  const bar = raw.indexOf("|");
  const body = bar < 0 ? raw : raw.slice(0, bar);
  const label = bar < 0 ? undefined : decode(raw.slice(bar + 1));
  if (/^@[UWB]\w+$/.test(body)) return userMention(body.slice(1), names, label);
  if (/^#[CGD]\w+$/.test(body)) return channelMention(body.slice(1), names, label);
  if (body.startsWith("!subteam^")) return groupMention(body.slice(9), names, label);
  if (body.startsWith("!date^")) return date(body, label);
  if (/^!(here|channel|everyone)$/.test(body)) return h("span.mention.me", {}, `@${body.slice(1)}`);
  if (body.startsWith("!")) return document.createTextNode(label ?? `<${decode(raw)}>`);
  return link(decode(body), label);
}

function closing(text, mark, from) {
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + 1)) {
    if (text.slice(from, at).includes("\n")) return -1;
    const before = text[at - 1];
    const after = text[at + 1];
    if (at > from && !/\s/.test(before) && before !== mark && !(after && WORD.test(after)) && after !== mark) return at;
  }
  return -1;
}

/** One line or several of inline text. `auto` also links bare addresses (mrkdwn without `verbatim`). */
export function inline(text, names, { auto = false } = {}) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(decode(plain)));
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at];
    const before = text[at - 1];
    const free = !before || !WORD.test(before);
    if (char === "<") {
      const end = text.indexOf(">", at);
      const body = end > at ? text.slice(at + 1, end) : "";
      if (body && !body.includes("\n") && !body.includes("<")) {
        flush();
        nodes.push(reference(body, names));
        at = end + 1;
        continue;
      }
    } else if (char === "`") {
      const end = text.indexOf("`", at + 1);
      if (end > at + 1 && !text.slice(at, end).includes("\n")) {
        flush();
        nodes.push(h("code", {}, codeText(text.slice(at + 1, end), names)));
        at = end + 1;
        continue;
      }
    } else if (STYLES[char] && free && text[at + 1] && !/\s/.test(text[at + 1])) {
      const end = closing(text, char, at + 1);
      if (end > 0) {
        flush();
        nodes.push(h(STYLES[char], {}, inline(text.slice(at + 1, end), names, { auto })));
        at = end + 1;
        continue;
      }
    } else if (char === ":") {
      const emoji = /^:([a-z0-9_+-]+):/.exec(text.slice(at, at + 40));
      if (emoji && EMOJI[emoji[1]]) {
        plain += EMOJI[emoji[1]];
        at += emoji[0].length;
        continue;
      }
    } else if (auto && char === "h" && free) {
      const address = /^https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)\]'"]/.exec(text.slice(at));
      if (address) {
        flush();
        nodes.push(link(decode(address[0])));
        at += address[0].length;
        continue;
      }
    }
    plain += char;
    at += 1;
  }
  flush();
  return nodes;
}

/** References keep working inside code; styles do not. */
function codeText(text, names) {
  return text.split(/(<[^<>\n]+>)/).map((part) =>
    /^<[^<>]+>$/.test(part) && /^<[@#!]/.test(part) ? reference(part.slice(1, -1), names) : decode(part));
}

export function pre(children) {
  return h("pre", { tabindex: "0", role: "group", "aria-label": "Code, scrolls sideways" }, h("code", {}, children));
}

/** Lines become paragraphs, "• " lines hang under their text, "> " lines become a quotation. */
function lines(text, names, options) {
  const out = [];
  let quote = null;
  const all = text.split("\n");
  all.forEach((line, index) => {
    const quoted = /^(?:&gt;|>) ?/.exec(line);
    const content = quoted ? line.slice(quoted[0].length) : line;
    const bullet = /^\s*[•◦▪] ?/.exec(content);
    const node = bullet
      ? h("div.bullet", {}, h("span.dot", {}, `${bullet[0].trim()} `), h("span", {}, inline(content.slice(bullet[0].length), names, options)))
      : h("div.line", {}, inline(content, names, options));
    if (!content.trim()) {
      if (index > 0 && index < all.length - 1) node.classList.add("blank");
      else return;
    }
    if (quoted) {
      if (!quote) out.push((quote = h("blockquote")));
      quote.append(node);
    } else {
      quote = null;
      out.push(node);
    }
  });
  return out;
}

export function mrkdwn(source, names, options = {}) {
  const text = String(source ?? "");
  const node = h("div.mrkdwn");
  text.split("```").forEach((part, index, parts) => {
    const fenced = index % 2 === 1 && index < parts.length - 1;
    if (fenced) node.append(pre(codeText(part.replace(/^\n|\n$/g, ""), names)));
    else if (index % 2 === 1) node.append(...lines(`\`\`\`${part}`, names, options));
    else if (part) node.append(...lines(part.replace(index > 0 ? /^\n/ : /^$/, ""), names, options));
  });
  return node;
}

/** Plain text: no mentions, links or styles; emoji names only when the object asks for them. */
export function plainText(source, emoji = false) {
  const text = decode(source);
  return emoji ? text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole) : text;
}

/** A Block Kit text object. */
export function textObject(object, names) {
  if (!object) return null;
  if (object.type === "mrkdwn") return mrkdwn(object.text, names, { auto: !object.verbatim });
  return h("div.plain", {}, plainText(object.text, object.emoji !== false));
}

export const label = (object) => plainText(object?.text, object?.emoji !== false);
