// Kept by systemd: unit files, steps that join those of other units on the machine, and what `systemctl show` means.
import type { Command } from '../commands/command.js';
import {
  enableHead,
  forgetFailureHead,
  keepLingering,
  reloadUnits,
  requireUnit,
  restartHead,
  startHead,
  stopHead,
  unitLogs,
  unmaskHead,
} from '../commands/systemd.js';
import { readUnitBlocks, unitEnd, unitRunState, unitStartedAt, type UnitProperties } from '../commands/systemd-show.js';
import { type Used, usageOf } from '../commands/usage.js';
import { unitText } from '../commands/systemd-unit.js';
import type { GeneratedFile, RunnerSeen, Step, Target } from './driver.js';
import { type Keeper, type Kept, mergedStep, present, report, type StartAsk, type Wish } from './native-keeper.js';

const briefMs = 60_000;
/** Units that are not ours may take their own DefaultTimeoutStartSec (90 s) to come up. */
const startMs = 120_000;

function unitFile(wish: Wish, home: string): GeneratedFile {
  const system = wish.scope === 'system';
  const path = system ? `/etc/systemd/system/${wish.unit}` : `${home}/.config/systemd/user/${wish.unit}`;
  return { path, mode: 0o644, root: system, text: unitText(wish) };
}

function reloadStep(kept: Kept): Step {
  const head = reloadUnits(kept.scope);
  const merge = { key: `systemd-reload-${kept.scope}`, head };
  return { phase: 'reload', what: 'load unit files anew', command: head, merge, timeLimitMs: briefMs };
}

/**
 * A unit of ours needs neither unmasking (its file, which has been put in place by now, goes before any mask) nor
 * forgetting (it has no start limit): three commands for all units of a machine.
 */
function startSteps(ask: StartAsk): readonly Step[] {
  const { unit, scope } = ask;
  const joined = (
    phase: Step['phase'],
    what: string,
    name: string,
    head: ReturnType<typeof startHead>,
    limitMs: number,
    more: { readonly apart?: Command } = {},
  ) => mergedStep(phase, what, limitMs, { key: `systemd-${name}-${scope}`, head, word: unit, ...more });
  const linger: Step = {
    phase: 'prepare',
    what: 'let units run without a login',
    command: keepLingering(ask.user),
    merge: { key: 'systemd-linger', head: keepLingering(ask.user) },
    timeLimitMs: briefMs,
  };
  const there: Step = {
    phase: 'prepare',
    what: 'look for the unit',
    command: requireUnit(scope, unit),
    timeLimitMs: briefMs,
  };
  return [
    ...(scope === 'user' ? [linger] : []),
    ...(ask.ours ? [] : [there, joined('reload', 'unmask the unit', 'unmask', unmaskHead(scope), briefMs)]),
    joined('reload', 'enable the unit', 'enable', enableHead(scope), briefMs),
    reloadStep(ask),
    ...(ask.ours ? [] : [joined('start', 'forget earlier failures', 'forget', forgetFailureHead(scope), briefMs)]),
    ask.restart
      ? joined('start', 'start the unit anew', 'restart', restartHead(scope), startMs + ask.stopTimeoutMs, {
          // Those of them that came up are not started a second time because another one did not.
          apart: startHead(scope),
        })
      : joined('start', 'start the unit', 'start', startHead(scope), startMs),
  ];
}

function stopSteps(kept: Kept): readonly Step[] {
  const head = stopHead(kept.scope);
  const key = `systemd-stop-${kept.scope}`;
  return [
    mergedStep('stop', 'stop and disable the unit', briefMs + kept.stopTimeoutMs, { key, head, word: kept.unit }),
  ];
}

function removeSteps(kept: Kept): readonly Step[] {
  const merge = { key: `systemd-forget-${kept.scope}`, head: forgetFailureHead(kept.scope), word: kept.unit };
  return [reloadStep(kept), mergedStep('start', 'forget the unit', briefMs, merge)];
}

export const systemdKeeper: Keeper = {
  file: (wish, facts) => unitFile(wish, facts.home),
  start: startSteps,
  stop: stopSteps,
  remove: removeSteps,
  logs: (kept, ask, facts) => unitLogs(kept.scope, kept.unit, ask, facts.uid),
};

function settingsOf(unit: UnitProperties): Readonly<Record<string, string>> {
  const named: readonly (readonly [string, string | undefined])[] = [
    ['enabled', unit.UnitFileState],
    ['unit-load', unit.LoadState],
    ['sub-state', unit.SubState],
    ['restarts', unit.NRestarts],
    ['needs-reload', unit.NeedDaemonReload],
    ['drop-ins', unit.DropInPaths],
  ];
  return Object.fromEntries(named.flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
}

function seenOf(unit: UnitProperties | undefined, complaint: string, used: Used): RunnerSeen {
  if (unit === undefined)
    return {
      state: 'unknown',
      error: report('service-manager-missing', `systemd did not answer for the unit: ${complaint}`),
    };
  const run = unitRunState(unit);
  if (run === undefined) return { state: 'absent' };
  const pid = Number(unit.MainPID ?? 0);
  return present(run, settingsOf(unit), {
    pids: pid > 0 ? [pid] : [],
    startedAt: run === 'running' || run === 'starting' ? unitStartedAt(unit) : undefined,
    usage: usageOf(used, [key => key === unit.ControlGroup]),
    detail: run === 'running' ? undefined : unitEnd(unit),
  });
}

/** A user's units while no manager of theirs runs: a unit file makes it a stopped one. */
function withoutManager(target: Target, section: readonly string[]): RunnerSeen {
  if (!section.includes(`user-file ${target.identity.unit}`)) return { state: 'absent' };
  return present('stopped', {}, { pids: [], detail: "the user's service manager does not run" });
}

/** `section`: what the `show…` words of one scope printed. */
export function readSystemd(
  targets: readonly Target[],
  section: readonly string[],
  used: Used = new Map(),
): ReadonlyMap<number, RunnerSeen> {
  const blocks = readUnitBlocks(section);
  const silent = section.includes('no-user-manager');
  const complaint = section.find(line => line !== '' && !/^\w+=/.test(line)) ?? 'no answer';
  return new Map(
    targets.map(target => [
      target.index,
      silent ? withoutManager(target, section) : seenOf(blocks.get(target.identity.unit ?? ''), complaint, used),
    ]),
  );
}
