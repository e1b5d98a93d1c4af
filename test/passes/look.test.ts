// Looking at machines: one exec each, a second one only for what nobody wanted to look at, and nothing guessed from an answer that is none.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { renderBody } from '../../reconciler/commands/command.js';
import { desire } from '../../reconciler/loop/desired.js';
import { look } from '../../reconciler/loop/look.js';
import { sync } from '../../reconciler/loop/sync.js';
import type { CommandResult, Ports } from '../../reconciler/ports.js';
import { createWorld, touch, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const wanted = async (ports: Ports = world.ports) =>
  await desire(ports, world.lists, await sync(ports, { from: 'commit' }));
const probes = () => world.sent.filter(one => one.endsWith('probe')).toSorted();
/** The same world as a process sees it that has just begun: it remembers nothing. */
const fresh = (): Ports => ({ ...world.ports });

describe('an exec per machine', () => {
  it('sees all of them, what stands there, and the stamps', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } });
    const before = await look(world.ports, world.lists, await wanted());
    expect([before.sightings['web@m1']?.state, before.sightings['api@m2']?.state]).toEqual(['absent', 'absent']);
    expect(before.machines['m1']).toMatchObject({ state: 'reachable', stateFolder: { exists: false }, stamps: [] });
    await world.pass();
    world.sent.length = 0;
    const after = await look(world.ports, world.lists, await wanted());
    expect(after.sightings['web@m1']).toMatchObject({ state: 'present', run: 'running' });
    expect(after.machines['m1']).toMatchObject({
      stateFolder: { exists: true },
      openSteps: [],
      stamps: [{ service: 'web' }],
    });
    expect(probes()).toEqual(['m1 probe', 'm2 probe']);
  });

  it('and a second one where a stamp names what is not wanted any more; a process that saw it before needs none', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm1' } });
    await world.pass();
    await world.push({ api: { machine: 'm1' } });
    world.sent.length = 0;
    const begun = fresh();
    const live = await look(begun, world.lists, await wanted(begun));
    expect(live.sightings['web@m1']).toMatchObject({ state: 'present', run: 'running' });
    expect(probes()).toEqual(['m1 probe', 'm1 probe', 'm2 probe']);
    world.sent.length = 0;
    expect((await look(begun, world.lists, await wanted(begun))).sightings['web@m1']?.state).toBe('present');
    expect(probes()).toEqual(['m1 probe', 'm2 probe']);
  });

  it('a machine with a stamp of a newer version, or a damaged one, is left alone', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } });
    await world.pass();
    const stamps = join(world.folder('m1'), 'state/portoser/clusters/c/stamps');
    const newer = readFileSync(join(stamps, 'web'), 'utf8').replace('portoser-stamp 1', 'portoser-stamp 2');
    touch(join(stamps, 'web'), newer);
    touch(join(stamps, 'other'), '');
    const report = await world.pass();
    expect(report.plan?.waves).toEqual([]);
    expect(report.findings).toMatchObject([{ kind: 'blocked', machine: 'm1', code: 'machine-stamps' }]);
    expect(report.findings[0]?.message).toMatch(/^2 stamps in .*\/stamps of m1 are damaged/);
    expect(readFileSync(join(stamps, 'web'), 'utf8')).toBe(newer);
  });

  it('of just those that are asked for', async () => {
    await world.push({ web: { machine: 'm1' } });
    const live = await look(world.ports, world.lists, await wanted(), { only: new Set(['m2']) });
    expect([Object.keys(live.machines), probes()]).toEqual([['m2'], ['m2 probe']]);
  });
});

describe('files', () => {
  it('with any name are compared as they are, edited, removed and with another mode', async () => {
    const files = { "apps/web/it's a file.txt": 'x', 'apps/web/gone': 'x', 'apps/web/ünï': 'x' };
    await world.push({ web: { machine: 'm1', source: 'apps/web' } }, { files });
    await world.pass();
    expect((await world.pass()).plan?.waves).toEqual([]);
    touch(join(world.folder('m1'), "web/it's a file.txt"), 'edited');
    rmSync(join(world.folder('m1'), 'web/gone'));
    const report = await world.pass();
    expect(report.plan?.waves[0]?.[0]?.fields.map(one => one.from)).toEqual([
      expect.stringMatching(/removed|edited/),
      expect.stringMatching(/removed|edited/),
    ]);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });
});

describe('a machine that does not answer as it should', () => {
  const answering = (change: (result: CommandResult, nonce: string) => Partial<CommandResult>): Ports => ({
    ...world.ports,
    shell: {
      ...world.ports.shell,
      run: async (machine, command, limits) => {
        const result = await world.ports.shell.run(machine, command, limits);
        const nonce = /p_nonce=(\w+);/.exec(renderBody(command))?.[1] ?? '';
        return machine.name === 'm1' ? { ...result, ...change(result, nonce) } : result;
      },
    },
  });

  it.each<[string, (result: CommandResult, nonce: string) => Partial<CommandResult>, string]>([
    ['cut short', ({ stdout }) => ({ stdout: stdout.slice(0, -10) }), 'machine-shell'],
    ['something else', () => ({ stdout: 'Welcome!\n', stderr: 'sh: no such shell', code: 1 }), 'machine-shell'],
    [
      'in another version',
      ({ stdout }, nonce) => ({ stdout: stdout.replace(`@${nonce} portoser 1`, `@${nonce} portoser 2`) }),
      'machine-shell',
    ],
    ['without facts', ({ stdout }) => ({ stdout: stdout.replace(/^uname .*$/m, '') }), 'machine-shell'],
    ['too late', () => ({ timedOut: true, code: null }), 'command-timeout'],
    ['and is lost', () => ({ lost: true, code: null }), 'ssh-lost'],
  ])('%s is unknown, and so is what stands there', async (_, change, code) => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2' } });
    const ports = answering(change);
    const live = await look(ports, world.lists, await wanted(ports));
    expect(live.machines['m1']).toMatchObject({ state: 'unknown', error: { code } });
    expect(live.sightings['web@m1']).toMatchObject({ state: 'unknown', error: { code } });
    expect(live.machines['m2']?.state).toBe('reachable');
  });

  it('with a fault of our own is no unknown machine, but a fault', async () => {
    await world.push({ web: { machine: 'm1' } });
    world.before = async () => {
      throw new AppError('internal', 'a bug');
    };
    await expect(look(world.ports, world.lists, await wanted())).rejects.toMatchObject({ code: 'internal' });
  });
});
