/* Times as the viewer reads them: the clock of the person looked through, or of the browser when none is known. */

let zone;

export function useZone(name) {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
    zone = name || undefined;
  } catch {
    zone = undefined;
  }
}

const format = (options, date) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(date);

export const fromTs = (ts) => new Date(Number.parseFloat(ts) * 1000);
export const clock = (date) => format({ hour: "2-digit", minute: "2-digit", hour12: false }, date);
export const dayKey = (date) => format({ year: "numeric", month: "2-digit", day: "2-digit" }, date);

export const full = (date) =>
  format({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    second: "2-digit", hour12: false, timeZoneName: "short" }, date);

const shifted = (days) => new Date(Date.now() + days * 86_400_000);

function pretty(date, otherwise) {
  const key = dayKey(date);
  if (key === dayKey(new Date())) return "today";
  if (key === dayKey(shifted(-1))) return "yesterday";
  if (key === dayKey(shifted(1))) return "tomorrow";
  return otherwise(date);
}

const short = (date) => format({ day: "numeric", month: "short", year: "numeric" }, date);
const long = (date) => format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }, date);
const plain = (date) => format({ day: "numeric", month: "long", year: "numeric" }, date);

export function day(date) {
  const word = pretty(date, (other) => format({ weekday: "long", day: "numeric", month: "long" }, other));
  return word[0].toUpperCase() + word.slice(1);
}

function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
  for (const [unit, length] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

const TOKENS = {
  date_num: (date) => `${format({ year: "numeric" }, date)}-${format({ month: "2-digit" }, date)}-${format({ day: "2-digit" }, date)}`,
  date_slash: (date) => format({ year: "numeric", month: "2-digit", day: "2-digit" }, date),
  date: plain,
  date_short: short,
  date_long: long,
  date_pretty: (date) => pretty(date, plain),
  date_short_pretty: (date) => pretty(date, short),
  date_long_pretty: (date) => pretty(date, long),
  day_divider_pretty: (date) => pretty(date, long),
  time: clock,
  time_secs: (date) => format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }, date),
  ago,
};

/** The text of `<!date^SECONDS^FORMAT|fallback>`, or null when the format names something unknown. */
export function slackDate(seconds, pattern) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return null;
  let known = true;
  const text = pattern.replace(/\{(\w+)\}/g, (whole, token) => {
    const render = TOKENS[token];
    if (!render) known = false;
    return render ? render(date) : whole;
  });
  return known ? text : null;
}
