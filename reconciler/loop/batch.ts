// Makes one batch of one machine: builds it from changes, sends it, waits at the gates, looks again, and writes the stamps.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Change, ChangeKind, Outcome } from '../../schema/plan.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Sighting, Stamp } from '../../schema/state.js';
import { type Batch, batchCommand, type BatchChange, finishCommand } from '../commands/batch.js';
import { lines } from '../commands/command.js';
import type { LockHolder } from '../commands/lock.js';
import { readProbe } from '../commands/probe.js';
import { groundOf } from '../core/diff.js';
import { identityOf, report } from '../core/machines.js';
import { stampText } from '../core/ownership.js';
import { claimOf, finalStamp, heldStamp, prunedStamp } from '../core/stamps.js';
import type { Driver, GeneratedFile, Ground, StartKind, Step } from '../drivers/driver.js';
import type { Lists } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';
import { readBatch, type Batched, type BatchReading, type StepFailure } from './batch-result.js';
import { gate } from './gate.js';
import { journal } from './journal.js';
import { look } from './look.js';
import { renewing } from './renew.js';
import { stillDiffers } from './verify.js';

export interface BatchRun {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly files: RepoFiles;
  readonly machine: Machine;
  readonly holder: LockHolder;
  readonly signal: AbortSignal;
  readonly told: (key: PlacementKey, text: string) => void;
}

/** A change with all that its words are made of. */
interface Prepared {
  readonly change: Change;
  readonly driver: Driver;
  readonly ground: Ground;
  readonly steps: readonly Step[];
  readonly batch: BatchChange;
  readonly placement?: Placement;
  readonly generated: readonly GeneratedFile[];
}

const emptyGround = (seen: MachineSeen, machine: Machine): Ground => ({
  facts: seen.facts,
  sudo: machine.sudo,
  own: {},
  files: {},
});

const runsAs = (placement: Placement, seen: MachineSeen) => placement.spec.user ?? seen.facts.user;

async function sourceBytes(run: BatchRun, placement: Placement, oid: string, path: string): Promise<Uint8Array> {
  const from = placement.spec.source === '' ? path : `${placement.spec.source ?? ''}/${path}`;
  const bytes = await run.files.read(from);
  if (bytes === undefined) throw new AppError('file-missing', `${from} (${oid.slice(0, 12)}) cannot be read`);
  return bytes;
}

/** Managed files that the machine does not show as they should be, with their content. */
async function filesToPut(
  run: BatchRun,
  placement: Placement,
  seen: MachineSeen,
  ground: Ground,
  generated: readonly GeneratedFile[],
): Promise<BatchChange['files']> {
  const owner = runsAs(placement, seen);
  const source = placement.source
    .map(file => ({ file, path: `${placement.spec.path}/${file.path}` }))
    .filter(({ file, path }) => ground.files[path]?.sha256 !== file.sha256 || ground.files[path]?.mode !== file.mode);
  const fromGit = await Promise.all(
    source.map(async ({ file, path }) => ({
      path,
      mode: file.mode,
      owner,
      bytes: await sourceBytes(run, placement, file.oid, file.path),
    })),
  );
  const ours = generated.map(file => ({
    path: file.path,
    mode: file.mode,
    owner: file.root ? 'root' : owner,
    bytes: Buffer.from(file.text),
  }));
  return [...fromGit, ...ours];
}

const nobodysSighting: Sighting = { state: 'absent', files: {}, own: {} };

