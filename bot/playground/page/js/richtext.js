/* rich_text blocks as DOM nodes: sections, lists, quotations and preformatted text. */

import { h, link } from "./dom.js";
import { channelMention, emojiText, groupMention, pre, userMention } from "./mrkdwn.js";
import { full, slackDate } from "./time.js";

function styled(node, style = {}) {
  let out = node;
  for (const [flag, tag] of [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"], ["underline", "u"]]) {
    if (style[flag]) out = h(tag, {}, out);
  }
  return out;
}

function part(element, names) {
  switch (element.type) {
    case "text":
      return styled(document.createTextNode(element.text ?? ""), element.style);
    case "link":
      return styled(link(element.url, element.text || undefined), element.style);
    case "user":
      return userMention(element.user_id, names);
    case "channel":
      return channelMention(element.channel_id, names);
    case "usergroup":
      return groupMention(element.usergroup_id, names);
    case "broadcast":
      return h("span.mention.me", {}, `@${element.range}`);
    case "emoji":
      return emojiText(element.name);
    case "date": {
      const text = slackDate(element.timestamp, element.format ?? "{date_short} {time}") ?? element.fallback ?? "";
      return h("time", { title: full(new Date(element.timestamp * 1000)) }, text);
    }
    case "color":
      return h("code", {}, element.value);
    default:
      return h("span.unknown-inline", {}, element.type ?? "unknown");
  }
}

const parts = (elements, names) => (elements ?? []).map((element) => part(element, names));

function group(element, names) {
  switch (element.type) {
    case "rich_text_section":
      return h("div.line.prewrap", {}, parts(element.elements, names));
    case "rich_text_preformatted":
      return pre(parts(element.elements, names));
    case "rich_text_quote":
      return h("blockquote.prewrap", {}, parts(element.elements, names));
    case "rich_text_list": {
      const ordered = element.style === "ordered";
      const items = (element.elements ?? []).map((item) => h("li", {}, group(item, names)));
      return h(ordered ? "ol" : "ul", { start: ordered && element.offset ? element.offset + 1 : null,
        class: `indent-${Math.min(Number(element.indent) || 0, 8)}` }, items);
    }
    default:
      return h("div.unknown", {}, element.type ?? "unknown");
  }
}

export function richText(block, names) {
  return h("div.richtext", {}, (block.elements ?? []).map((element) => group(element, names)));
}
