// What the demo says: plain lines, the same on a terminal and in a pipe.
import type { PassReport } from '../../schema/status.js';
import type { EmbeddedMachine } from '../adapters/embedded-machine.js';
import type { Progress } from '../operations/operation.js';

export function greeting(demo: {
  readonly folder: string;
  readonly machines: readonly EmbeddedMachine[];
}): readonly string[] {
  return [
    'Portoser demo: three machines (SSH servers in this process that run real commands), a git repository, the real controller.',
    ...demo.machines.map(machine => `  ${machine.name.padEnd(6)} ssh on ${machine.host}:${machine.port}`),
    '',
  ];
}

export function progressLine(progress: Progress): string {
  const at = new Date().toISOString().slice(11, 19);
  return `${at}  ${(progress.key ?? progress.machine ?? '').padEnd(16)} ${progress.text}`;
}

/** A pass that had something to do, or something to say. */
export function passLines(report: PassReport): readonly string[] {
  const at = new Date(report.endedAt).toISOString().slice(11, 19);
  const said = [
    ...report.diagnostics
      .filter(one => one.severity === 'error')
      .map(one => `${one.file}:${one.line}:${one.column} ${one.message}`),
    ...report.findings.map(finding => `${finding.key ?? finding.machine ?? ''} ${finding.message}`.trim()),
    ...(report.plan?.held === undefined ? [] : [`held: ${report.plan.held.why}; portoser approve ${report.plan.id}`]),
    ...(report.plan?.leftAlone.filter(one => one.state === 'held').map(one => `${one.key} ${one.why}`) ?? []),
    ...(report.error === undefined ? [] : [`${report.error.message} (${report.error.hint})`]),
  ];
  if (report.outcomes.length === 0 && said.length === 0) return [];
  const reasons =
    report.plan?.waves.flat().map(change => `${at}  ${change.key.padEnd(16)} ${change.kind}: ${change.because}`) ?? [];
  const summary = `${at}  pass (${report.trigger}) at ${report.commit?.slice(0, 12) ?? '?'}: ${report.outcomes.filter(one => one.result === 'applied').length} of ${report.outcomes.length} changes made`;
  return [...(report.outcomes.length > 0 ? [...reasons, summary] : []), ...said.map(line => `${at}  ${line}`)];
}

interface Try {
  readonly seconds: number;
  readonly folder: string;
  readonly bare: string;
  readonly work?: string;
  readonly report: PassReport;
}

export function whatToTry(demo: Try): readonly string[] {
  const work = demo.work ?? '<a clone of it>';
  return [
    '',
    `Everything is up and healthy after ${demo.seconds.toFixed(1)} s. Try, in another terminal, and watch here:`,
    ...(demo.work === undefined
      ? [`  git clone ${demo.bare}                                   # your own work clone`]
      : []),
    `  cd ${work} && sed -i.bak 's/Hello from git/Hello again/' registry.yml && git commit -qam 'Say it again' && git push -q`,
    '      edit, commit, push: only the service that changed restarts',
    `  pkill -f ${demo.folder}/machines/../gamma/web                     # or kill the pid that you see in ps`.replace(
      '/machines/..',
      '',
    ),
    '      kill a process: it is back within one pass (10 s here)',
    `  echo '// broken' >> ${demo.folder}/alpha/database/server.mjs`,
    '      break a file: the drift is seen, named and undone',
    `  cd ${work} && git revert --no-edit HEAD && git push -q           # take it back`,
    '',
    'Ctrl-C stops everything and leaves nothing behind.',
    '',
  ];
}

export const goodbye = 'The demo is over: machines stopped, folder removed.';
