// What the soak's registry says now: seven services on two hosts, changed one at a time.
import type { Host } from '../harness.js';
import { labMachine, type StoryRegistry } from '../story.js';

export const cluster = 'soak';

/** `bare`: without a service manager. Docker runs on the first host. */
export type Kind = 'native' | 'bare' | 'docker';

export interface Slot {
  readonly name: string;
  readonly kind: Kind;
  /** Counted from 1. */
  readonly host: 1 | 2;
  readonly needs?: string;
}

export const slots: readonly Slot[] = [
  { name: 'n1', kind: 'native', host: 1 },
  { name: 'n2', kind: 'native', host: 1, needs: 'n1' },
  { name: 'n3', kind: 'native', host: 2 },
  { name: 'n4', kind: 'native', host: 2, needs: 'n1' },
  { name: 'b1', kind: 'bare', host: 1 },
  { name: 'b2', kind: 'bare', host: 2, needs: 'n3' },
  { name: 'd1', kind: 'docker', host: 1 },
];

/** What of a service a commit changes. */
export interface Wanted {
  readonly present: boolean;
  /** Rises with every commit that changes it. */
  readonly version: number;
  /** What its command, or its image, is. */
  readonly command: number;
}

export type Wants = ReadonlyMap<string, Wanted>;

export const wantedOf = (wants: Wants, name: string): Wanted =>
  wants.get(name) ?? { present: false, version: 0, command: 0 };

export const keyOf = ({ name, host }: Slot): string => `${name}@m${host}`;
export const folderOf = ({ name }: Slot): string => `/opt/soak/${name}`;
export const port = 18_090;

/** The one argument of the process that stays, by which it is found: no two services ever have the same. */
export function napOf(slot: Slot, { command }: Wanted): string {
  return String((slots.indexOf(slot) + 1) * 1_000_000 + command);
}

/** Each start is noted by the process itself, whoever started it. */
const program = (slot: Slot, wanted: Wanted): readonly string[] => [
  'sh',
  '-c',
  `echo "${slot.name} $VERSION" >>/opt/log/starts; exec sleep ${napOf(slot, wanted)}`,
];

function entryOf(slot: Slot, wanted: Wanted, wants: Wants): object {
  const needs = slot.needs !== undefined && wantedOf(wants, slot.needs).present ? [slot.needs] : [];
  const common = {
    machine: `m${slot.host}`,
    path: folderOf(slot),
    depends_on: needs,
    env: { VERSION: `v${wanted.version}` },
  };
  const health = { type: 'command', command: ['true'], deadline: '30s', soak: '3s' };
  switch (slot.kind) {
    case 'native':
      return { type: 'native', command: program(slot, wanted), health, ...common };
    case 'bare':
      return { type: 'local', scope: 'none', source: slot.name, command: program(slot, wanted), health, ...common };
    case 'docker':
      return {
        type: 'docker',
        source: slot.name,
        port,
        ...common,
        health: { type: 'http', deadline: '30s', soak: '3s' },
      };
    default:
      return slot.kind satisfies never;
  }
}

export const imageOf = ({ command }: Wanted): string => `lab/web:${1 + (command % 2)}`;

/** Files of `source`, beside registry.yml. */
export function sourceFiles(wants: Wants): Readonly<Record<string, string>> {
  const files = slots.flatMap((slot): readonly (readonly [string, string])[] => {
    const wanted = wantedOf(wants, slot.name);
    switch (slot.kind) {
      case 'native':
        return [];
      case 'bare':
        return [[`${slot.name}/note.txt`, `version ${wanted.version}\n`]];
      case 'docker':
        return [[`${slot.name}/compose.yaml`, composeText(wanted)]];
      default:
        return slot.kind satisfies never;
    }
  });
  return Object.fromEntries(files);
}

function composeText(wanted: Wanted): string {
  return `services:
  main:
    image: ${imageOf(wanted)}
    restart: unless-stopped
    ports: ["${port}:8080"]
`;
}

export function registryOf(wants: Wants, hosts: readonly Host[]): StoryRegistry {
  const present = slots.filter(one => wantedOf(wants, one.name).present);
  return {
    cluster,
    policy: { interval: '2s' },
    machines: Object.fromEntries(hosts.map(host => [`m${host.index}`, labMachine(host)])),
    services: Object.fromEntries(present.map(one => [one.name, entryOf(one, wantedOf(wants, one.name), wants)])),
  };
}
