// The way to a machine: how it is reached, how far its clock is off, and whether it is what the registry says.
import type { Machine } from '../../schema/registry-types.js';
import { amiss, fine, type Patient, type Remark } from './doctor-remark.js';
import { contradiction } from './machines.js';

const slowMs = 1000;
/** Beyond these, time stamps mislead, and then certificates and tokens are refused. */
const skewedMs = 5_000;
const wrongMs = 60_000;

/** `over SSH as admin@10.0.0.1:22, through jump`. */
function wayOf({ host, port, user, jump }: Machine): string {
  if (host === 'local') return 'this computer itself, without SSH';
  const through = jump.length === 0 ? '' : `, through ${jump.join(', ')}`;
  return `over SSH as ${user}@${host}:${port}${through}`;
}

function reach({ machine, pace }: Patient): Remark {
  const latency = `one exec takes ${Math.round(pace.latencyMs)} ms`;
  const way = wayOf(machine);
  if (pace.latencyMs > slowMs)
    return {
      subject: 'reach',
      level: 'warning',
      text: `${way}; ${latency}`,
      hint: 'Look at the network between here and there, and at what keeps the machine busy.',
    };
  if (machine.host === 'local') return fine('reach', `${way}; ${latency}`);
  if (machine.hostKeys.length > 0) return fine('reach', `${way}, host key pinned; ${latency}`);
  const hint = `Pin it in git with \`portoser machine trust ${machine.name}\`, and every controller knows it.`;
  return fine('reach', `${way}, host key known to this computer alone; ${latency}`, hint);
}

function clock({ pace }: Patient): readonly Remark[] {
  const { skewMs, uncertainMs } = pace;
  if (skewMs === undefined) return [];
  const away = Math.max(0, Math.abs(skewMs) - uncertainMs);
  if (away <= skewedMs) return [fine('clock', 'as on this computer')];
  const text = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this computer`;
  const hint = 'Turn time synchronisation on, there or here (`timedatectl set-ntp true`).';
  return [{ subject: 'clock', level: away > wrongMs ? 'problem' : 'warning', text, hint }];
}

function platform({ machine, seen }: Patient): Remark {
  const lie = contradiction(machine, seen);
  if (lie !== undefined) return amiss('platform', lie);
  const { platform: system, arch, kernel } = seen.facts;
  if (arch === 'other')
    return {
      subject: 'platform',
      level: 'warning',
      text: `${system} ${kernel} on a processor that is none of amd64, arm64 and arm`,
      hint: 'What runs there must be made for it; write no `arch` for this machine.',
    };
  return fine('platform', `${system} ${arch}, kernel ${kernel}`);
}

function suspended({ machine: { suspend } }: Patient): readonly Remark[] {
  if (suspend === undefined) return [];
  const why = suspend === true ? '' : `: ${suspend}`;
  return [fine('suspend', `suspended in the registry${why}; it is looked at, and nothing is changed there`)];
}

export function wayRemarks(patient: Patient): readonly Remark[] {
  return [reach(patient), ...clock(patient), platform(patient), ...suspended(patient)];
}
