// A service with data moves: stopped first, its data brought over and compared, started there; or it runs where it was, as if nothing had been.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError, type ErrorReport } from '../../schema/errors.js';
import { sh } from '../../reconciler/commands/command.js';
import { report } from '../../reconciler/core/machines.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, outcomesOf, touch, type World } from '../passes/world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  shims();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await world.close();
});

/** A tar that breaks on the machine where a file of its home says so. */
function shims(): void {
  const folder = join(world.clone, 'shims');
  mkdirSync(folder);
  const tar = `#!/bin/sh
if [ -e "$HOME/full" ]; then head -c 1000 >/dev/null; echo 'tar: ./log: Cannot write: No space left on device' >&2; exit 2; fi
/bin/tar "$@"; code=$?
if [ -e "$HOME/corrupt" ]; then echo x >>"$2/log"; fi
exit $code
`;
  writeFileSync(join(folder, 'tar'), tar, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
}

/** Writes a number a line, ever on, from where its file ends; nobody else does. */
const writer = 'n=$(tail -n 1 log 2>/dev/null); n=${n:-0}; while :; do n=$((n+1)); echo "$n" >>log; sleep 0.02; done';

const db = (machine: string, more: object = {}) => ({
  machine,
  path: join(world.folder('{{ machine.name }}'), 'db'),
  command: ['sh', '-c', writer],
  stateful: true,
  data: 'copy',
  health: { type: 'command', command: ['sh', '-c', 'test ! -e ill'], deadline: '3s', interval: '100ms' },
  ...more,
});

const at = (machine: string, ...path: readonly string[]) => join(world.folder(machine), 'db', ...path);
const lines = (machine: string): readonly string[] => readFileSync(at(machine, 'log'), 'utf8').trim().split('\n');
/** Counts on, with nothing lost and nothing twice. */
const isWhole = (written: readonly string[]): boolean => written.every((line, index) => line === String(index + 1));
const stamp = (machine: string) => parseStamp(world.readStamp(machine, 'db') ?? '');

/** The pid of its process there; undefined: none lives. */
function runs(machine: string): number | undefined {
  const record = join(world.folder(machine), 'state/portoser/clusters/c/supervise/db');
  if (!existsSync(record)) return undefined;
  const pid = Number(readFileSync(record, 'utf8').split(' ')[0]);
  return existsSync(`/proc/${pid}`) ? pid : undefined;
}

/** Temporary folders, lists of copies, and steps. */
const leftovers = (machine: string): readonly string[] => {
  const folder = world.folder(machine);
  const state = join(folder, 'state/portoser/clusters/c');
  const inside = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  return [
    ...inside(folder).filter(name => name.includes('portoser-copy')),
    ...inside(join(state, 'copies')),
    ...inside(join(state, 'steps')),
    ...inside(state).filter(name => name.startsWith('lock')),
  ];
};

/** It stands on m1 and has written something. */
async function standing(more: object = {}): Promise<void> {
  await world.push({ db: db('m1', more) });
  expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied create']);
  await until(() => existsSync(at('m1', 'log')) && lines('m1').length > 5);
}

/** Runs where it was, with the same data, and the move is held. */
async function isBack(): Promise<void> {
  expect([runs('m1') !== undefined, runs('m2'), existsSync(at('m2'))]).toEqual([true, undefined, false]);
  const count = lines('m1').length;
  await until(() => lines('m1').length > count);
  expect(isWhole(lines('m1'))).toBe(true);
  expect([...leftovers('m1'), ...leftovers('m2')]).toEqual([]);
}

async function isHeld(): Promise<void> {
  const next = await world.pass();
  expect(next.outcomes).toEqual([]);
  expect(next.plan?.leftAlone.map(one => [one.key, one.state])).toEqual([
    ['db@m2', 'held'],
    ['db@m1', 'held'],
  ]);
}

describe('a move with its data', () => {
  it('brings over every byte, mode, link and time, and starts only then', async () => {
    await standing();
    mkdirSync(at('m1', 'sub dir'));
    writeFileSync(at('m1', 'sub dir', "odd 'name"), Buffer.alloc(300_000, 7));
    chmodSync(at('m1', 'sub dir', "odd 'name"), 0o640);
    symlinkSync('../log', at('m1', 'sub dir', 'link'));
    await world.push({ db: db('m2') });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
    expect([runs('m1'), runs('m2') !== undefined]).toEqual([undefined, true]);
    const before = lines('m1');
    expect(lines('m2').slice(0, before.length)).toEqual(before);
    await until(() => lines('m2').length > before.length + 3);
    expect(isWhole(lines('m2'))).toBe(true);
    const [one, other] = ['m1', 'm2'].map(name => statSync(at(name, 'sub dir', "odd 'name")));
    expect([other?.mode, Math.floor((other?.mtimeMs ?? 0) / 1000)]).toEqual([
      one?.mode,
      Math.floor((one?.mtimeMs ?? 0) / 1000),
    ]);
    expect([...leftovers('m1'), ...leftovers('m2')]).toEqual([]);
    expect([stamp('m1')?.prunedAt !== undefined, stamp('m1')?.move, stamp('m2')?.fingerprint]).toEqual([
      true,
      undefined,
      expect.any(String),
    ]);
    const next = await world.pass();
    expect([next.outcomes, next.plan?.waves, next.plan?.leftAlone]).toEqual([[], [], []]);
  });

  it('and back again: what was left there is put aside, not written over', async () => {
    await standing();
    await world.push({ db: db('m2') });
    await world.pass();
    const old = lines('m1');
    await until(() => lines('m2').length > old.length);
    await world.push({ db: db('m1') });
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied update', 'db@m2 applied stop']);
    expect(lines('m1').length).toBeGreaterThan(old.length);
    const aside = readdirSync(world.folder('m1')).find(name => name.startsWith('db.portoser-aside.'));
    expect(
      readFileSync(join(world.folder('m1'), aside ?? '', 'log'), 'utf8')
        .trim()
        .split('\n'),
    ).toEqual(old);
  });

  it('of a service that is not stateful too', async () => {
    await standing({ stateful: false });
    await world.push({ db: db('m2', { stateful: false }) });
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
    expect(lines('m2').slice(0, lines('m1').length)).toEqual(lines('m1'));
  });
});

describe('what cannot be done is refused before anything is stopped', () => {
  async function refused(code: string, why: string): Promise<void> {
    const pid = runs('m1');
    await world.push({ db: db('m2') });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual([`db@m1 skipped db@m2 failed`, `db@m2 failed ${code}`]);
    expect(report.outcomes).toMatchObject([{ error: { message: expect.stringContaining(why) as string } }, {}]);
    expect([runs('m1'), runs('m2')]).toEqual([pid, undefined]);
  }

  it('foreign data where it would go', async () => {
    await standing();
    mkdirSync(at('m2'), { recursive: true });
    touch(at('m2', 'precious'), 'mine');
    await refused('copy-refused', 'holds something already');
    expect(readFileSync(at('m2', 'precious'), 'utf8')).toBe('mine');
  });

  it('too little room', async () => {
    await standing();
    const folder = join(world.clone, 'shims');
    const df = `#!/bin/sh
case $HOME in */m2) echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/x 100 99 1 99% /';; *) exec /bin/df "$@";; esac
`;
    world.before = async (_, kind) => {
      // Only the look at the target is lied to; the probe's own figures are not.
      if (kind === 'other') writeFileSync(join(folder, 'df'), df, { mode: 0o755 });
    };
    await refused('machine-disk-full', 'KiB free');
    expect(existsSync(at('m2'))).toBe(false);
  });

  it('a machine that does not answer: it is not absent there', async () => {
    await standing();
    const pid = runs('m1');
    await world.push({ db: db('m2') });
    world.down.add('m1');
    const unseen = await world.pass();
    expect(unseen.outcomes).toEqual([]);
    expect(unseen.plan?.held?.why).toContain('db@m2 is seen nowhere and may be on m1, not answering');
    world.down.clear();
    world.down.add('m2');
    const stays = await world.pass();
    expect([stays.outcomes, stays.plan?.waves]).toEqual([[], []]);
    expect(runs('m1')).toBe(pid);
  });

  it('a stateful service without `data: copy` waits for a person, who is told', async () => {
    await standing({ data: undefined });
    const pid = runs('m1');
    await world.push({ db: db('m2', { data: undefined }) });
    const asked = await world.pass();
    expect(asked.plan?.held?.why).toContain('db@m2 would start without its data');
    expect([asked.outcomes, runs('m1')]).toEqual([[], pid]);
    const report = await world.pass({ approved: asked.plan?.id ?? '' });
    expect(outcomesOf(report)).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
    expect([runs('m1'), lines('m2')[0]]).toEqual([undefined, '1']);
  });
});

describe('what can be had ahead', () => {
  /** As images of Docker, which these machines have not: a step that needs none of the service's files. */
  function needing(script: string, meaning?: ErrorReport): void {
    const { local } = drivers;
    if (local === undefined) throw new Error('there is no driver local');
    const what = 'have it there';
    const driver: typeof local = {
      ...local,
      start: (placement, ...rest) => [
        { phase: 'setup', what, command: sh`sh -c ${script}`, timeLimitMs: 10_000, ahead: true },
        ...local.start(placement, ...rest),
      ],
      explain: (step, output) => (step.what === what ? meaning : local.explain(step, output)),
    };
    Object.assign(world.lists, { drivers: { ...drivers, local: driver } });
  }
  const outcomes = (code: string) => [`db@m1 skipped db@m2 failed`, `db@m2 failed ${code}`];

  it('is had before the service is stopped', async () => {
    await standing();
    const seen = join(world.folder('m2'), 'seen');
    // One that ended and whose parent has not looked yet is a zombie.
    needing(`grep -q '^State:.[RSD]' /proc/${runs('m1')}/status && echo runs >>${seen} || echo stopped >>${seen}`);
    await world.push({ db: db('m2') });
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
    expect(readFileSync(seen, 'utf8')).toBe('runs\nstopped\n');
  });

  it('where nobody has it, the service runs on as if nothing had been, and the move is held', async () => {
    await standing();
    const pid = runs('m1');
    needing('echo "nobody has it" >&2; exit 1', report('image-missing', 'nobody has it'));
    await world.push({ db: db('m2') });
    const first = await world.pass();
    expect(outcomesOf(first)).toEqual(outcomes('image-missing'));
    expect(first.outcomes).toMatchObject([
      { outputTail: 'nobody has it', undone: { result: 'back', commit: stamp('m1')?.commit } },
      {},
    ]);
    await isBack();
    await isHeld();
    expect([runs('m1'), stamp('m1')?.move?.state, stamp('m2')]).toEqual([pid, 'failed', undefined]);
    needing('true');
    await world.push({ db: db('m2', { env: { CORRECTED: 'yes' } }) });
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
    expect(isWhole(lines('m2'))).toBe(true);
  });

  it('where it cannot be reached just now, the service runs on, and the move is tried again', async () => {
    await standing();
    const pid = runs('m1');
    needing('exit 1', report('image-unreachable', 'not now'));
    await world.push({ db: db('m2') }, { policy: { backoff: '1s' } });
    expect(outcomesOf(await world.pass())).toEqual(outcomes('image-unreachable'));
    await isBack();
    expect([runs('m1'), stamp('m1')?.move, stamp('m2')]).toEqual([pid, undefined, undefined]);
    needing('true');
    const again = await world.pass({ again: true });
    expect(outcomesOf(again)).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
  });
});

describe('what fails in the middle is undone', () => {
  async function failing(code: string): Promise<void> {
    await world.push({ db: db('m2') });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual([`db@m1 skipped db@m2 failed`, `db@m2 failed ${code}`]);
    expect(report.outcomes).toMatchObject([{ undone: { result: 'back' } }, {}]);
  }

  it('a target that is full', async () => {
    await standing();
    touch(join(world.folder('m2'), 'full'));
    await failing('machine-disk-full');
    expect(stamp('m1')?.move?.state).toBe('failed');
    await isBack();
    await isHeld();
  });

  it('data that came over otherwise', async () => {
    await standing();
    touch(join(world.folder('m2'), 'corrupt'));
    await failing('copy-mismatch');
    expect(stamp('m1')?.move?.state).toBe('failed');
    await isBack();
    await isHeld();
  });

  it('a connection that is lost; a person tries it again', async () => {
    await standing();
    world.before = async (_, kind) => {
      if (kind === 'carry') throw new AppError('ssh-lost', 'cut');
    };
    await failing('ssh-lost');
    await isBack();
    await isHeld();
    world.before = async () => undefined;
    const again = await world.pass({ only: ['db'], again: true });
    expect(outcomesOf(again)).toEqual(['db@m1 applied stop', 'db@m2 applied create']);
  });

  it('a target that cannot be looked at once its data are there; its lock is given back', async () => {
    await standing();
    let looks = 0;
    world.before = async (machine, kind) => {
      if (machine !== 'm2' || kind !== 'probe' || !world.sent.some(line => line.endsWith('carry'))) return;
      if ((looks += 1) === 1) throw new AppError('ssh-unreachable', 'm2 cannot be reached');
    };
    await failing('ssh-unreachable');
    expect([runs('m1') !== undefined, runs('m2'), stamp('m1')?.move?.state]).toEqual([true, undefined, 'failed']);
    expect(stamp('m2')?.prunedAt, 'what came stays ours').toBeGreaterThan(0);
    expect([...leftovers('m1'), ...leftovers('m2')]).toEqual([]);
    await isHeld();
    const again = await world.pass({ only: ['db'], again: true });
    expect(outcomesOf(again)).toEqual(['db@m1 applied stop', 'db@m2 applied update']);
    expect(isWhole(lines('m2'))).toBe(true);
  });

  it('a target that is away for longer from then on', async () => {
    await standing();
    world.before = async (machine, kind) => {
      if (machine === 'm2' && kind === 'probe' && world.sent.some(line => line.endsWith('carry'))) world.down.add('m2');
    };
    await failing('ssh-unreachable');
    expect([runs('m1') !== undefined, leftovers('m1')]).toEqual([true, []]);
    world.before = async () => undefined;
    world.down.clear();
    await isHeld();
    expect(leftovers('m2')).not.toContain('lock');
  });

  it('a new one that does not become healthy is stopped before the old one starts', async () => {
    await standing();
    const ill = {
      health: { type: 'command', command: ['sh', '-c', 'case $PWD in */m2/*) exit 1;; esac'], deadline: '1s' },
    };
    await world.push({ db: db('m2', ill) });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['db@m1 skipped db@m2 failed', 'db@m2 failed gate-failed']);
    expect([runs('m1') !== undefined, runs('m2')]).toEqual([true, undefined]);
    expect(report.outcomes).toMatchObject([{ undone: { result: 'back' } }, {}]);
    await isHeld();
  });
});

