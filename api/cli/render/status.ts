// The state as a table: two axes, Sync and Health, for every placement; then machines that are not as they should be.
import { catalogue } from '../../../schema/errors.js';
import type { MachineStatus, PlacementStatus, StatusReport } from '../../../schema/status.js';
import type { Paint } from '../paint.js';
import { table } from './table.js';
import { webhookLines } from './webhooks.js';

function syncWord(sync: PlacementStatus['sync'], paint: Paint): string {
  return sync === 'synced' ? paint.good(sync) : sync === 'blocked' ? paint.bad(sync) : paint.warn(sync);
}

function healthWord(health: PlacementStatus['health'], paint: Paint): string {
  if (health === 'healthy') return paint.good(health);
  return health === 'not-answering' || health === 'unhealthy'
    ? paint.bad(health.replace('-', ' '))
    : paint.warn(health);
}

/** `3 d`, `4 h`, `12 m`: the largest unit that fits. */
export function age(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'm'],
  ] as const;
  const unit = units.find(([size]) => seconds >= size);
  return unit === undefined ? `${Math.max(0, Math.floor(seconds))} s` : `${Math.floor(seconds / unit[0])} ${unit[1]}`;
}

function remark(one: PlacementStatus, isolated: boolean): string {
  const health = one.health === 'healthy' ? undefined : one.found;
  const reboot = one.survivesReboot ? undefined : 'does not survive a reboot';
  // Why nothing is known of them all is told once, below.
  const why = isolated && one.sync === 'unknown' ? undefined : one.why;
  return [why, health, reboot].filter(Boolean).join('; ');
}

function row(one: PlacementStatus, { at, isolated }: StatusReport, paint: Paint): readonly string[] {
  const up = one.startedAt === undefined ? '' : age(at / 1000 - one.startedAt);
  return [
    one.service,
    one.machine,
    syncWord(one.sync, paint),
    healthWord(one.health, paint),
    up,
    one.ports.join(','),
    remark(one, isolated !== undefined),
  ];
}

function machineLine(one: MachineStatus, paint: Paint): string {
  return `${paint.bad('!')} ${paint.strong(one.machine)} (${one.host}) ${one.state}: ${one.why ?? ''}`;
}

/** The machines that are not as they should be; of a controller that is cut off, only that. */
function machineLines({ machines, isolated }: StatusReport, paint: Paint): readonly string[] {
  const amiss = machines.filter(one => one.state !== 'reachable');
  if (isolated === undefined) return amiss.map(one => machineLine(one, paint));
  const others = amiss.filter(one => one.state !== 'unknown' && one.state !== 'leaving');
  return [`${paint.bad('!')} ${isolated}. ${catalogue.isolated.hint}`, ...others.map(one => machineLine(one, paint))];
}

const short = (commit: string): string => (commit === 'work-tree' ? commit : commit.slice(0, 12));

function head(report: StatusReport): string {
  const commit = report.commit === undefined ? '' : ` at ${short(report.commit)}`;
  return `${report.cluster}: ${report.repository}${report.branch === undefined ? '' : ` (${report.branch})`}${commit}`;
}

function controllerLine({ controller, at }: StatusReport): string {
  if (controller === undefined) return 'No controller runs here: nothing is kept in sync by itself (`portoser run`).';
  const next = controller.nextPassAt === undefined ? '' : `, next pass in ${age((controller.nextPassAt - at) / 1000)}`;
  return `A controller runs (pid ${controller.pid}): git ${controller.git.result}${next}.`;
}

function historyLines({ controller }: StatusReport): readonly string[] {
  const history = controller?.history;
  if (history === undefined || history.state === 'kept' || history.state === 'starting') return [];
  const waiting = history.state === 'away' && history.waiting > 0 ? `; ${history.waiting} records wait on disk` : '';
  const dropped = history.state === 'away' && history.dropped > 0 ? `, ${history.dropped} were dropped` : '';
  return [`No history is kept now: ${history.why}${waiting}${dropped}. ${history.hint}`.trimEnd()];
}

function replicasLines({ controller }: StatusReport): readonly string[] {
  const replicas = controller?.replicas;
  if (replicas?.state !== 'away') return [];
  return [`Redis is away: ${replicas.why}. Other controllers are told nothing meanwhile; everything else goes on.`];
}

/** A rewritten branch is held by git, everything else by the guard. */
function heldLines({ held, waits = [] }: StatusReport, paint: Paint): readonly string[] {
  const known = waits.some(one => one.why === held);
  return [
    ...(held === undefined || known ? [] : [`${paint.warn('Held:')} ${held}`]),
    ...waits.map(one => `${paint.warn('Held:')} ${one.why}\n  ${one.letGo}`),
  ];
}

export function statusText(report: StatusReport, paint: Paint): string {
  const rows = report.placements.map(one => row(one, report, paint));
  return [
    head(report),
    rows.length === 0
      ? 'The registry names no services.'
      : table(rows, ['SERVICE', 'MACHINE', 'SYNC', 'HEALTH', 'UP', 'PORTS', '']),
    ...machineLines(report, paint),
    ...heldLines(report, paint),
    controllerLine(report),
    ...historyLines(report),
    ...replicasLines(report),
    ...webhookLines(report.controller?.webhooks, at => age((report.at - at) / 1000), paint),
  ].join('\n');
}

/** Everything that the registry names is there, as it says, and answers. */
export function isWell(report: StatusReport): boolean {
  return (
    report.held === undefined &&
    report.machines.every(one => one.state === 'reachable' || one.state === 'suspended') &&
    report.placements.every(one => one.sync === 'synced' && (one.health === 'healthy' || one.health === 'suspended'))
  );
}
