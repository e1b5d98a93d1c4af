// Pull requests of strangers over real machines: nothing of them is run, resolved, read there or connected to; the base's policy rules.
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openShell } from '../../reconciler/adapters/shell.js';
import { render } from '../../reconciler/commands/command.js';
import { lookAtBase, planPull, type Told } from '../../reconciler/loop/review-plan.js';
import type { Ports, RemoteShell } from '../../reconciler/ports.js';
import type { Machine } from '../../schema/registry-types.js';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { createWorld, type World } from './world.js';

let world: World;
/** Every machine that anybody was asked to reach, and every script that was sent. */
let reached: Machine[];
let scripts: string[];

beforeEach(async () => {
  world = await createWorld();
  [reached, scripts] = [[], []];
});
afterEach(() => world.close());

function watched(shell: RemoteShell): RemoteShell {
  return {
    ...shell,
    run: (machine, command, limits) => {
      reached.push(machine);
      scripts.push(render(command));
      return shell.run(machine, command, limits);
    },
    setMachines: machines => void reached.push(...machines),
    connectAhead: machines => void reached.push(...machines),
  };
}

const watchedPorts = (shell: RemoteShell = world.ports.shell): Ports => ({ ...world.ports, shell: watched(shell) });

const service = (name: string, more: object = {}) => ({
  type: 'local',
  machine: 'm1',
  scope: 'none',
  path: join(world.folder('m1'), name),
  command: 'sleep 1000',
  stop_timeout: '1s',
  health: { type: 'command', command: ['true'], deadline: '5s' },
  ...more,
});
const machine = (name: string, more: object = {}) => ({ host: `${name}.test`, user: 'u', platform: 'linux', ...more });

interface Head {
  readonly machines?: object;
  readonly services?: object;
  readonly policy?: object;
  readonly files?: Readonly<Record<string, string>>;
  /** Further keys of the registry. */
  readonly top?: object;
}

/** Pushes it as a forge shows the head of a fork, and plans it. */
async function plan(head: Head, ports = watchedPorts()): Promise<Told> {
  const registry = {
    cluster: 'c',
    machines: { m1: machine('m1'), m2: machine('m2'), ...head.machines },
    services: { web: service('web'), ...head.services },
    policy: { retries: 0, ...head.policy },
    ...head.top,
  };
  const commit = await commitFiles(world.clone, { 'registry.yml': JSON.stringify(registry), ...head.files });
  await git(world.clone, 'push', '--quiet', '--force', 'origin', 'HEAD:refs/pull/1/head');
  await git(world.clone, 'reset', '--quiet', '--hard', 'origin/trunk');
  const base = await lookAtBase(ports, world.lists);
  return await planPull(ports, world.lists, base, { number: 1, head: commit, ref: 'refs/pull/1/head' });
}

/** The base: one service, in force as the branch says. */
async function pushBase(policy: object = {}): Promise<void> {
  await world.push({ web: { machine: 'm1' } }, { policy });
  await git(world.clone, 'fetch', '--quiet', 'origin');
}

const hosts = () => [...new Set(reached.map(one => one.host))].toSorted();

describe('a pull request', () => {
  it('is planned from a look at the base’s machines, and changes nothing', async () => {
    await pushBase();
    await world.pass();
    const [writes, stamp] = [world.writes.length, world.readStamp('m1', 'web')];
    const told = await plan({ services: { web: service('web', { env: { LEVEL: 'debug' } }), api: service('api') } });
    expect(told.text).toContain('+ create api@m1');
    expect(told.text).toContain('! update web@m1 (changed: env.LEVEL changed in git)');
    expect(told.text).not.toContain('Already so without it');
    expect(told.status).toMatchObject({ state: 'success', description: '2 changes on 1 machine' });
    expect([world.writes.length, world.readStamp('m1', 'web')]).toEqual([writes, stamp]);
    expect(world.sent.slice(-2).toSorted()).toEqual(['m1 probe', 'm2 probe']);
    expect(existsSync(join(world.folder('m1'), 'api'))).toBe(false);
  });

  it('is told apart from drift', async () => {
    await pushBase();
    const told = await plan({ services: { api: service('api') } });
    expect(told.text).toMatch(/From this pull request[^]*\+ create api@m1[^]*Already so[^]*\+ create web@m1/);
    expect(told.status.description).toBe('1 change on 1 machine');
  });

  it('that breaks the registry says where', async () => {
    await pushBase();
    const told = await plan({ services: { api: service('api', { machine: 'm9' }) } });
    expect(told.text).toContain('`registry.yml:1:');
    expect(told.status).toMatchObject({ state: 'failure', description: 'the registry is not valid: 1 error' });
  });
});

