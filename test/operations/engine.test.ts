// The one door: what needs no world opens none, progress reaches those who listen, waits are told.
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../reconciler/engine.js';
import type { Progress } from '../../reconciler/operations/operation.js';
import { tellRecords, tellWaits } from '../../reconciler/loop/waits.js';
import type { GitRepo, Ports, RemoteShell } from '../../reconciler/ports.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { fakeFiles } from '../fakes/git.js';
import { createFakePorts, registryText } from '../fakes/ports.js';
import { aMachine } from '../fakes/specs.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const actor = { name: 'ada', by: 'cli' } as const;

describe('the engine', () => {
  it('opens no world for what asks nothing of it', async () => {
    const engine = createEngine({
      settings,
      open: () => Promise.reject(new Error('opened')),
      close: async () => undefined,
    });
    const shown = await engine.perform('config.show', {}, actor, new AbortController().signal);
    expect(shown.find(one => one.name === 'listen')).toMatchObject({ value: '127.0.0.1:8750', from: 'default' });
    await expect(engine.perform('machine.list', {}, actor, new AbortController().signal)).rejects.toThrow('opened');
  });

  it('performs nothing for somebody who has gone', async () => {
    const engine = createEngine({
      settings,
      open: () => Promise.reject(new Error('opened')),
      close: async () => undefined,
    });
    await expect(engine.perform('config.show', {}, actor, AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
  });

  it('tells those who listen what is looked at here, and not what is looked at by the API', async () => {
    const base = createFakePorts();
    base.git.make({ 'registry.yml': registryText() });
    const files = async () => fakeFiles('work-tree', { 'registry.yml': `${registryText()} ` });
    const workTree = { folder: '/clone', files, commit: async () => '' };
    const ports = { ...base, source: { ...base.source, workTree } };
    const world = { ports, lists: { drivers: {}, checks: {} } };
    const engine = createEngine({ settings, open: async () => world, close: async () => undefined });
    const notes: string[] = [];
    engine.subscribe(({ kind, text }) => void (kind === 'note' && notes.push(text)));
    const list = async (by: 'cli' | 'api') =>
      await engine.perform('machine.list', {}, { name: 'ada', by }, new AbortController().signal);
    expect(await list('api')).toMatchObject([{ name: 'm1' }]);
    expect(notes).toEqual([]);
    await list('cli');
    expect(notes).toEqual(['registry.yml as it lies here differs from the newest commit']);
  });

  it('tells who listens what history is handed, and nobody twice', async () => {
    const ports = createFakePorts();
    const world = { ports, lists: { drivers: {}, checks: {} } };
    const engine = createEngine({ settings, open: async () => world, close: async () => undefined });
    const told: string[] = [];
    const over = new AbortController();
    const stop = engine.listen(one => {
      told.push(one.kind);
      if (one.kind === 'controller' && one.status.lastPass !== undefined) over.abort();
    });
    ports.git.make({ 'registry.yml': registryText() });
    await engine.perform('run', {}, actor, over.signal);
    const kept = ports.store.records.map(one => one.kind);
    expect(kept).toContain('event');
    expect(told.filter(kind => kind !== 'controller')).toEqual(kept);
    expect(told).toContain('controller');
    stop();
    const before = told.length;
    await engine.perform('reconcile', {}, actor, new AbortController().signal);
    expect(told.length).toBe(before);
  });

  it('says when a record is kept, also of one that is told', () => {
    const ports = createFakePorts();
    const told: string[] = [];
    const bus = { tell: ({ kind }: { kind: string }) => void told.push(kind), followed: () => true };
    const measurement = { machine: 'm1', at: 1, values: {} };
    tellRecords(ports, bus).store.record({ kind: 'samples', measurement }, () => told.push('kept'));
    expect(told.toSorted()).toEqual(['kept', 'samples']);
  });

  it('deploys nothing that is not committed where it is a controller', async () => {
    const base = createFakePorts();
    base.git.make({ 'registry.yml': registryText() });
    const files = async () => fakeFiles('work-tree', { 'registry.yml': `${registryText()} ` });
    const ports = {
      ...base,
      source: { ...base.source, workTree: { folder: '/clone', files, commit: async () => '' } },
    };
    const world = { ports, lists: { drivers: {}, checks: {} } };
    const engine = createEngine({ settings, open: async () => world, close: async () => undefined });
    const { signal } = new AbortController();
    const deploy = (uncommitted: boolean) => engine.perform('deploy', { uncommitted }, { ...actor, by: 'api' }, signal);
    expect(await deploy(true)).toMatchObject({ commit: 'work-tree' });

    const over = new AbortController();
    const noted = new Promise<void>(resolve => engine.listen(one => void (one.kind === 'controller' && resolve())));
    const running = engine.perform('run', {}, actor, over.signal);
    await Promise.race([noted, running]);
    await expect(deploy(true)).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('Commit') as string,
    });
    over.abort();
    await running;
    expect(base.audit.entries.filter(one => one.what === 'deploy').map(one => one.result)).toEqual([
      'begun',
      'done',
      'begun',
      'failed',
    ]);
  });

  it('tells one who asks to hear alone', async () => {
    const base = createFakePorts();
    base.git.make({ 'registry.yml': registryText() });
    const files = async () => fakeFiles('work-tree', { 'registry.yml': `${registryText()} ` });
    const workTree = { folder: '/clone', files, commit: async () => '' };
    const ports = { ...base, source: { ...base.source, workTree } };
    const world = { ports, lists: { drivers: {}, checks: {} } };
    const engine = createEngine({ settings, open: async () => world, close: async () => undefined });
    const [all, own]: [string[], string[]] = [[], []];
    engine.subscribe(({ kind }) => void (kind === 'note' && all.push(kind)));
    const heard = ({ kind }: Progress) => void (kind === 'note' && own.push(kind));
    const api = { name: 'ada', by: 'api' } as const;
    await engine.perform('machine.list', {}, api, new AbortController().signal, heard);
    expect([all, own]).toEqual([[], ['note']]);
  });

  it('describes an operation', async () => {
    const engine = createEngine({
      settings,
      open: () => Promise.reject(new Error('opened')),
      close: async () => undefined,
    });
    expect(await engine.describe('plan')).toMatchObject({ name: 'plan', effect: 'reads', role: 'viewer' });
    expect(await engine.describe('deploy')).toMatchObject({ effect: 'changes', role: 'operator' });
  });
});

