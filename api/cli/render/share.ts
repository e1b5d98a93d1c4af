// Masks hosts, addresses and user names, so that an observation can stand in a bug report.
const ipv4 = /\b(?:\d{1,3}\.){3}\d{1,3}\b/g;
// Two colons at least with hexadecimal between: times such as 12:30:01 have decimal pairs only and are left.
const ipv6 = /(?<![\w:.])(?=[0-9a-f:]*(?:::|[a-f]))(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi;
const loopback = new Set(['127.0.0.1', '0.0.0.0', '::1', '::']);

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

const maskName = (text: string, name: string, mask: string): string =>
  text.replaceAll(new RegExp(`(?<![\\w-])${escape(name)}(?![\\w-])`, 'g'), mask);

/** Very short names, and everybody's, are left: they would mask half the text and tell nothing. */
const isTelling = (name: string): boolean => name.length > 1 && !['root', 'local', 'localhost'].includes(name);

export interface Private {
  readonly hosts: readonly string[];
  readonly users: readonly string[];
}

export function maskText(text: string, { hosts, users }: Private): string {
  const longestFirst = (names: readonly string[]): readonly string[] =>
    [...new Set(names)].filter(isTelling).toSorted((a, b) => b.length - a.length);
  const named = longestFirst(hosts).reduce((masked, host, index) => maskName(masked, host, `host-${index + 1}`), text);
  const people = longestFirst(users).reduce(
    (masked, user, index) => maskName(masked, user, `user-${index + 1}`),
    named,
  );
  const keep = (found: string): string => (loopback.has(found) ? found : 'ADDRESS');
  return people.replaceAll(ipv4, keep).replaceAll(ipv6, keep);
}

/** The same in every text of a JSON value; names of members stay. */
export function maskValue(value: unknown, secrets: Private): unknown {
  if (typeof value === 'string') return maskText(value, secrets);
  if (Array.isArray(value)) return value.map(one => maskValue(one, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, maskValue(one, secrets)]));
}