async function prepareStart(run: BatchRun, change: Change, seen: MachineSeen): Promise<Prepared> {
  const placement = run.desired.placements.find(one => one.key === change.key);
  const driver = placement === undefined ? undefined : run.lists.drivers[placement.spec.type];
  if (placement === undefined || driver === undefined)
    throw new AppError('internal', `${change.key} is planned and not wanted`);
  const sighting = run.live.sightings[change.key] ?? nobodysSighting;
  const ground = groundOf(placement, seen, sighting, run.desired);
  const generated = driver.generate(placement, ground);
  if ('code' in generated) throw new AppError(generated.code, generated.message, { hint: generated.hint });
  const steps = driver.start(placement, change.kind as StartKind, ground);
  const kept = new Set([
    ...placement.source.map(file => `${placement.spec.path}/${file.path}`),
    ...generated.map(file => file.path),
  ]);
  const claim = claimOf({
    placement,
    identity: driver.identity(placement.spec, seen.facts),
    generated,
    commit: run.desired.commit,
    before: change.kind === 'replace' ? undefined : change.stamp,
  });
  const owner = runsAs(placement, seen);
  const batch: BatchChange = {
    service: change.service,
    basis: change.kind === 'replace' ? '' : change.basis,
    claim: stampText(claim),
    folders: [{ path: placement.spec.path, owner }],
    files: await filesToPut(run, placement, seen, ground, generated),
    unlink:
      change.kind === 'replace'
        ? []
        : (change.stamp?.files.map(file => file.path).filter(path => !kept.has(path)) ?? []),
    steps,
  };
  return { change, driver, ground, steps, batch, placement, generated };
}

function prepareStop(run: BatchRun, change: Change, stamp: Stamp, seen: MachineSeen): Prepared {
  const driver = run.lists.drivers[stamp.driver];
  if (driver === undefined) throw new AppError('internal', `there is no driver ${stamp.driver}`);
  const ground = emptyGround(seen, run.machine);
  const leaves = change.kind === 'remove' || change.kind === 'replace';
  const steps =
    change.kind === 'release' ? [] : [...driver.stop(stamp, ground), ...(leaves ? driver.remove(stamp, ground) : [])];
  const unlink = leaves
    ? stamp.files.filter(file => change.kind === 'remove' || file.kind === 'generated').map(file => file.path)
    : [];
  return {
    change,
    driver,
    ground,
    steps,
    batch: {
      service: change.service,
      basis: change.basis,
      claim: stampText(stamp),
      folders: [],
      files: [],
      unlink,
      steps,
    },
    generated: [],
  };
}

/** Bytes that must be free where the state folder and the placement's path lie. */
const leastFreeBytes = 4 * 1024 * 1024;

function diskFull(
  seen: MachineSeen,
  machine: string,
  paths: readonly string[],
  needBytes: number,
): ErrorReport | undefined {
  for (const path of paths) {
    const mounts = seen.facts.fileSystems.filter(
      one => one.mount === '/' || path === one.mount || path.startsWith(`${one.mount}/`),
    );
    const mount = mounts.sort((a, b) => b.mount.length - a.mount.length)[0];
    if (mount !== undefined && (mount.freeBytes < leastFreeBytes + needBytes || mount.inodesFreePercent === 0)) {
      const free = Math.floor(mount.freeBytes / 1024);
      return report(
        'machine-disk-full',
        `${mount.mount} on ${machine} has ${free} KiB and ${mount.inodesFreePercent ?? 100} % of its inodes left`,
      );
    }
  }
  return undefined;
}

const failed = (change: Change, error: ErrorReport, output?: string): Outcome => ({
  key: change.key,
  result: 'failed',
  error,
  ...(output === undefined || output.trim() === '' ? {} : { outputTail: output.trim().slice(-2000) }),
});

interface Sent {
  readonly reading: BatchReading;
}

