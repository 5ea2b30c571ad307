/* The values of one message's or view's inputs, in the shape of Slack's `state.values`. Survives redrawing. */

export class FormState {
  #values = new Map();

  /** `known` is `state.values` as the server keeps it, so that a reload loses no choice. */
  constructor(known = {}) {
    for (const [blockId, actions] of Object.entries(known)) {
      for (const [actionId, value] of Object.entries(actions)) this.set(blockId, actionId, value);
    }
  }

  /** Keeps what was typed before; `initial` counts only for an input that was not there yet. */
  open(blockId, actionId, initial) {
    const key = JSON.stringify([blockId, actionId]);
    const known = this.#values.get(key);
    if (known && known.type === initial.type) return known;
    this.#values.set(key, initial);
    return initial;
  }

  set(blockId, actionId, value) {
    this.#values.set(JSON.stringify([blockId, actionId]), value);
  }

  /** Only inputs that are on the screen now count. */
  keep(pairs) {
    const wanted = new Set(pairs.map((pair) => JSON.stringify(pair)));
    for (const key of this.#values.keys()) if (!wanted.has(key)) this.#values.delete(key);
  }

  values() {
    const out = {};
    for (const [key, value] of this.#values) {
      const [blockId, actionId] = JSON.parse(key);
      out[blockId] = { ...out[blockId], [actionId]: value };
    }
    return { values: out };
  }
}
