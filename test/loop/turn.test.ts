// The loop of `portoser run`: what wakes it, how triggers fold, and that nothing is left when it ends.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { PassReport } from '../../schema/status.js';
import { checks } from '../../reconciler/checks/index.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { noteApprovals } from '../../reconciler/loop/approvals.js';
import { noteAccepted } from '../../reconciler/loop/applied.js';
import { noteTries } from '../../reconciler/loop/retries.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { runController } from '../../reconciler/loop/turn.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { settlePromises } from '../fakes/clock.js';
import { createFakePorts, type FakePorts, registryText } from '../fakes/ports.js';

let ports: FakePorts;
let over: AbortController;
let passes: PassReport[];
let running: Promise<void>;
let desired: DesiredState | undefined;

/** A loop that no longer waits would never let a test's clock go on. */
const mostPasses = 60;

beforeEach(() => {
  ports = createFakePorts();
  over = new AbortController();
  passes = [];
});

afterEach(async () => {
  over.abort();
  await running;
});

async function start(): Promise<void> {
  const context = { ports, lists: { drivers, checks }, emit: () => undefined, signal: over.signal };
  running = runController(context, {
    onPass: (report, wanted) => {
      passes.push(report);
      desired = wanted;
      if (passes.length === mostPasses) over.abort();
    },
  });
  await still();
}

/** Until nobody does anything that needs no more time. */
async function still(): Promise<void> {
  for (let before = -1; before !== passes.length;) {
    before = passes.length;
    for (let round = 0; round < 4; round += 1) await settlePromises();
  }
}

async function advance(ms: number): Promise<void> {
  await ports.clock.advance(ms);
  await still();
}

const triggers = () => passes.map(one => one.trigger);
const good = { 'registry.yml': registryText() };

describe('the controller', () => {
  it('makes a pass at its start, and one after each interval', async () => {
    ports.git.make({ 'registry.yml': registryText({}, { interval: '50s' }) });
    await start();
    expect(triggers()).toEqual(['start']);
    await advance(49_000);
    expect(triggers()).toEqual(['start']);
    await advance(1000);
    expect(triggers()).toEqual(['start', 'interval']);
    await advance(50_000);
    expect(triggers()).toEqual(['start', 'interval', 'interval']);
    expect(passes.every(one => one.next.next === 'settled')).toBe(true);
  });

  it('goes on at once when refs move, and folds what comes meanwhile into one pass', async () => {
    ports.git.make(good);
    await start();
    const newer = ports.git.make(good);
    ports.git.moved();
    ports.git.moved();
    await still();
    expect(triggers()).toEqual(['start', 'new commit']);
    expect(passes[1]?.commit).toBe(newer);
    ports.git.moved();
    await still();
    expect(passes).toHaveLength(2);
  });

  it('sees a new commit by its poll where nobody watches', async () => {
    ports.git.make({ 'registry.yml': registryText({}, { interval: '1h' }) });
    await start();
    ports.git.make({ 'registry.yml': registryText({}, { interval: '1h' }) });
    await advance(33_000);
    expect(triggers()).toEqual(['start', 'new commit']);
  });

  it('follows the schedule of the registry, and another one, and none', async () => {
    const at = (policy: object) => ({ 'registry.yml': registryText({}, policy) });
    ports.git.make(at({ schedule: '0 4 * * *' }));
    await start();
    ports.crons.get('0 4 * * *')?.();
    await still();
    expect(triggers()).toEqual(['start', 'schedule']);
    ports.git.make(at({ schedule: '0 5 * * *' }));
    ports.git.moved();
    await still();
    expect([...ports.crons.keys()]).toEqual(['0 5 * * *']);
    ports.git.make(at({}));
    ports.git.moved();
    await still();
    expect([...ports.crons.keys()]).toEqual([]);
  });

  it('tries again sooner after a fault that may pass, ever later, and never later than the interval', async () => {
    ports.git.make(good);
    ports.git.fault = new AppError('git-unreachable', 'no answer');
    await start();
    expect(passes[0]?.next).toMatchObject({ next: 'again', afterMs: 30_000 });
    await advance(30_000);
    expect(passes).toHaveLength(2);
    await advance(59_000);
    expect(passes).toHaveLength(2);
    await advance(1000);
    expect(passes).toHaveLength(3);
    delete ports.git.fault;
    await advance(60_000);
    expect(passes.at(-1)?.next.next).toBe('settled');
  });
});

