// Takes over into git, where policy wants it, what was edited on machines: one commit for all of a pass. The next pass applies it.
import { createHash } from 'node:crypto';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Takeover } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Finding } from '../../schema/status.js';
import { readFileCommand } from '../commands/read-file.js';
import type { Progress } from '../operations/operation.js';
import type { EditedContent, Ports, RepoFiles } from '../ports.js';
import { auditDone, deedOf } from './audited.js';
import { type Edited, editRegistry } from './edit.js';
import type { Considered } from './preview.js';
import { loopActor } from './record.js';
import { registryTexts } from './registry-texts.js';
import type { Synced } from './sync.js';

interface Wanted extends Takeover {
  readonly key: PlacementKey;
  readonly machine: string;
}

export interface TakenOver {
  /** Absent: nothing was committed. */
  readonly commit?: string;
  readonly findings: readonly Finding[];
}

const limitMs = 30_000;
/** Larger files are no configuration that somebody edits. */
const longestBytes = 4 * 1024 * 1024;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function finding({ key, machine, path }: Wanted, why: string): Finding {
  return { key, machine, kind: 'git', message: `${path} is not taken over into git: ${why}` };
}

function wantedOf({ plan }: Considered): readonly Wanted[] {
  return plan.leftAlone.flatMap(({ key, takes = [] }) =>
    takes.map(one => ({ ...one, key, machine: key.slice(key.indexOf('@') + 1) })),
  );
}

/** Why one cannot be: a reason for each that is left where it is. */
function obstacle(one: Wanted, all: readonly Wanted[], registry: ReadonlySet<string>): string | undefined {
  if (registry.has(one.file)) return 'it is a file of the registry';
  const other = all.find(another => another.file === one.file && another.found !== one.found);
  return other === undefined ? undefined : `${other.key} has it edited in another way`;
}

/** undefined: it was changed once more meanwhile, and the next pass sees what it is then. Throws `file-missing`. */
async function contentOf({ ports, considered }: Run, one: Wanted): Promise<EditedContent | undefined> {
  const machine = considered.desired.machines.find(({ name }) => name === one.machine);
  if (machine === undefined) return undefined;
  const command = readFileCommand({ nonce: ports.newId(), sudo: machine.sudo }, one.path);
  const result = await ports.shell.run(machine, command, { timeLimitMs: limitMs, outputLimit: 2 * longestBytes });
  if (result.code !== 0)
    throw new AppError('file-missing', `${one.path} on ${one.machine} cannot be read: ${result.stderr.trim()}`);
  const bytes = Buffer.from(result.stdout, 'base64');
  if (result.truncated || bytes.length > longestBytes)
    throw new AppError('file-missing', `${one.path} on ${one.machine} is larger than 4 MiB`);
  return sha256(bytes) === one.found ? { bytes, executable: one.executable } : undefined;
}

interface Run {
  readonly ports: Ports;
  readonly emit: (progress: Progress) => void;
  readonly synced: Synced;
  readonly considered: Considered;
}

/** What git changed since wins over what was edited. */
async function unchangedIn(
  files: RepoFiles,
  contents: ReadonlyMap<Wanted, EditedContent>,
): Promise<ReadonlyMap<string, EditedContent>> {
  const kept = new Map<string, EditedContent>();
  for (const [one, content] of contents) {
    const head = await files.read(one.file);
    if (head !== undefined && sha256(head) === one.was) kept.set(one.file, content);
  }
  return kept;
}

function subjectOf(all: readonly Wanted[]): string {
  const files = [...new Set(all.map(one => one.file))];
  const more = files.length > 3 ? ` and ${files.length - 3} more` : '';
  const machines = [...new Set(all.map(one => one.machine))];
  return `Take over ${files.slice(0, 3).join(', ')}${more} as edited on ${machines.join(', ')}`;
}

async function readAll(run: Run, all: readonly Wanted[]) {
  const contents = new Map<Wanted, EditedContent>();
  const findings: Finding[] = [];
  for (const one of all) {
    try {
      const content = await contentOf(run, one);
      if (content !== undefined) contents.set(one, content);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.code === 'internal') throw thrown;
      findings.push(finding(one, error.message));
    }
  }
  return { contents, findings };
}

async function commit({ ports, emit }: Run, contents: ReadonlyMap<Wanted, EditedContent>): Promise<TakenOver> {
  const all = [...contents.keys()];
  if (all.length === 0) return { findings: [] };
  const subject = subjectOf(all);
  try {
    const files = (head: RepoFiles) => unchangedIn(head, contents);
    const once = sha256(
      Buffer.from(
        all
          .map(one => `${one.file} ${one.found}`)
          .toSorted()
          .join('\n'),
      ),
    );
    const edited = await editRegistry(ports, { kind: 'drift.adopt', subject, change: () => new Map(), files, once });
    // Proposed by an earlier pass, and not merged yet.
    if (edited.unchanged) return { findings: [] };
    await auditDone(ports, deedOf('drift.adopt', { files: all.map(one => one.file) }, loopActor), traceOf(edited));
    if (edited.pull !== undefined) {
      emit({ kind: 'note', text: `${subject}: proposed as ${edited.pull.url}`, event: 'drift.adopted' });
      return { findings: [] };
    }
    if ((edited.sources ?? []).length === 0) return { findings: [] };
    emit({ kind: 'note', text: `${subject}: commit ${edited.commit.slice(0, 12)}`, event: 'drift.adopted' });
    return { commit: edited.commit, findings: [] };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return { findings: all.map(one => ({ ...finding(one, error.message), code: error.code, hint: error.hint })) };
  }
}

const traceOf = ({ commit, pull }: Edited): object => ({ commit, ...(pull === undefined ? {} : { pull: pull.url }) });

/** Nothing of the machines is changed by it. Where git cannot be followed or written just now, all stays as it is. */
export async function takeOver(run: Run): Promise<TakenOver> {
  const { ports, synced, considered } = run;
  const all = wantedOf(considered);
  const followed = synced.held === undefined && synced.refused === undefined && synced.outage === undefined;
  if (all.length === 0 || synced.commit === 'work-tree' || considered.plan.held !== undefined || !followed)
    return { findings: [] };
  const { texts } = await registryTexts(synced.files, ports.source.path);
  const registry = new Set(texts.keys());
  const [free, findings]: [Wanted[], Finding[]] = [[], []];
  for (const one of all) {
    const why = obstacle(one, all, registry);
    if (why === undefined) free.push(one);
    else findings.push(finding(one, why));
  }
  const read = await readAll(run, free);
  const done = await commit(run, read.contents);
  return { ...done, findings: [...findings, ...read.findings, ...done.findings] };
}
