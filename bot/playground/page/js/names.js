/* The directory: ids to people, groups and channels, and the words the page uses for them. */

export function directory(store, openChannel) {
  const state = () => store.state;
  return {
    get me() {
      return state()?.me.id;
    },
    user: (id) => state()?.people.find((one) => one.id === id),
    group: (id) => state()?.groups.find((one) => one.id === id),
    channel: (id) => state()?.channels.find((one) => one.id === id && !one.is_im),
    people: () => state()?.people.filter((one) => !one.deleted) ?? [],
    groups: () => state()?.groups ?? [],
    channels: () => state()?.channels.filter((one) => !one.is_im && !one.is_archived) ?? [],
    openChannel,
  };
}

/** "Ana, developer" */
export const described = (person) =>
  [person.real_name || person.name, person.title || (person.is_restricted ? "guest" : "")].filter(Boolean).join(", ");

export function channelTitle(channel, store) {
  if (!channel) return "";
  if (!channel.is_im) return channel.name;
  if (channel.user === store.state.app.bot_user) return store.state.app.name;
  const other = store.state.people.find((one) => one.id === channel.user);
  return other ? other.real_name || other.name : "Direct message";
}

const HUES = 6;

/** A steady colour class for an avatar. */
export function hue(id) {
  let sum = 0;
  for (const char of id ?? "") sum = (sum * 31 + char.codePointAt(0)) % 997;
  return `hue-${sum % HUES}`;
}

export const initials = (name) => (name ?? "?").trim().slice(0, 1).toUpperCase() || "?";