describe('a hostile one', () => {
  const hostile: readonly (readonly [string, () => Head])[] = [
    ['another host', () => ({ machines: { m1: machine('m1', { host: 'evil.example' }) } })],
    ['this machine itself', () => ({ machines: { m1: machine('m1', { host: 'local' }) } })],
    ['a way through another', () => ({ machines: { m3: machine('evil'), m1: machine('m1', { jump: 'm3' }) } })],
    [
      'a new machine',
      () => ({ machines: { m3: machine('evil') }, services: { web: service('web', { machine: 'm3' }) } }),
    ],
    ['a key of the controller', () => ({ machines: { m1: machine('m1', { ssh_key: '/etc/canary' }) } })],
  ];

  it.each(hostile)('that names %s leads nowhere else', async (_, head) => {
    await pushBase();
    await plan(head());
    expect(hosts()).toEqual(['m1.test', 'm2.test']);
    expect(reached.every(one => one.sshKey === undefined && one.jump.length === 0)).toBe(true);
  });

  it('reads no file and runs no word of its own', async () => {
    await pushBase();
    const canary = join(world.folder('m1'), 'canary');
    const touch = `touch ${canary}`;
    const told = await plan({
      services: {
        web: service('web', {
          path: '/etc/canary',
          command: touch,
          env_file: '/etc/canary-env',
          health: { type: 'command', command: ['touch', canary] },
        }),
        leak: { type: 'docker', machine: 'm1', path: '/etc/canary-leak', compose_file: 'canary-shadow.yml' },
        unit: { type: 'native', machine: 'm1', path: '/opt/unit', service_name: 'canary-unit' },
      },
      files: { 'hooks/post-checkout': `#!/bin/sh\n${touch}\n`, '.gitattributes': '* filter=canary\n' },
    });
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter(script => script.includes('canary'))).toEqual([]);
    expect(existsSync(canary)).toBe(false);
    expect(told.text).toContain('seen after the merge');
  });

  it('teaches nothing to the controller, and looks up nothing that it refers to', async () => {
    await pushBase();
    await world.pass();
    const asked: string[] = [];
    const refuse = (text: string) => (asked.push(text), Promise.reject(new Error('asked')));
    const ports: Ports = { ...watchedPorts(), post: { reveal: refuse, send: () => refuse('send') } };
    const { redactor } = ports;
    await lookAtBase(ports, world.lists);
    const before = redactor.edition();
    const words = ['unhealthy', 'service.down', 'portoser/plan', 'web@m1', 'Kx7-qRt2Lp9'];
    const env = Object.fromEntries(words.map((word, index) => [`V${index}_TOKEN`, word]));
    const head: Head = {
      services: { web: service('web', { env }) },
      top: { notify: [{ type: 'webhook', url: 'env:PORTOSER_NOTIFY_X', secret: 'file:y', on: ['drift'] }] },
    };
    const told = await plan(head, ports);
    expect(told.text).toContain('update web@m1');
    expect(told.text).not.toContain('Kx7-qRt2Lp9');
    const broken = await plan({ services: { web: { env, type: 3 } } }, ports);
    expect(broken.status.state).toBe('failure');
    expect(asked).toEqual([]);
    expect(redactor.edition()).toBe(before);
    expect(redactor.text(words.join(' '))).toBe(words.join(' '));
  });

  it('resolves no secret', async () => {
    await pushBase();
    const told = await plan({
      services: { web: service('web', { vault_secrets: [{ path: 'secret/prod', keys: ['password'] }] }) },
    });
    expect(told.text).toContain('`web@m1` blocked');
  });

  it('is judged by the base’s policy', async () => {
    await pushBase({ apply: 'approve' });
    const told = await plan({
      services: {
        web: service('web', { policy: { apply: 'auto' } }),
        api: service('api', { policy: { apply: 'auto' } }),
      },
      policy: { apply: 'auto', max_removals: '100%' },
    });
    expect(told.text).toContain('policy.apply is approve');
    expect(told.status.description).toContain('waits for approval');
  });
});

describe('with the real SSH of the product', () => {
  let server: Server;
  let connections: number;
  beforeEach(async () => {
    connections = 0;
    server = createServer(socket => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
  });
  afterEach(async () => {
    await new Promise<void>(stopped => server.close(() => stopped()));
  });

  it('no connection goes where only the head points', async () => {
    const shell = openShell({ knownHostsFiles: [] });
    const { port } = server.address() as AddressInfo;
    const evil = { host: '127.0.0.1', port };
    await pushBase();
    // The base's own names lead nowhere: only what the head adds would be answered.
    const ports = watchedPorts(shell);
    await plan(
      {
        machines: { m1: machine('m1', evil), m3: machine('m3', evil) },
        services: { api: service('api', { machine: 'm3' }) },
      },
      ports,
    );
    expect(connections).toBe(0);
    // The same question, asked on purpose, does arrive: the listener hears.
    const asked = reached.find(one => one.name === 'm1');
    if (asked === undefined) throw new Error('m1 was not asked');
    shell.setMachines([{ ...asked, ...evil }]);
    await expect(shell.hostKeys({ ...asked, ...evil })).rejects.toMatchObject({
      code: expect.stringMatching(/^ssh-/) as string,
    });
    expect(connections).toBeGreaterThan(0);
    await shell.close();
  });
});
