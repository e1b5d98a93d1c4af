// The world of two controllers of one repository: two hosts that note under which fence and whose lock each start came, and what must hold there.
import { expect } from 'vitest';
import { eventually, type Host } from '../harness.js';
import { freshStory, labMachine, type Controller, type Story, type StoryRegistry, type StoryWish } from '../story.js';

const names = ['one', 'two', 'three'] as const;
export const folder = '/var/lib/portoser/clusters/writers';

/** Run by systemd before each start: which version comes, under which fence and whose lock. */
const guard = `#!/bin/sh
note() { echo "$1 $2 $VERSION $(cat ${folder}/fence) $(cut -d' ' -f1 ${folder}/lock)" >>/opt/guard/log; }
note begin $1
sleep 0.3
note end $1
`;

const dropIn = (name: string): string => `mkdir -p /etc/systemd/system/${name}.service.d
printf '[Service]\\nExecStartPre=/opt/guard/guard ${name}\\n' >/etc/systemd/system/${name}.service.d/guard.conf`;

const setUp = `set -e
mkdir -p /opt/guard
echo ${Buffer.from(guard).toString('base64')} | base64 -d >/opt/guard/guard; chmod 755 /opt/guard/guard; : >/opt/guard/log
${names.map(dropIn).join('\n')}
systemctl daemon-reload`;

/** It listens only once /run/closed is away: until then its change waits at the gate. */
const server = (port: number): readonly string[] => [
  'sh',
  '-c',
  `while [ -e /run/closed ]; do sleep 0.1; done; exec python3 -m http.server ${port} --bind 127.0.0.1 >/dev/null 2>&1`,
];

const service = (name: string, machine: string, port: number, version: number, more: object = {}): object => ({
  type: 'native',
  machine,
  path: `/opt/writers/${name}`,
  command: server(port),
  env: { VERSION: `v${version}` },
  port,
  health: { type: 'tcp', deadline: '150s' },
  ...more,
});

export type Pair = readonly [Host, Host];

const registry = (hosts: Pair, version: number): StoryRegistry => ({
  cluster: 'writers',
  policy: { interval: '3s' },
  machines: { m1: labMachine(hosts[0]), m2: labMachine(hosts[1]) },
  services: {
    one: service('one', 'm1', 9301, version),
    two: service('two', 'm2', 9302, version),
    three: service('three', 'm1', 9303, version, { depends_on: ['one', 'two'] }),
  },
});

export interface Noted {
  readonly word: string;
  readonly service: string;
  readonly version: number;
  readonly fence: number;
  readonly holder: string;
}

export async function noted(host: Host): Promise<readonly Noted[]> {
  const lines = (await host.must('cat /opt/guard/log')).split('\n').filter(line => line !== '');
  return lines.map(line => {
    const [word = '', name = '', v = '', fence = '', holder = ''] = line.split(' ');
    return { word, service: name, version: Number(v.slice(1)), fence: Number(fence.split('.')[0]), holder };
  });
}

export interface Writers {
  readonly story: Story;
  /** State folder of the second controller. */
  readonly other: string;
  /** The next version, committed and pushed; the commit. */
  push(): Promise<string>;
  /** The newest version that was pushed. */
  version(): number;
  untilNoted(word: 'begin' | 'end', name: string, controllers: readonly Controller[]): Promise<void>;
  /** Everything runs the newest version, all is at rest, and the plan is empty. */
  untilNewest(controllers: readonly Controller[]): Promise<void>;
  /** By what the hosts noted: one step at a time, each version begun once and none after a newer, under fences that only rise. */
  expectOneWriter(): Promise<void>;
  /** How many controllers wrote. */
  holders(): Promise<number>;
}

/** Made on two hosts that have nothing of it yet. */
export async function openWriters(hosts: Pair, wish: StoryWish = {}): Promise<Writers> {
  await Promise.all(hosts.map(host => host.must(setUp)));
  const story = await freshStory(wish);
  let version = 0;

  async function push(): Promise<string> {
    version += 1;
    return await story.push(registry(hosts, version), {}, `Version ${version}`);
  }

  const everywhere = async (): Promise<readonly Noted[]> => (await Promise.all(hosts.map(noted))).flat();

  async function untilNoted(word: string, name: string, controllers: readonly Controller[]): Promise<void> {
    const sought = version;
    const is = (one: Noted): boolean => one.word === word && one.service === name && one.version === sought;
    try {
      await eventually(`${word} ${name} v${sought}`, async () => (await everywhere()).some(is), 180_000);
    } catch (cause) {
      throw new Error(controllers.map(one => one.output()).join('\n---\n'), { cause });
    }
  }

  /** No lock, nothing that runs, and all stamps finished, by the hosts themselves. */
  async function atRest(): Promise<boolean> {
    const script = `cd ${folder} && ! ls lock steps/*/open >/dev/null 2>&1 && [ "$(grep -L ^fingerprint stamps/*)" = "" ]`;
    const codes = await Promise.all(hosts.map(async host => (await host.inside(script)).code));
    return codes.every(code => code === 0);
  }

  async function untilNewest(controllers: readonly Controller[]): Promise<void> {
    for (const name of names) await untilNoted('end', name, controllers);
    await eventually('all is at rest', atRest, 120_000);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  }

  async function expectOneWriter(): Promise<void> {
    for (const host of hosts) {
      const log = await noted(host);
      const begun = log.filter((_, index) => index % 2 === 0);
      const ended = log.filter((_, index) => index % 2 === 1);
      expect(begun.map(one => ({ ...one, word: 'end' }))).toEqual(ended);
      const fences = log.map(one => one.fence);
      expect(fences).toEqual(fences.toSorted((a, b) => a - b));
      for (const fence of new Set(fences))
        expect(new Set(log.filter(one => one.fence === fence).map(one => one.holder)).size).toBe(1);
      for (const name of names) {
        const versions = begun.filter(one => one.service === name).map(one => one.version);
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
      }
    }
  }

  const holders = async (): Promise<number> => new Set((await everywhere()).map(one => one.holder)).size;

  return {
    story,
    other: `${story.stateDir}-of-the-other`,
    push,
    version: () => version,
    untilNoted,
    untilNewest,
    expectOneWriter,
    holders,
  };
}
