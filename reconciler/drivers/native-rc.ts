// Kept by rc.d of a BSD (preview): a script that runs daemon(8).
import { rcScript, rcScriptPath, startRc, stopRc } from '../commands/rc.js';
import { tailLog } from '../commands/supervise.js';
import { groupUsage, type Used } from '../commands/usage.js';
import type { RunnerSeen, Section } from './driver.js';
import { type Keeper, present } from './native-keeper.js';

const briefMs = 60_000;

export const rcKeeper: Keeper = {
  file: wish => ({
    path: rcScriptPath(wish.unit),
    mode: 0o755,
    root: true,
    text: rcScript({ ...wish, name: wish.unit }),
  }),
  start: ask => {
    const command = startRc(ask.unit, ask.restart);
    return [{ phase: 'start', what: 'start the service', command, timeLimitMs: briefMs + ask.stopTimeoutMs }];
  },
  stop: kept => {
    const timeLimitMs = briefMs + kept.stopTimeoutMs;
    return [{ phase: 'stop', what: 'stop and disable the service', command: stopRc(kept.unit), timeLimitMs }];
  },
  remove: () => [],
  logs: (_, ask) => tailLog(ask.logFile, ask),
};

export function readRc(section: Section, used: Used = new Map()): RunnerSeen {
  if (!section.includes('script')) return { state: 'absent' };
  const enabled = section.some(line => /^enabled (yes|true|on|1)$/i.test(line)) ? 'enabled' : 'disabled';
  const up = section.includes('up');
  const pid = Number(section.find(line => line.startsWith('pid '))?.slice(4));
  return present(
    up ? 'running' : 'stopped',
    { enabled },
    {
      pids: up && pid > 0 ? [pid] : [],
      usage: up ? groupUsage(used, pid) : undefined,
    },
  );
}
