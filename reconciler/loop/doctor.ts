// Examines machines for the doctor: the same look as every pass, then two more questions to each. Changes nothing.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen } from '../../schema/state.js';
import { sh } from '../commands/command.js';
import { doctorCommand } from '../commands/doctor.js';
import { readProbe } from '../commands/probe.js';
import { diagnoseMachine } from '../core/doctor.js';
import { type Asked, readAsked } from '../core/doctor-asked.js';
import { type Pace, placedOn, type Remark } from '../core/doctor-remark.js';
import type { Lists } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { look } from './look.js';

export interface Checkup {
  readonly machine: string;
  readonly host: string;
  readonly user: string;
  /** Absent: it could be looked at. */
  readonly error?: ErrorReport;
  readonly remarks: readonly Remark[];
}

const paceLimitMs = 10_000;
/** A hung Docker engine is given up there after 10 s, twice at most. */
const askLimitMs = 30_000;

/** By the clock of the machine to the second, at the middle of one short exec. */
async function paceOf({ shell, clock }: Ports, machine: Machine): Promise<Pace> {
  const [sentAt, sent] = [clock.now(), clock.monotonic()];
  const result = await shell.run(machine, sh`date +%s`, { timeLimitMs: paceLimitMs });
  const latencyMs = clock.monotonic() - sent;
  const seconds = /^\d+$/.exec(result.stdout.trim())?.[0];
  const uncertainMs = latencyMs / 2 + 500;
  if (seconds === undefined) return { latencyMs, uncertainMs };
  return { latencyMs, uncertainMs, skewMs: Number(seconds) * 1000 + 500 - (sentAt + latencyMs / 2) };
}

async function askOf(ports: Ports, machine: Machine, desired: DesiredState): Promise<Asked> {
  const placed = placedOn({ machine, desired });
  const folders = [...new Set(placed.map(one => one.spec.path))];
  const nonce = ports.newId();
  const docker = placed.some(one => one.spec.type === 'docker');
  const words = doctorCommand({ nonce, sudo: machine.sudo, cluster: desired.cluster, folders, docker });
  const result = await ports.shell.run(machine, words, { timeLimitMs: askLimitMs });
  const sections = readProbe(result.stdout, nonce);
  const linesOf = (name: string) => sections?.find(one => one.name === name)?.lines;
  const asked = readAsked(linesOf('doctor') ?? [], linesOf('engine'), folders);
  if (asked !== undefined) return asked;
  const why = result.timedOut ? `nothing within ${askLimitMs / 1000} s` : lastOf(result.stderr.trim(), 400);
  throw new AppError('machine-shell', `${machine.name} answered with something else: ${why}`);
}

interface Ward {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly desired: DesiredState;
  readonly live: LiveState;
}

async function examine(
  { ports, lists, desired, live }: Ward,
  machine: Machine,
  seen: MachineSeen,
): Promise<readonly Remark[]> {
  const pace = await paceOf(ports, machine);
  const asked = await askOf(ports, machine, desired);
  return diagnoseMachine({ machine, seen, desired, live, drivers: lists.drivers, asked, pace });
}

function unreached(base: Omit<Checkup, 'remarks'>, error: ErrorReport): Checkup {
  const { code, message, hint } = error;
  return { ...base, error, remarks: [{ subject: 'reach', level: 'problem', text: message, hint, code }] };
}

async function checkUp(ward: Ward, machine: Machine): Promise<Checkup> {
  const base = { machine: machine.name, host: machine.host, user: machine.user };
  const view = ward.live.machines[machine.name];
  if (view?.state !== 'reachable')
    return unreached(base, view?.error ?? new AppError('ssh-unreachable', 'it was not looked at').report());
  try {
    return { ...base, remarks: await examine(ward, machine, view) };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return unreached(base, error.report());
  }
}

/** `only`: one machine; the others are then not asked anything. Never throws for what machines do. */
export async function checkUpMachines(
  ports: Ports,
  lists: Lists,
  desired: DesiredState,
  only?: string,
): Promise<readonly Checkup[]> {
  const machines = desired.machines.filter(one => only === undefined || one.name === only);
  const live = await look(ports, lists, desired, { only: new Set(machines.map(one => one.name)) });
  return await Promise.all(machines.map(machine => checkUp({ ports, lists, desired, live }, machine)));
}
