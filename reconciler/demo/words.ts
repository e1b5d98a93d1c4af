// What the demo says: plain lines, the same on a terminal and in a pipe.
import { heldOf, letGo } from '../../schema/holds.js';
import type { PassReport } from '../../schema/status.js';
import type { EmbeddedMachine } from '../adapters/embedded-machine.js';
import type { Progress } from '../operations/operation.js';

export function greeting(demo: {
  readonly folder: string;
  readonly machines: readonly EmbeddedMachine[];
}): readonly string[] {
  return [
    'Portoser demo: three machines (SSH servers in this process that run real commands),',
    'a git repository, and the real controller with its database.',
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
    ...(report.plan === undefined ? [] : heldOf(report.plan)).map(one => `held: ${one.why}. ${letGo(one)}`),
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
  /** Holds everything, the machines' services too. */
  readonly folder: string;
  /** A clone for the person, when git is on this machine. */
  readonly work?: string;
  /** Host port of the service that stands before all others. */
  readonly gateway?: number;
}

/** No line is longer than a terminal of 100 columns, but for the folder that one changes into. */
export function whatToTry(demo: Try): readonly string[] {
  const up = demo.work === undefined ? './' : '../';
  return [
    '',
    `Everything is up and healthy after ${demo.seconds.toFixed(1)} s.`,
    'Try, in another terminal, and watch here:',
    '',
    `  cd ${demo.work ?? demo.folder}`,
    ...(demo.gateway === undefined ? [] : [`  curl http://127.0.0.1:${demo.gateway}/`]),
    '',
    ...(demo.work === undefined ? withoutGit : withGit),
    '',
    '  # kill a process: it is back within one pass (10 s here)',
    `  kill -9 $(cut -d' ' -f1 ${up}machines/gamma/state/portoser/clusters/demo/supervise/web)`,
    '',
    '  # break a file by hand: the drift is seen, named and undone',
    `  echo '// broken' >> ${up}alpha/database/server.mjs`,
    '',
    '  # ask the same engine',
    `  ${up}portoser history list`,
    `  ${up}portoser why web`,
    '',
    'Ctrl-C stops everything and leaves nothing behind.',
    '',
  ];
}

const withGit = [
  '  # change it in git: only the service that changed restarts',
  "  sed -i.bak 's/Hello from git/Hello again/' registry.yml",
  "  git commit -qam 'Say it again' && git push -q",
  '  # and take it back',
  '  git revert --no-edit HEAD && git push -q',
];

/** The repository is edited as from any other machine. */
const withoutGit = [
  '  # there is no git here, so let Portoser commit a change: only that service restarts',
  '  ./portoser service update worker --env "GREETING=Hello again"',
];

/** What a demo that was killed could not take away itself. */
export const swept = (folder: string): string => `Took away what a demo that was killed had left: ${folder}`;

export const goodbye = 'The demo is over: machines stopped, folder removed.';
