/* What the server says, and nothing else: the last snapshot with the events since then. Speaks the server's contract:
   a socket that only listens, and POST for what a person does. */

const RETRY_MS = 1000;

export async function post(action, body) {
  try {
    const response = await fetch(`/page/${action}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!response.ok) return { ok: false, error: `http_${response.status}`, message: `The playground answered ${response.status}` };
    return await response.json();
  } catch {
    return { ok: false, error: "unreachable", message: "The playground does not answer" };
  }
}

export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`The playground answered ${response.status}`);
  return response.json();
}

export function listen(query) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}/page/ws?${new URLSearchParams(query)}`);
}

const byTs = (one, two) => Number(one.ts) - Number(two.ts);

export class Store {
  state = null;
  online = false;
  user = null;
  #socket = null;
  #listener;
  #timer = null;

  /** listener(event, store) is told of every event after it was applied, of "online" and of "offline". */
  constructor(listener) {
    this.#listener = listener;
  }

  connect(user) {
    this.user = user;
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.onmessage = null;
      this.#socket.close();
    }
    const socket = listen(user ? { user } : {});
    this.#socket = socket;
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = (event) => {
      this.online = false;
      this.#listener({ type: event.code === 4404 ? "unknown_user" : "offline" }, this);
      if (event.code !== 4404) this.#timer = setTimeout(() => this.connect(user), RETRY_MS);
    };
  }

  send(action, body = {}) {
    return post(action, { user: this.user, ...body });
  }

  channel(id) {
    return this.state?.channels.find((one) => one.id === id);
  }

  messages(channel) {
    return this.state?.messages[channel] ?? [];
  }

  #receive(event) {
    if (event.type === "snapshot") {
      this.online = true;
      this.state = event;
      this.user = event.me.id;
      for (const list of Object.values(event.messages)) list.sort(byTs);
    } else if (this.state) {
      this.#apply(event);
    }
    this.#listener(event, this);
  }

  #apply(event) {
    const state = this.state;
    switch (event.type) {
      case "message":
      case "message_changed":
        state.messages[event.channel] = [...this.messages(event.channel).filter((one) => one.ts !== event.message.ts), event.message].sort(byTs);
        break;
      case "message_deleted":
        state.messages[event.channel] = this.messages(event.channel).filter((one) => one.ts !== event.ts);
        break;
      case "channel":
        state.channels = upsert(state.channels, event.channel);
        break;
      case "person":
        state.people = upsert(state.people, event.person);
        if (event.person.id === state.me.id) state.me = event.person;
        break;
      case "home":
        state.home = event.view;
        break;
      case "modal":
        state.modal = { stack: event.stack, errors: event.errors };
        break;
      case "app":
        state.app = event.app;
        break;
      case "faults":
        state.faults = event.faults;
        break;
      default:
    }
  }

  /** A line only this page knows of: what Slack's own bot would whisper. Gone on reload, like every ephemeral message. */
  whisper(channel, text, thread) {
    const ts = `${(Date.now() / 1000).toFixed(6)}`;
    const message = { ts, channel, text, local: true, is_ephemeral: true, user: "", ...(thread ? { thread_ts: thread } : {}) };
    this.#receive({ type: "message", channel, message });
  }
}

function upsert(list, item) {
  const at = list.findIndex((one) => one.id === item.id);
  return at < 0 ? [...list, item] : list.with(at, item);
}