async function send(run: BatchRun, prepared: readonly Prepared[], seen: MachineSeen, gone: string): Promise<Sent> {
  const { ports, machine, desired } = run;
  const id = ports.newId();
  const nonce = ports.newId();
  const batch: Batch = {
    id,
    nonce,
    sudo: machine.sudo,
    cluster: desired.cluster,
    identity: identityOf(desired),
    newMachineId: ports.newId(),
    holder: run.holder,
    gone,
    sshUser: seen.facts.user,
    changes: prepared.map(one => one.batch),
    timeLimitMs: 60_000 + prepared.flatMap(one => one.steps).reduce((sum, step) => sum + step.timeLimitMs, 0),
  };
  const intent = {
    id,
    to: 'machine',
    where: machine.name,
    what: 'batch',
    keys: prepared.map(one => one.change.key),
  } as const;
  const result = await journal(ports, intent, () =>
    ports.shell.run(machine, batchCommand(batch), { timeLimitMs: batch.timeLimitMs + 30_000 }),
  );
  if (result.lost) throw new AppError('ssh-lost', `the connection to ${machine.name} was lost while it was changed`);
  const batched: Batched = { batch, machine: machine.name, steps: prepared };
  const sections = readProbe(result.stdout, nonce) ?? readProbe(`${result.stdout}\n@${nonce} end`, nonce);
  const reading = readBatch(sections, batched);
  if (reading !== undefined) return { reading };
  if (result.timedOut)
    throw new AppError(
      'command-timeout',
      `the changes on ${machine.name} took longer than ${Math.round(batch.timeLimitMs / 1000)} s`,
    );
  throw new AppError(
    'machine-shell',
    `${machine.name} answered a change with something else: ${(result.stderr || result.stdout).trim().slice(-400)}`,
  );
}

/** Sends it; a lock held by a process of this same controller that is gone is taken over at once. */
async function sendLocked(run: BatchRun, prepared: readonly Prepared[], seen: MachineSeen): Promise<BatchReading> {
  const first = (await send(run, prepared, seen, '-')).reading;
  const by = first.lockedBy;
  if (by === undefined || by.controller !== run.holder.controller || run.ports.state.runs(by.process)) return first;
  return (await send(run, prepared, seen, by.process)).reading;
}

const isStart = (prepared: Prepared): prepared is Prepared & { readonly placement: Placement } =>
  prepared.placement !== undefined;

interface GateFailure {
  readonly error: ErrorReport;
  /** It was looked at and did not pass; else nobody could look, and the revision is not to blame. */
  readonly judged: boolean;
}

async function gateAll(
  run: BatchRun,
  started: readonly (Prepared & { readonly placement: Placement })[],
  seen: MachineSeen,
): Promise<ReadonlyMap<PlacementKey, GateFailure>> {
  if (started.length === 0) return new Map();
  const results = await gate(
    started.map(one => one.placement),
    { machine: run.machine, facts: seen.facts },
    run.lists,
    { ...run.ports },
    { signal: run.signal },
  );
  return new Map(
    [...results].flatMap(([key, result]) => {
      if (result.result === 'passed') return [];
      const found = result.result === 'failed' ? `${result.why}: ${result.found}` : result.why;
      return [
        [
          key,
          {
            error: report('gate-failed', `${key} did not become healthy: ${found}`),
            judged: result.result === 'failed',
          },
        ] as const,
      ];
    }),
  );
}

/** The end of a placement's log, for a failure's report; nothing when it cannot be had. */
async function logTail(run: BatchRun, prepared: Prepared, stamp: Stamp, seen: MachineSeen): Promise<string> {
  try {
    const words = prepared.driver.logs(stamp, { follow: false, lines: 20 }, seen.facts);
    const result = await run.ports.shell.run(run.machine, lines([words]), { timeLimitMs: 10_000, outputLimit: 8192 });
    return result.stdout;
  } catch (thrown) {
    return `(its log cannot be read: ${asAppError(thrown).message})`;
  }
}

interface Ended {
  readonly outcomes: readonly Outcome[];
  readonly stamps: { readonly service: string; readonly text: string }[];
  readonly forget: string[];
}

