// `notify` as written → destinations, with what the schema cannot see: what each type needs, names, addresses, zones.
import { didYouMean } from '../../schema/closest.js';
import type { DiagnosticCode } from '../../schema/diagnostics.js';
import {
  type Destination,
  type NotifyKind,
  notifyKindNames,
  notifyKinds,
  type NotifyType,
} from '../../schema/notify.js';
import type { NotifyText } from '../../schema/registry/notify.js';
import { checkPart, type Path } from '../../schema/validate.js';
import { listed, optional } from './optional.js';
import type { Entry, RegistryFiles } from './parse-files.js';
import type { RegistryScope } from './parse-machines.js';
import type { More, Report } from './parse-report.js';
import { filledSection } from './parse-sections.js';
import { parseQuietHours } from './quiet-hours.js';
import { isTimeZone } from './zoned-cron.js';

/** Keys that only some types have: true where the type cannot be without. */
const needs = {
  webhook: { url: true, secret: false },
  slack: { url: true },
  discord: { url: true },
  ntfy: { url: true, secret: false },
  gotify: { url: true, secret: true },
  telegram: { url: false, secret: true, chat: true },
  matrix: { url: true, secret: true, room: true },
  email: { url: true, secret: false, from: true, to: true },
} as const satisfies Readonly<Record<NotifyType, Partial<Record<keyof NotifyText, boolean>>>>;

const ofSomeTypes = ['url', 'secret', 'chat', 'room', 'from', 'to'] as const;
/** Whoever has the address may write there. */
const addressIsSecret: ReadonlySet<NotifyType> = new Set(['slack', 'discord']);

interface Reading {
  readonly text: NotifyText;
  readonly at: (path: Path, code: DiagnosticCode, message: string, more?: More) => void;
}

/** Without those that cannot be used; what is wrong with them is reported. */
export function readNotify(files: RegistryFiles, scope: RegistryScope, report: Report): readonly Destination[] {
  const section = files.sections.get('notify');
  const texts = section === undefined ? undefined : soundSection(section, scope, report);
  if (section === undefined || texts === undefined) return [];
  const names = new Map<string, number>();
  return texts.flatMap((text, index) => {
    const at: Reading['at'] = (path, code, message, more) =>
      report.at(section.locate, ['notify', index, ...path], code, message, more);
    const reading: Reading = { text, at };
    const name = nameOf(reading, index, names);
    const usable = [checkKeys(reading), checkUrl(reading), checkQuiet(reading), checkVault(reading)];
    warnLater(reading);
    return usable.includes(false) ? [] : [destinationOf(text, name)];
  });
}

function soundSection(section: Entry, scope: RegistryScope, report: Report): readonly NotifyText[] | undefined {
  const filled = filledSection(['notify'], section, scope, report);
  if (filled === undefined) return undefined;
  const found = checkPart('notify', filled, { base: ['notify'], locate: section.locate, templates: false });
  for (const one of found) report.add(one);
  return found.length === 0 ? (filled as readonly NotifyText[]) : undefined;
}

/** The type, and for a second one of its kind also how many there are by then. */
function nameOf({ text, at }: Reading, index: number, names: Map<string, number>): string {
  let name = text.name ?? text.type;
  for (let count = 2; text.name === undefined && names.has(name); count += 1) name = `${text.type}-${count}`;
  if (names.has(name))
    at(['name'], 'duplicate-name', `\`${name}\` is the name of two destinations`, {
      hint: 'give them different names',
    });
  names.set(name, index);
  return name;
}

function checkKeys({ text, at }: Reading): boolean {
  const own: Partial<Record<keyof NotifyText, boolean>> = needs[text.type];
  const missing = ofSomeTypes.filter(key => own[key] === true && text[key] === undefined);
  const foreign = ofSomeTypes.filter(key => own[key] === undefined && text[key] !== undefined);
  for (const key of missing) at([], 'missing-field', `\`${key}\` is missing: ${text.type} needs it`, { where: 'key' });
  for (const key of foreign)
    at([key], 'not-applicable', `\`${key}\` means nothing to ${text.type}`, { where: 'key', hint: 'remove it' });
  return missing.length === 0 && foreign.length === 0;
}

