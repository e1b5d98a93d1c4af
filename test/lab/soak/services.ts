// What the soak's registry says now: seven services on two hosts, changed one at a time.
import type { Host } from '../harness.js';
import { labMachine, type StoryRegistry } from '../story.js';

export const cluster = 'soak';

/** `bare`: without a service manager. Docker runs on the first host. */
export type Kind = 'native' | 'bare' | 'docker';
/** Counted from 1. */
export type HostIndex = 1 | 2;

export interface Slot {
  readonly name: string;
  readonly kind: Kind;
  /** Where it begins. */
  readonly host: HostIndex;
  readonly needs?: string;
  /** Between the hosts. */
  readonly moves?: true;
}

export const slots: readonly Slot[] = [
  { name: 'n1', kind: 'native', host: 1 },
  { name: 'n2', kind: 'native', host: 1, needs: 'n1' },
  { name: 'n3', kind: 'native', host: 2, moves: true },
  { name: 'n4', kind: 'native', host: 2, needs: 'n1' },
  { name: 'b1', kind: 'bare', host: 1, moves: true },
  { name: 'b2', kind: 'bare', host: 2, needs: 'n3' },
  { name: 'd1', kind: 'docker', host: 1 },
];

/** What runs of a service, and where. */
export interface Revision {
  /** Rises with every commit that changes it. */
  readonly version: number;
  /** What its command, or its image, is. */
  readonly command: number;
  readonly host: HostIndex;
}

/** `at-once`: it never becomes healthy. `later`: it becomes ill while it soaks. */
export type Illness = 'at-once' | 'later';

/** What a commit says of a service. */
export interface Wanted extends Revision {
  readonly present: boolean;
  readonly ill?: Illness;
  /** Of one that is ill: what serves in its place. */
  readonly instead?: Revision;
}

export type Wants = ReadonlyMap<string, Wanted>;

const absent: Wanted = { present: false, version: 0, command: 0, host: 1 };

export const wantedOf = (wants: Wants, name: string): Wanted => wants.get(name) ?? absent;

/** What is to run at rest. */
export const servingOf = (wanted: Wanted): Revision | undefined =>
  wanted.present ? (wanted.instead ?? wanted) : undefined;

/** Placements whose revision is ill, and held. */
export const heldIn = (wants: Wants): readonly string[] =>
  slots.flatMap(slot => {
    const wanted = wantedOf(wants, slot.name);
    return wanted.present && wanted.ill !== undefined ? [keyOf(slot, wanted.host)] : [];
  });

/** The same without what is ill: what was wanted before it. */
export const healthyIn = (wants: Wants): Map<string, Wanted> =>
  new Map([...wants].map(([name, wanted]) => [name, { ...(wanted.instead ?? wanted), present: wanted.present }]));

export function slotOf(name: string): Slot {
  const slot = slots.find(one => one.name === name);
  if (slot === undefined) throw new RangeError(`there is no service ${name}`);
  return slot;
}

export const keyOf = (slot: Slot, host: HostIndex): string => `${slot.name}@m${host}`;
export const folderOf = ({ name }: Pick<Slot, 'name'>): string => `/opt/soak/${name}`;
export const port = 18_090;

/** What all naps of a service begin with: no two services ever have the same. */
export const napStart = (slot: Slot): number => slots.indexOf(slot) + 1;

/** The one argument of the process that stays, by which it is found. */
export const napOf = (slot: Slot, { command }: Revision): string => String(napStart(slot) * 1_000_000 + command);

/** When something is started, by the clock that both hosts share. */
const now = 'read up rest </proc/uptime';
const started = (name: string): string => `${now}; echo "${name} $VERSION $up" >>/opt/log/starts`;

/** Each start is noted by the process itself, whoever started it; `fit` says that it is well. */
function program(slot: Slot, wanted: Wanted): readonly string[] {
  const fit = `/opt/log/fit.${slot.name}`;
  const well = `echo $VERSION >${fit}`;
  const ends = `(sleep 2; echo ill >${fit}) &`;
  const health = wanted.ill === undefined ? `${well};` : wanted.ill === 'later' ? `${well}; ${ends}` : `rm -f ${fit};`;
  return ['sh', '-c', `${started(slot.name)}; ${health} exec sleep ${napOf(slot, wanted)}`];
}

/** What becomes ill does so while it soaks, however long its controllers are away. */
const soakOf = ({ ill }: Wanted): string => (ill === 'later' ? '30m' : '3s');

function entryOf(slot: Slot, wanted: Wanted, wants: Wants): object {
  const needs = slot.needs !== undefined && wantedOf(wants, slot.needs).present ? [slot.needs] : [];
  const common = {
    machine: `m${wanted.host}`,
    path: folderOf(slot),
    depends_on: needs,
    env: { VERSION: `v${wanted.version}` },
  };
  const times = { deadline: wanted.ill === 'at-once' ? '5s' : '30s', soak: soakOf(wanted) };
  const command = ['grep', '-qx', `v${wanted.version}`, `/opt/log/fit.${slot.name}`];
  const health = { type: 'command', command, ...times };
  switch (slot.kind) {
    case 'native':
      return { type: 'native', command: program(slot, wanted), health, ...common };
    case 'bare':
      return { type: 'local', scope: 'none', source: slot.name, command: program(slot, wanted), health, ...common };
    case 'docker':
      return { type: 'docker', source: slot.name, port, ...common, health: { type: 'http', ...times } };
    default:
      return slot.kind satisfies never;
  }
}

export const imageOf = ({ command }: Revision): string => `lab/web:${1 + (command % 2)}`;

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
        return [[`${slot.name}/compose.yaml`, composeText(slot, wanted)]];
      default:
        return slot.kind satisfies never;
    }
  });
  return Object.fromEntries(files);
}

/** One that is ill listens where nobody asks. */
function composeText(slot: Slot, wanted: Wanted): string {
  const words = ['sh', '-c', `${started(slot.name).replaceAll('$', '$$$$')}; exec /bin/serve`];
  return `services:
  main:
    image: ${imageOf(wanted)}
    restart: unless-stopped
    command: ${JSON.stringify(words)}
    environment: { PORT: "${wanted.ill === undefined ? 8080 : 8081}" }
    volumes: ["/opt/log:/opt/log"]
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