async function judgeStart(
  run: BatchRun,
  one: Prepared & { readonly placement: Placement },
  after: LiveState,
  gateFailure: GateFailure | undefined,
  startedAt: number,
  ended: Ended,
): Promise<Outcome> {
  const seen = after.machines[run.machine.name];
  const sighting = after.sightings[one.change.key];
  if (seen?.state !== 'reachable' || sighting === undefined || sighting.state === 'unknown') {
    const error =
      seen?.state === 'unknown'
        ? seen.error
        : report('not-converged', `${one.change.key} could not be looked at after it was started`);
    return failed(one.change, error);
  }
  const stamp = finalStamp({
    placement: one.placement,
    identity: one.driver.identity(one.placement.spec, seen.facts),
    generated: one.generated,
    sighting,
    commit: run.desired.commit,
    ownFiles: one.driver.ownFiles(one.placement.spec).map(file => file.path),
  });
  if (gateFailure !== undefined) {
    if (gateFailure.judged) ended.stamps.push({ service: one.change.service, text: stampText(heldStamp(stamp)) });
    return failed(one.change, gateFailure.error, await logTail(run, one, stamp, seen));
  }
  const amiss = stillDiffers(run.desired, after, run.lists.drivers, one.change.key, stamp);
  if (amiss !== undefined)
    return failed(one.change, report('not-converged', `${one.change.key}: every command succeeded, but ${amiss}`));
  ended.stamps.push({ service: one.change.service, text: stampText(stamp) });
  return {
    key: one.change.key,
    result: 'applied',
    kind: one.change.kind,
    durationMs: run.ports.clock.monotonic() - startedAt,
  };
}

function judgeStop(run: BatchRun, one: Prepared, after: LiveState, startedAt: number, ended: Ended): Outcome {
  const sighting = after.sightings[one.change.key];
  const runs = sighting?.state === 'present' && ['running', 'starting', 'crash-looping'].includes(sighting.run);
  if (runs && one.change.kind !== 'release') {
    return failed(
      one.change,
      report('not-converged', `${one.change.key}: every command succeeded, but it is still ${sighting.run}`),
    );
  }
  const seen = after.machines[run.machine.name];
  const stamp = one.change.stamp;
  if (one.change.kind === 'stop' && stamp !== undefined && seen?.state === 'reachable') {
    ended.stamps.push({ service: one.change.service, text: stampText(prunedStamp(stamp, seen.facts.clock)) });
  } else ended.forget.push(one.change.service);
  return {
    key: one.change.key,
    result: 'applied',
    kind: one.change.kind,
    durationMs: run.ports.clock.monotonic() - startedAt,
  };
}

async function finish(run: BatchRun, ended: Ended, fence: number, seen: MachineSeen): Promise<void> {
  const { ports, machine } = run;
  const id = ports.newId();
  const nonce = ports.newId();
  const command = finishCommand({
    id,
    nonce,
    sudo: machine.sudo,
    cluster: run.desired.cluster,
    fence,
    sshUser: seen.facts.user,
    stamps: ended.stamps,
    forget: ended.forget,
    release: true,
  });
  const keys = [...ended.stamps.map(one => one.service), ...ended.forget];
  const result = await journal(ports, { id, to: 'machine', where: machine.name, what: 'stamps', keys }, () =>
    ports.shell.run(machine, command, { timeLimitMs: 60_000 }),
  );
  if (result.lost)
    throw new AppError('ssh-lost', `the connection to ${machine.name} was lost before its stamps were written`);
  const sections = readProbe(result.stdout, nonce);
  if (sections !== undefined) return;
  const fenced = result.stdout.includes(`@${nonce} fenced`);
  if (fenced) throw new AppError('machine-fenced', `another controller took ${machine.name} over while it was changed`);
  throw new AppError(
    'machine-state',
    `the stamps on ${machine.name} could not be written: ${result.stderr.trim().slice(-400)}`,
  );
}

async function prepareAll(
  run: BatchRun,
  changes: readonly Change[],
  seen: MachineSeen,
): Promise<{ readonly prepared: readonly Prepared[]; readonly refused: readonly Outcome[] }> {
  const prepared: Prepared[] = [];
  const refused: Outcome[] = [];
  for (const change of changes) {
    const stops = change.kind === 'stop' || change.kind === 'remove' || change.kind === 'release';
    try {
      if (stops && change.stamp !== undefined) prepared.push(prepareStop(run, change, change.stamp, seen));
      else prepared.push(await prepareStart(run, change, seen));
    } catch (thrown) {
      refused.push(failed(change, asAppError(thrown).report()));
    }
  }
  return { prepared, refused };
}

