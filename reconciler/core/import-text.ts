// An imported registry as text: in the usual order of keys, with comments for what is to be seen to later.
import { stringify } from 'yaml';
import type { Fields } from './import-old.js';
import type { Draft } from './import-services.js';

export interface Shape {
  /** Name of the file that it came from, for people. */
  readonly from: string;
  readonly machines: Readonly<Record<string, Fields>>;
  readonly services: readonly (Draft & { readonly later?: Fields })[];
  /** `domain`, `caddy`, `dns`. */
  readonly sections: Fields;
}

/** Nothing of the older form was a template. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('{{', '{{{{');
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, literal(one)]));
}

const yaml = (value: unknown): string => stringify(literal(value), { lineWidth: 0 }).trimEnd();

const indented = (text: string, by: string): string => text.replaceAll(/^(?=.)/gm, by);

/** One line, whatever stands in it. */
// oxlint-disable-next-line no-control-regex -- a comment ends with its line
const comment = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ');

function entryText(name: string, entry: Fields, later: Fields = {}): string {
  const notes = Object.entries(later).map(
    ([key, value]) => `    # ${comment(yaml({ [key]: value }))}   (not supported yet)`,
  );
  return [`  ${name}:`, indented(yaml(entry), '    '), ...notes].join('\n');
}

function sectionText(name: string, entries: readonly string[]): string {
  return entries.length === 0 ? `${name}: {}` : [`${name}:`, ...entries].join('\n');
}

export function registryText({ from, machines, services, sections }: Shape): string {
  const { domain, ...others } = sections;
  const parts = [
    `# Imported from ${comment(from)} by \`portoser import\`; what it could not carry over it said then.`,
    ...(domain === undefined ? [] : [yaml({ domain })]),
    '',
    sectionText(
      'machines',
      Object.entries(machines).map(([name, entry]) => entryText(name, entry)),
    ),
    '',
    sectionText(
      'services',
      services.map(({ name, entry, later }) => entryText(name, entry, later)),
    ),
    ...Object.entries(others).flatMap(([name, value]) => ['', yaml({ [name]: value })]),
  ];
  return `${parts.join('\n')}\n`;
}