describe('a controller that is gone in the middle', () => {
  /** From the given moment on nothing of this pass reaches any machine. */
  async function killedAt(moment: (machine: string, kind: string) => boolean): Promise<void> {
    await world.push({ db: db('m2') });
    let dead = false;
    world.before = async (machine, kind) => {
      dead ||= moment(machine, kind);
      if (dead) throw new AppError('ssh-lost', 'the controller was killed');
    };
    await world.pass();
    world.before = async () => undefined;
  }

  it('while data are copied: the old one runs again, then it is moved anew, cleanly', async () => {
    await standing();
    await killedAt((_, kind) => kind === 'carry');
    expect([runs('m1'), stamp('m1')?.move?.state]).toEqual([undefined, 'going']);
    const next = await world.pass();
    expect(outcomesOf(next)).toEqual(['db@m1 applied repair']);
    expect([next.next.next, runs('m1') !== undefined, existsSync(at('m2'))]).toEqual(['again', true, false]);
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied stop', 'db@m2 applied update']);
    expect(isWhole(lines('m2'))).toBe(true);
    expect([...leftovers('m1'), ...leftovers('m2')]).toEqual([]);
  });

  it('after it was handed over: while its target cannot be looked at it is not started where it was', async () => {
    await standing();
    let batches = 0;
    await killedAt((machine, kind) => machine === 'm2' && kind === 'batch' && (batches += 1) > 1);
    expect([runs('m1'), stamp('m1')?.move?.state]).toEqual([undefined, 'handed']);
    world.sent.length = 0;
    world.before = async (machine, kind) => {
      if (machine === 'm2' && kind === 'probe' && world.sent.includes('m1 batch')) world.down.add('m2');
    };
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['db@m1 skipped db@m2 failed', 'db@m2 failed ssh-unreachable']);
    expect(report.outcomes).toMatchObject([{ undone: { result: 'failed', error: { code: 'move-failed' } } }, {}]);
    expect([runs('m1'), stamp('m1')?.move?.state, leftovers('m1')]).toEqual([undefined, 'handed', []]);
    world.before = async () => undefined;
    world.down.clear();
    await world.pass({ only: ['db'], again: true });
    expect([runs('m1'), runs('m2') !== undefined, isWhole(lines('m2'))]).toEqual([undefined, true, true]);
  });

  it('after it was handed over and started: it stays where it went', async () => {
    await standing();
    let batches = 0;
    await killedAt(
      (machine, kind) => machine === 'm2' && kind === 'batch' && (batches += 1) > 1 && runs('m2') !== undefined,
    );
    world.before = async () => undefined;
    for (let pass = 0; pass < 3; pass += 1) await world.pass();
    expect([runs('m1'), runs('m2') !== undefined]).toEqual([undefined, true]);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });
});
