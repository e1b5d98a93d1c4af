// Kept by launchd: daemons for the system, agents for the SSH user.
import { readJob, startJob, stopJob } from '../commands/launchd.js';
import { plistText } from '../commands/launchd-plist.js';
import { tailLog } from '../commands/supervise.js';
import { groupUsage, type Used } from '../commands/usage.js';
import type { RunnerSeen, Section } from './driver.js';
import { type Keeper, present } from './native-keeper.js';

const briefMs = 60_000;
/** How long launchd may take to forget a job besides what the program takes to end. */
const slackSeconds = 10;
const waitSeconds = (stopTimeoutMs: number): number => Math.ceil(stopTimeoutMs / 1000) + slackSeconds;

export const launchdKeeper: Keeper = {
  file: (wish, facts) => {
    const system = wish.scope === 'system';
    const folder = system ? '/Library/LaunchDaemons' : `${facts.home}/Library/LaunchAgents`;
    const { user, ...agent } = wish;
    const text = plistText({ ...agent, label: wish.unit, ...(system ? { user } : {}) });
    return { path: `${folder}/${wish.unit}.plist`, mode: 0o644, root: system, text };
  },
  start: ask => {
    const how = ask.restart ? (ask.ours ? 'anew' : 'again') : 'start';
    const command = startJob(ask.scope, ask.unit, how, waitSeconds(ask.stopTimeoutMs));
    return [{ phase: 'start', what: 'start the job', command, timeLimitMs: briefMs + ask.stopTimeoutMs }];
  },
  stop: kept => {
    const command = stopJob(kept.scope, kept.unit, waitSeconds(kept.stopTimeoutMs));
    return [{ phase: 'stop', what: 'stop and disable the job', command, timeLimitMs: briefMs + kept.stopTimeoutMs }];
  },
  remove: () => [],
  logs: (_, ask) => tailLog(ask.logFile, ask),
};

export function readLaunchd(section: Section, used: Used = new Map()): RunnerSeen {
  const job = readJob(section);
  if (job === undefined) return { state: 'absent' };
  const settings = {
    enabled: job.disabled ? 'disabled' : 'enabled',
    ...(job.runs === undefined ? {} : { restarts: String(Math.max(0, job.runs - 1)) }),
  };
  const ended = job.run === 'running' || job.lastExit === undefined ? undefined : `exit code ${job.lastExit}`;
  return present(job.run, settings, {
    pids: job.pid === undefined ? [] : [job.pid],
    usage: groupUsage(used, job.pid),
    detail: ended,
  });
}