const isReference = (written: string): boolean =>
  /^(env:PORTOSER_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9][A-Za-z0-9._-]*)$/.test(written);

/** What is wrong with an address; undefined: nothing. */
function addressFault(type: NotifyType, written: string): More | undefined {
  if (/^(env|file):/.test(written)) return { expected: 'a reference: env:PORTOSER_NOTIFY_…, or file: and a name' };
  const [expected, protocols] =
    type === 'email'
      ? (['an address such as smtp://me@mail.example.org:587', ['smtp:', 'smtps:']] as const)
      : (['an address that begins with https:// or http://', ['https:', 'http:']] as const);
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !(protocols as readonly string[]).includes(url.protocol) || url.hostname === '')
    return { expected };
  if (url.password !== '' || (type !== 'email' && url.username !== ''))
    return { expected: 'an address without a password', hint: 'write `secret:` with a reference to it' };
  if (type === 'ntfy' && url.pathname.split('/').every(part => part === ''))
    return { expected: 'an address with the topic at its end, such as https://ntfy.sh/my-topic' };
  return undefined;
}

function checkUrl({ text: { type, url }, at }: Reading): boolean {
  if (typeof url !== 'string' || isReference(url)) return true;
  const fault = addressFault(type, url);
  if (fault !== undefined) {
    // It may hold a secret: it is not repeated.
    at(['url'], 'invalid-value', `\`url\` is no address of ${type}`, fault);
    return false;
  }
  if (addressIsSecret.has(type))
    at(['url'], 'secret-in-plain-text', `whoever reads this \`url\` can write to ${type}, and it stands in git`, {
      severity: 'warning',
      where: 'key',
      hint: 'write a reference: env:PORTOSER_NOTIFY_…, or file: and a name',
    });
  return true;
}

function checkQuiet({ text: { quiet_hours, tz }, at }: Reading): boolean {
  const sameEnds = quiet_hours !== undefined && parseQuietHours(quiet_hours, 'UTC') === undefined;
  if (sameEnds) at(['quiet_hours'], 'invalid-value', 'quiet hours must begin and end at different times');
  const noZone = tz !== undefined && !isTimeZone(tz);
  if (noZone)
    at(['tz'], 'invalid-value', `there is no time zone \`${tz}\``, {
      expected: 'a name such as Europe/Berlin',
      hint: didYouMean(tz, Intl.supportedValuesOf('timeZone')),
    });
  return !sameEnds && !noZone;
}

function checkVault({ text, at }: Reading): boolean {
  const written = (['url', 'secret', 'ca'] as const).filter(key => typeof text[key] === 'object');
  for (const key of written)
    at([key], 'not-supported-yet', 'a reference into Vault is not supported yet: nothing is told here', {
      severity: 'warning',
      where: 'key',
      hint: 'write env:PORTOSER_NOTIFY_…, or file: and a name',
    });
  return written.length === 0;
}

function warnLater({ text, at }: Reading): void {
  for (const key of ['on', 'urgent'] as const)
    for (const [index, kind] of (text[key] ?? []).entries())
      if ('later' in notifyKinds[kind])
        at([key, index], 'not-supported-yet', `\`${kind}\` is told once that part exists; nothing tells it yet`, {
          severity: 'warning',
        });
}

/** All but what is told only to who asks for it. */
const byDefault = notifyKindNames.filter((kind: NotifyKind) => !('quiet' in notifyKinds[kind]));

function destinationOf(text: NotifyText, name: string): Destination {
  const { type, on, urgent, url, secret, ca, quiet_hours, tz = 'UTC', chat, room, from, to } = text;
  const quiet = quiet_hours === undefined ? undefined : parseQuietHours(quiet_hours, tz);
  return {
    name,
    type,
    on: on ?? byDefault,
    urgent: urgent ?? [],
    ...optional('url', typeof url === 'string' ? url : undefined),
    ...optional('secret', typeof secret === 'string' ? secret : undefined),
    ...optional('ca', typeof ca === 'string' ? ca : undefined),
    ...optional('quiet', quiet),
    ...optional('chat', chat === undefined ? undefined : String(chat)),
    ...optional('room', room),
    ...optional('from', from),
    ...(to === undefined ? {} : { to: listed(to) }),
  };
}