/** A class with state of its own, as adapters may be. */
class Repository {
  readonly #head = 'abc';
  readonly address = '/srv/repo';
  remoteHead(): Promise<string> {
    return Promise.resolve(this.#head);
  }
  has(commit: string): Promise<boolean> {
    return Promise.resolve(commit === this.#head);
  }
}

describe('ports that tell what is waited for', () => {
  const told: Progress[] = [];
  const shell = {
    run: async () => Promise.reject(new Error('cut')),
    setMachines: () => undefined,
  } as unknown as RemoteShell;
  const base = {
    source: { git: new Repository() as unknown as GitRepo, path: 'r.yml' },
    shell,
    clock: { now: () => 0 },
  } as unknown as Ports;
  const ports = tellWaits(base, progress => told.push(progress));

  it('name the machine and the end, and take it back, also when it failed', async () => {
    told.length = 0;
    await expect(ports.shell.run(aMachine('m1'), { words: [] }, { timeLimitMs: 30_000 })).rejects.toThrow('cut');
    expect(told).toEqual([
      {
        kind: 'waiting',
        machine: 'm1',
        text: expect.stringMatching(/^its answer, until \d\d:\d\d:30 at the latest$/) as string,
      },
      { kind: 'waiting', machine: 'm1', text: '' },
    ]);
  });

  it('leave everything else as it is', async () => {
    told.length = 0;
    expect(await ports.source.git?.has('abc')).toBe(true);
    expect(await ports.source.git?.remoteHead()).toBe('abc');
    expect(ports.source.git?.address).toBe('/srv/repo');
    expect(told.map(one => one.text)).toEqual(['an answer of /srv/repo', '']);
  });
});