function splitFull(
  run: BatchRun,
  prepared: readonly Prepared[],
  seen: MachineSeen,
): { readonly fitting: readonly Prepared[]; readonly refused: readonly Outcome[] } {
  const refused: Outcome[] = [];
  const fitting = prepared.filter(one => {
    if (!isStart(one)) return true;
    const need = one.batch.files.reduce((sum, file) => sum + file.bytes.length, 0);
    const full = diskFull(seen, run.machine.name, [seen.stateFolder.path, one.placement.spec.path], need);
    if (full !== undefined) refused.push(failed(one.change, full));
    return full === undefined;
  });
  return { fitting, refused };
}

/** All outcomes of a batch that the machine refused, or that got lost. */
const allFailed = (prepared: readonly Prepared[], error: ErrorReport): readonly Outcome[] =>
  prepared.map(one => failed(one.change, error));

async function carryOut(run: BatchRun, prepared: readonly Prepared[], seen: MachineSeen): Promise<readonly Outcome[]> {
  const startedAt = run.ports.clock.monotonic();
  const reading = await sendLocked(run, prepared, seen);
  if (reading.refused !== undefined) return allFailed(prepared, reading.refused);
  return await renewing(run, reading.fence, async () => {
    const through = prepared.filter((_, index) => !reading.failures.has(index));
    const gates = await gateAll(run, through.filter(isStart), seen);
    const after = await look(run.ports, run.lists, run.desired, {
      only: new Set([run.machine.name]),
      ...(isListed(run) ? {} : { leaving: [run.machine] }),
    });
    const ended: Ended = { outcomes: [], stamps: [], forget: [] };
    const outcomes: Outcome[] = [];
    for (const [index, one] of prepared.entries()) {
      const failure: StepFailure | undefined = reading.failures.get(index);
      if (failure !== undefined) outcomes.push(failed(one.change, failure.error, failure.output));
      else if (isStart(one))
        outcomes.push(await judgeStart(run, one, after, gates.get(one.change.key), startedAt, ended));
      else outcomes.push(judgeStop(run, one, after, startedAt, ended));
    }
    await finish(run, ended, reading.fence, seen);
    return outcomes;
  });
}

const isListed = (run: BatchRun) => run.desired.machines.some(machine => machine.name === run.machine.name);

/** The places that replaced placements leave are released first, so that their names and ports are free. */
async function releaseReplaced(
  run: BatchRun,
  changes: readonly Change[],
  seen: MachineSeen,
): Promise<readonly Outcome[]> {
  const replaced = changes.filter(change => change.kind === 'replace' && change.stamp !== undefined);
  if (replaced.length === 0) return [];
  const prepared = replaced.flatMap(change =>
    change.stamp === undefined ? [] : [prepareStop(run, change, change.stamp, seen)],
  );
  const outcomes = await carryOut(run, prepared, seen);
  return outcomes.filter(outcome => outcome.result === 'failed');
}

/** Never throws for what the machine does: every change has its outcome. */
export async function makeBatch(run: BatchRun, changes: readonly Change[]): Promise<readonly Outcome[]> {
  const seen = run.live.machines[run.machine.name];
  if (seen?.state !== 'reachable')
    return changes.map(change =>
      failed(change, seen?.error ?? report('ssh-unreachable', `${run.machine.name} was not looked at`)),
    );
  try {
    const lost = await releaseReplaced(run, changes, seen);
    const rest = changes.filter(change => !lost.some(outcome => outcome.key === change.key));
    const { prepared, refused } = await prepareAll(run, rest, seen);
    const { fitting, refused: full } = splitFull(run, prepared, seen);
    for (const one of fitting) run.told(one.change.key, toldOf(one.change.kind));
    const outcomes = fitting.length === 0 ? [] : await carryOut(run, fitting, seen);
    return [...lost, ...refused, ...full, ...outcomes];
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return changes.map(change => failed(change, error.report()));
  }
}

function toldOf(kind: ChangeKind): string {
  const words: Readonly<Record<ChangeKind, string>> = {
    create: 'creating',
    update: 'updating',
    restart: 'restarting',
    repair: 'repairing',
    replace: 'moving to its new place',
    stop: 'stopping',
    remove: 'removing',
    release: 'releasing',
  };
  return words[kind];
}
