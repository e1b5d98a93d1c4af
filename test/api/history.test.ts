// History as text, and times as people write them.
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { deploymentsText, deploymentText, diffText, eventsText, timeText } from '../../api/cli/render/history.js';
import { rollbackText, rolledBackText } from '../../api/cli/render/rollback.js';
import { statusText } from '../../api/cli/render/status.js';
import { instantOf } from '../../api/cli/since.js';
import type { Change } from '../../schema/plan.js';
import type { StatusReport } from '../../schema/status.js';
import { runRecord } from '../contracts/store.js';

const plain = createPaint(false);
const at = new Date(2026, 0, 31, 12, 30, 1).getTime();
const { run, deployments } = runRecord('0a1b', at, {
  'web@m1': { result: 'applied', durationMs: 1234 },
  'db@m1': {
    result: 'failed',
    error: { code: 'gate-failed', message: 'HTTP 502', hint: 'Look at it.', retry: 'human' },
    outputTail: 'one\ntwo\n',
  },
});
const [web, db] = deployments;
if (web === undefined || db === undefined) throw new Error('there are two');

const steps = [
  { what: 'write the files', result: 'done' },
  { what: 'start it', result: 'failed', code: 3, outputTail: 'no' },
  { what: 'enable it', result: 'not-run' },
] as const;
const write = { id: 'w1', to: 'machine', where: 'm1', what: 'batch', keys: ['db@m1'], at } as const;
const writes = [
  { ...write, endedAt: at + 500 },
  { ...write, id: 'w2', what: 'stamps', end: 'again', text: 'it is noted again' },
] as const;

describe('history', () => {
  it('lists deployments with what tells them apart', () => {
    const lines = deploymentsText(deployments, plain).split('\n');
    expect(lines[1]).toMatch(
      new RegExp(`^2026-01-31 12:30:01  ${web.id.slice(0, 12)}  web +m1 +update  applied  commit-0a1b  new commit$`),
    );
    expect(deploymentsText([], plain)).toBe('No deployments.');
  });

  it('shows how one ended, and what else was in its run', () => {
    const text = deploymentText({ deployment: { ...db, steps }, run, others: [web], writes }, plain);
    expect(text).toContain('db@m1 update: failed');
    expect(text).toContain(`Steps:
  done     write the files
  failed   start it (exit code 3)
  | no
  not run  enable it
Written:
  2026-01-31 12:30:01  batch on m1, in 0.5 s
  2026-01-31 12:30:01  stamps on m1: it is noted again`);
    expect(text).toContain('env.A: 1 → 2');
    expect(text).toContain('  HTTP 502\n  | one\n  | two\n  Look at it. [gate-failed]');
    expect(text).toContain(`In the same run:\n  ${web.id.slice(0, 12)} web@m1 update: applied`);
    expect(deploymentText({ deployment: web, run, others: [], writes: [] }, plain)).toContain(
      'web@m1 update: applied in 1.2 s',
    );
  });

  it('shows who had changed what was put right', () => {
    const change = { key: web.key, culprits: [{ text: 'stopped at X, by whom is unknown' }] } as unknown as Change;
    const found = { ...run, plan: { ...run.plan, waves: [[change]] } };
    expect(deploymentText({ deployment: web, run: found, others: [], writes: [] }, plain)).toContain(
      '\n      stopped at X, by whom is unknown',
    );
  });

  it('shows what was changed, from which commit to which', () => {
    const { id, key, kind, result, because, fields } = web;
    const text = diffText({ id, key, kind, result, because, fields, toCommit: 'b'.repeat(40) }, plain);
    expect(text).toContain('commits (nothing) → bbbbbbbbbbbb');
    expect(text).toContain('env.A: 1 → 2');
  });

  it('shows events a line each', () => {
    const event = { id: 'e', at, kind: 'health', machine: 'm1', key: 'web@m1', text: 'unhealthy: HTTP 502' } as const;
    expect(eventsText([event], plain)).toBe('2026-01-31 12:30:01  health              web@m1: unhealthy: HTTP 502');
    expect(eventsText([], plain)).toBe('No events.');
  });

  it('is named in the status when it is not kept', () => {
    const report: StatusReport = {
      at,
      cluster: 'c',
      repository: 'r',
      machines: [],
      placements: [],
      diagnostics: [],
      controller: {
        pid: 7,
        since: at,
        git: { result: 'ok' },
        history: { state: 'away', why: 'the database does not answer', hint: 'It waits.', waiting: 3, dropped: 2 },
      },
    };
    expect(statusText(report, plain)).toContain(
      'No history is kept now: the database does not answer; 3 records wait on disk, 2 were dropped. It waits.',
    );
  });
});

describe('a rollback', () => {
  const shown = {
    to: { ...web, commit: 'c'.repeat(40) },
    instead: ['0a1b failed'],
    files: [{ path: 'registry.yml', line: 7, removed: ['  port: 2'], added: ['  port: 1'] }],
    sources: [
      { path: 'web/a', change: 'added' },
      { path: 'web/b', change: 'changed' },
      { path: 'web/c', change: 'removed' },
    ],
    notRestored: ['data'],
    alsoChanges: ['worker'],
  } as const;

  it('shows where it goes and why there, what changes, and what does not come back', () => {
    expect(rollbackText(shown, plain)).toBe(`Deployment 0a1b failed.
web returns to deployment ${web.id.slice(0, 12)} of 2026-01-31 12:30:01 (web@m1, commit cccccccccccc):
  registry.yml:7
  -   port: 2
  +   port: 1
  + web/a
  ~ web/b
  - web/c
worker takes files from the same folder, and changes with it.
Not brought back:
  data`);
  });

  it('says who brings it', () => {
    const edited = { commit: 'd'.repeat(40), unchanged: false, files: [] };
    expect(rolledBackText({ ...shown, edited, controller: 7 }, plain)).toBe(
      'Committed as dddddddddddd.\nThe controller that runs here (process 7) brings it: see `portoser status`.',
    );
  });
});

describe('times', () => {
  it.each([
    ['10m', at - 600_000],
    ['2h', at - 7_200_000],
    ['7d', at - 7 * 86_400_000],
    ['2026-01-31T12:00:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31 12:00:00+01:00', Date.UTC(2026, 0, 31, 11)],
    ['2026-01-31', new Date(2026, 0, 31).getTime()],
  ])('%s', (written, expected) => {
    expect(instantOf(written, at)).toBe(expected);
  });

  it.each(['', 'yesterday', '10', '1y', '2026-13-01', '2026-02-31T99:00', '31.01.2026'])('%j is none', written => {
    expect(() => instantOf(written, at)).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
  });

  it('are told as the place reads them', () => {
    expect(timeText(at)).toBe('2026-01-31 12:30:01');
  });
});
