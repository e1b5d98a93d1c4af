// Why a service is as it is: for each placement what is decided, which lines and commits that follows from, and what would be run.
import type { ChangeKind } from '../../../schema/plan.js';
import type { Diagnostic } from '../../../schema/diagnostics.js';
import type { Blame, Decision, FieldWhy, Origin, PlacementWhy, StepThere, WhyReport } from '../../../schema/why.js';
import type { ExitCode } from '../command.js';
import type { Paint } from '../paint.js';
import { diagnosticsText } from './diagnostics.js';

const doing: Readonly<Record<ChangeKind, string>> = {
  create: 'created',
  update: 'updated',
  restart: 'restarted',
  repair: 'repaired',
  replace: 'moved to its new place',
  stop: 'stopped',
  remove: 'removed',
  release: 'released, and runs on',
};

const waitingWords: Readonly<Record<Exclude<Decision, 'nothing' | 'change'>, string>> = {
  dependency: 'waits for a dependency',
  approval: 'waits for approval',
  observe: 'only observed',
  window: 'waits for its window',
  backoff: 'waits for its next try',
  quarantined: 'quarantined',
  drifted: 'left as it is',
  blocked: 'blocked',
  unknown: 'not known',
  suspended: 'hands off',
  'in-progress': 'in progress',
  kept: 'kept',
  'not-answering': 'not answering',
};

// What authors and machines wrote must not steer a terminal.
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '\uFFFD');
const oneLine = (text: string): string => plain(text.length > 100 ? `${text.slice(0, 99)}…` : text);
/** Hashes by their beginnings, as a plan shows those of files that were edited. */
const valueText = (value: string | undefined): string =>
  value === undefined ? '(none)' : oneLine(value.replace(/^([0-9a-f]{12})[0-9a-f]{52}/, '$1'));
const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const nameOf = (author: string): string => plain(author.replace(/ <[^<]*>$/, ''));

function blameText(last: Blame, paint: Paint): string {
  switch (last.state) {
    case 'committed': {
      const { commit, author, at, subject } = last;
      return `commit ${paint.strong(commit.slice(0, 12))} of ${nameOf(author)}, ${day(at)}: ${oneLine(subject)}`;
    }
    case 'uncommitted':
      return paint.warn('not committed yet');
    case 'never':
      return 'never written';
    case 'unknown':
      return `who changed it is not known: ${last.why}`;
    default:
      return last satisfies never;
  }
}

function originLine({ path, how, where, last }: Origin, paint: Paint): string {
  if (how === 'gone' && last.state === 'never') return `      ${path} is not written: the default`;
  const at = where === undefined ? '' : `${where.file}:${where.line} `;
  const places: Readonly<Record<Origin['how'], string>> = {
    written: `${at}${path}`,
    through: `through ${at}${path}`,
    file: path,
    gone: `${path} is gone`,
  };
  return `      ${places[how]}, ${blameText(last, paint)}`;
}

function valuesText({ wanted, found }: FieldWhy): string {
  if (wanted === undefined && found === undefined) return '';
  return `: found ${valueText(found)}, wanted ${valueText(wanted)}`;
}

const outside = '      (not from the repository)';

function fieldLines(prefix: string, one: FieldWhy, paint: Paint): readonly string[] {
  const lines = one.origins.map(origin => originLine(origin, paint));
  return [`  ${prefix}${one.field}${valuesText(one)}`, ...(lines.length === 0 ? [outside] : lines)];
}

/** Without the functions that it brings along, and with who runs it in words: `as root: systemctl restart web`. */
function essence(command: string): readonly string[] {
  const lines = command.replaceAll(/^\w+\(\) \{(?:.*\}$|[\s\S]*?^\}$)\n?/gm, '').split('\n');
  const said = lines.map(line => line.trimEnd()).filter(line => !/^\s*[()]?$/.test(line));
  return said.map(line => line.replace(/^p_root /, 'as root: ').replace(/^p_as (\S+) /, 'as $1: '));
}

const stepLines = ({ what, command }: StepThere): readonly string[] => [
  `      ${what}`,
  ...essence(command).map(line => `        ${line}`),
];