describe('a change that failed for a cause that may pass', () => {
  const web = { type: 'local', machine: 'm1', path: '/srv/web', command: 'web' };
  const policy = { interval: '20s', backoff: '5s…5s' };
  const failed = (key: PlacementKey) => {
    if (desired === undefined) throw new Error('nothing was wanted');
    const error = { code: 'ssh-lost', message: 'it was lost', hint: '', retry: 'backoff' } as const;
    noteTries(ports, desired, [{ key, result: 'failed', error }]);
  };

  async function failedStart(): Promise<void> {
    ports.git.make({ 'registry.yml': registryText({ web }, policy) });
    await start();
    failed('web@m1');
  }

  it('makes no passes beside those of the interval while its machine stays away', async () => {
    await failedStart();
    await advance(60_000);
    expect(triggers()).toEqual(['start', 'interval', 'interval', 'interval']);
  });

  it('is looked at again when its time has come, once', async () => {
    await failedStart();
    ports.git.make({ 'registry.yml': registryText({ web }, policy), other: '' });
    ports.git.moved();
    await advance(5000);
    expect(triggers()).toEqual(['start', 'new commit', 'interval']);
    await advance(20_000);
    expect(passes).toHaveLength(4);
  });

  it('is forgotten when git wants it no more', async () => {
    await failedStart();
    ports.git.make({ 'registry.yml': registryText({}, policy) });
    ports.git.moved();
    await advance(60_000);
    expect(triggers()).toEqual(['start', 'new commit', 'interval', 'interval', 'interval']);
    expect(sessionOf(ports).retries.size).toBe(0);
  });
});

describe('a pass that waits for a person', () => {
  /** The registry is rewritten: held. */
  async function heldStart(): Promise<string> {
    const first = ports.git.make(good);
    ports.notes.set('git', { appliedCommit: ports.git.make(good) });
    const head = ports.git.make(good, first);
    await start();
    expect(passes[0]?.next.next).toBe('stalled');
    return head;
  }

  it('goes on within a second of an approval', async () => {
    await heldStart();
    await advance(5000);
    expect(passes).toHaveLength(1);
    await noteApprovals(ports.state, ['a plan'], { by: 'ada', at: 1 });
    await advance(1000);
    expect(triggers()).toEqual(['start', 'approval']);
    await advance(5000);
    expect(passes).toHaveLength(2);
  });

  it('goes on when the rewritten head is accepted, which is used up then', async () => {
    const head = await heldStart();
    await noteAccepted(ports.state, head);
    await advance(1000);
    expect(passes[1]).toMatchObject({ trigger: 'approval', commit: head, next: { next: 'settled' } });
    expect(ports.notes.get('git')).toEqual({ appliedCommit: head });
  });

  it('does not miss what is said while it thinks', async () => {
    const notes = ports.state;
    let said = false;
    const first = ports.git.make(good);
    ports.notes.set('git', { appliedCommit: ports.git.make(good) });
    const head = ports.git.make(good, first);
    const state = {
      ...notes,
      read: async <T>(name: string) => {
        const before = await notes.read<T>(name);
        // After the pass has read them, and before it ends.
        if (name === 'fleet' && !said) {
          said = true;
          await noteAccepted(notes, head);
        }
        return before;
      },
    };
    ports = { ...ports, state };
    await start();
    expect(triggers()).toEqual(['start', 'approval']);
  });
});

describe('history', () => {
  it('is told every change of health, planned ones too, and how it stands is noted for others', async () => {
    const web = { type: 'local', machine: 'm1', path: '/srv/web', command: 'web', suspend: true };
    ports.git.make({ 'registry.yml': registryText({ web }) });
    await start();
    expect(ports.store.records.filter(one => one.kind !== 'write')).toMatchObject([
      {
        kind: 'transition',
        transition: {
          key: 'web@m1',
          machine: 'm1',
          from: 'unknown',
          to: 'suspended',
          planned: true,
          at: ports.clock.now(),
        },
      },
    ]);
    expect(ports.notes.get('controller')).toMatchObject({ history: { state: 'kept' } });
  });
});

describe('the end', () => {
  it('comes with the signal, and leaves no timer, watcher or schedule', async () => {
    ports.git.make({ 'registry.yml': registryText({}, { schedule: '0 4 * * *' }) });
    await start();
    expect(ports.clock.wakesAt().length).toBeGreaterThan(0);
    over.abort();
    await running;
    expect([ports.clock.wakesAt(), ports.git.watched, ports.crons.size]).toEqual([[], 0, 0]);
  });

  it('does not come because its note cannot be written, or approvals cannot be read', async () => {
    ports.git.make(good);
    const full = () => Promise.reject(new AppError('state-dir-unusable', 'disk full'));
    const state = {
      ...ports.state,
      write: full,
      read: async (name: string) => (name === 'approvals' ? await full() : undefined),
    };
    ports = { ...ports, state };
    await start();
    await advance(60_000);
    expect(triggers()).toEqual(['start', 'interval']);
    expect(ports.log.lines.filter(one => one.message === 'controller note not written').length).toBeGreaterThan(0);
  });

  it('does not come because the refs cannot be watched: the poll sees them', async () => {
    ports.git.make(good);
    const git = {
      ...ports.git,
      watch: () => Promise.reject(new AppError('git-broken', 'too many watches')),
      remoteHead: () => ports.git.remoteHead(),
    };
    ports = { ...ports, source: { ...ports.source, git } };
    await start();
    expect(triggers()).toEqual(['start']);
  });
});
