// Which values are secret: by the names of variables and settings, and in addresses.
import type { Secret } from './redact.js';
import { settingEntry, settingNames, type Settings } from './settings.js';

const secretName =
  /pass(word|wd|phrase)?(_|$)|pwd(_|$)|secret|token|credential|private|auth(_|$)|dsn$|database_url|redis_url|(^|[_-])(key|apikey)([_-]|$)/i;

/** Where the secret lies, how long it lives, what it is called: no secret itself. */
const aboutIt = /[_-](file|path|dir|name|id|ttl|expiry|expires|lifetime|type|user|username|header|algorithm|enabled)$/i;

export const isSecretName = (name: string): boolean => secretName.test(name) && !aboutIt.test(name);

/** What stands before `@` in an address, behind the colon; in an address of git's servers the token may stand alone. */
function passwordsIn(text: string): readonly string[] {
  const found: string[] = [];
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
    const [authority = ''] = text.slice(at + 3, at + 3 + longestAuthority).split(/[\s/?#"'<>]/, 1);
    const end = authority.lastIndexOf('@');
    if (end < 0) continue;
    const colon = authority.indexOf(':');
    const user = authority.slice(0, end);
    const password = colon >= 0 && colon < end ? authority.slice(colon + 1, end) : user.length >= 20 ? user : '';
    found.push(password, decoded(password));
  }
  return found.filter(one => one !== '');
}

const longestAuthority = 4096;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

export const secretsOfAddress = (text: string): readonly Secret[] => passwordsIn(text).map(value => ({ value }));

/** Of variables: those whose names say so, private keys, and passwords in addresses. */
export function secretsOfEnv(env: Readonly<Record<string, string>>): readonly Secret[] {
  return Object.entries(env).flatMap(([name, value]) => {
    const whole = isSecretName(name) || value.includes('PRIVATE KEY-----') ? [{ name, value }] : [];
    return [...whole, ...secretsOfAddress(value)];
  });
}

/** Of a file with `NAME=value` lines (env_file, .env); quotes around values are none of them. */
export function secretsOfEnvFile(text: string): readonly Secret[] {
  return secretsOfEnv(Object.fromEntries(text.split('\n').flatMap(line => pairOf(line, line.indexOf('=')))));
}

/** Of a text that is not valid YAML, line by line: `NAME: value`, also in a list, and `NAME=value`. */
export function secretsOfLines(text: string): readonly Secret[] {
  return text.split('\n').flatMap(line => {
    const bare = line.trim().replace(/^- /, '');
    return secretsOfEnv(Object.fromEntries(pairOf(bare, bare.search(/[:=]/))));
  });
}

/** One step for each letter, whatever somebody wrote. */
function pairOf(line: string, at: number): readonly (readonly [string, string])[] {
  const name = line
    .slice(0, Math.max(0, at))
    .trim()
    .replace(/^export\s+/, '');
  return name.length <= 200 && /^[\w.-]+$/.test(name) ? [[name, unquoted(line.slice(at + 1).trim())]] : [];
}

const unquoted = (value: string): string => /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value;

/** Of what somebody wrote: members by their names, and `NAME=value` among words. */
export function secretsOfInput(input: unknown, name = ''): readonly Secret[] {
  if (typeof input === 'string') return secretsOfWord(input, name);
  if (Array.isArray(input)) return input.flatMap(one => secretsOfInput(one, name));
  if (typeof input !== 'object' || input === null) return [];
  return Object.entries(input).flatMap(([key, one]) => secretsOfInput(one, key));
}

const namingMembers: ReadonlySet<string> = new Set([
  'name',
  'service',
  'services',
  'machine',
  'group',
  'host',
  'user',
  'path',
  'to',
]);

/** What somebody calls things: told everywhere from then on, so no secret, whatever variable holds the same word. */
export function namesOfInput(input: unknown): readonly string[] {
  if (typeof input !== 'object' || input === null) return [];
  return Object.entries(input)
    .filter(([member]) => namingMembers.has(member))
    .flatMap(([, value]: [string, unknown]) => (Array.isArray(value) ? value : [value]))
    .filter(value => typeof value === 'string');
}

function secretsOfWord(word: string, name: string): readonly Secret[] {
  const own = isSecretName(name) ? [{ name, value: word }] : [];
  return [...own, ...secretsOfEnvFile(word.replace(/^--?/, '')), ...secretsOfAddress(word)];
}

/** Each may be sent by itself; what stands before the bytes of a signing key (Standard Webhooks) is no part of them. */
const listed = (value: string): readonly string[] =>
  value.split(/\s*[,\n]\s*/).flatMap(one => [one, one.replace(/^whsec_/, '')]);

/** The credentials that the settings hold; keys that are named by their files are not read for it. */
export function secretsOfSettings(settings: Settings): readonly Secret[] {
  return settingNames.flatMap(setting => {
    const { value } = settings[setting];
    const { secret, list, env: name, fileVariant } = settingEntry(setting);
    if (value === undefined) return [];
    const isFile = fileVariant === 'path' && !value.includes('PRIVATE KEY');
    const own = secret === true && !isFile ? [value, ...(list === true ? listed(value) : [])] : [];
    return [...own.map(one => ({ name, value: one })), ...secretsOfAddress(value)];
  });
}