function workLines(
  { work, workUnknown, machine, decision }: PlacementWhy,
  uncommitted: boolean,
  paint: Paint,
): readonly string[] {
  if (workUnknown !== undefined) return [`  What would be run on ${machine} cannot be told: ${workUnknown}`];
  if (work === undefined) return [];
  const will = decision === 'change' && !uncommitted ? 'This is run there:' : 'This would be run there:';
  const lines = [
    ...work.puts.map(path => `      write ${path}`),
    ...work.removes.map(path => `      remove ${path}`),
    ...work.steps.flatMap(stepLines),
  ];
  return lines.length === 0 ? [] : [`  ${will}`, ...lines.map(line => paint.faint(line))];
}

/** What is not committed is nothing that a pass would see. */
function changeText({ kind = 'update', service }: PlacementWhy, uncommitted: boolean, paint: Paint): string {
  const done = doing[kind];
  if (uncommitted)
    return `${paint.warn(`it would be ${done}`)} when these files are committed, or by \`portoser deploy ${service} --uncommitted\``;
  return `${paint.warn(`it is ${done}`)} by the next pass, or by \`portoser deploy ${service}\``;
}

function decisionText(one: PlacementWhy, uncommitted: boolean, paint: Paint): string {
  const { decision, waits = '', letGo, error } = one;
  if (decision === 'nothing') return paint.good('nothing to do');
  if (decision === 'change') return changeText(one, uncommitted, paint);
  const hint = error === undefined || error.hint === '' ? '' : `\n    ${error.hint} ${paint.faint(`[${error.code}]`)}`;
  const go = letGo === undefined ? '' : `\n    ${letGo}`;
  return `${paint.warn(waitingWords[decision])}: ${waits}${go}${hint}`;
}

function placementText(one: PlacementWhy, uncommitted: boolean, paint: Paint): string {
  const head = `${paint.strong(one.key)}${one.reason === undefined ? '' : ` ${one.reason}`}: ${one.because}`;
  return [
    head,
    `  ${decisionText(one, uncommitted, paint)}`,
    ...(one.culprits ?? []).map(({ text }) => `  ${plain(text)}`),
    ...one.fields.flatMap(field => fieldLines('', field, paint)),
    ...one.rules.flatMap(rule => fieldLines('decided by ', rule, paint)),
    ...workLines(one, uncommitted, paint),
  ].join('\n');
}

function removedText({ service, removed, placements }: WhyReport, paint: Paint): string {
  if (removed === undefined) return '';
  const name = service.split('@')[0] ?? service;
  const gone = removed.state === 'committed' ? 'it was taken out by ' : '';
  const seen = placements.length > 0 ? '' : '\nNothing of it is seen on the machines that answer: nothing to do.';
  return `The registry does not name ${name}: ${gone}${blameText(removed, paint)}${seen}`;
}

/** Warnings that are about others are for `registry validate`. */
function relevant(diagnostics: readonly Diagnostic[], service: string): readonly Diagnostic[] {
  const own = `services.${service.split('@')[0] ?? service}`;
  return diagnostics.filter(
    one =>
      one.severity === 'error' || one.path === own || one.path.startsWith(`${own}.`) || one.path.startsWith(`${own}[`),
  );
}

export function whyText(report: WhyReport, paint: Paint): string {
  const { differs, held, refused, outage, placements } = report;
  const diagnostics = relevant(report.diagnostics, report.service);
  const uncommitted = differs && report.commit === 'work-tree';
  return [
    diagnostics.length > 0 ? diagnosticsText(diagnostics, paint) : '',
    differs ? paint.warn('These files differ from the commit: `deploy` and `run` take the commit.') : '',
    held === undefined ? '' : `${paint.warn('Held:')} ${held}`,
    refused === undefined
      ? ''
      : paint.warn(`Commit ${refused.slice(0, 12)} was refused: the last good one stays in force.`),
    outage === undefined ? '' : paint.warn(`${outage.message} (${outage.hint})`),
    removedText(report, paint),
    ...placements.map(one => placementText(one, uncommitted, paint)),
  ]
    .filter(Boolean)
    .join('\n');
}

const differing: ReadonlySet<Decision> = new Set([
  'change',
  'dependency',
  'approval',
  'observe',
  'window',
  'backoff',
  'quarantined',
  'drifted',
  'not-answering',
]);

/** As `plan` answers: what differs wins over what could not be looked at. */
export function whyExitCode({ diagnostics, held, outage, placements }: WhyReport): ExitCode {
  if (diagnostics.some(one => one.severity === 'error')) return 1;
  if (held !== undefined || placements.some(one => differing.has(one.decision))) return 2;
  const amiss = placements.some(one => one.decision === 'blocked' || one.decision === 'unknown');
  return amiss || outage !== undefined ? 1 : 0;
}
