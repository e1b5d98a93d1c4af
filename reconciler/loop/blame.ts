// Who last changed something of the repository: its value is compared back through history, commit by commit, within bounds.
import { AppError, asAppError } from '../../schema/errors.js';
import type { Blame } from '../../schema/why.js';
import { includePatterns, matchIncludes } from '../core/includes.js';
import { dig, type Said, type Subject } from '../core/origins.js';
import { blockWords } from '../core/yaml-block.js';
import { readYaml } from '../core/yaml-text.js';
import type { CommitFacts, GitRepo, Ports, RepoEntry, RepoFiles } from '../ports.js';

/** How far is looked back for one answer, and how many texts are parsed for all of them. */
export interface Furthest {
  readonly commits: number;
  readonly texts: number;
}

/** Some seconds on a small machine at the worst. */
const usual: Furthest = { commits: 1_000, texts: 300 };

/** The registry's texts of one revision by object id, and the files that are asked about. */
interface Snapshot {
  readonly texts: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

export interface Historian {
  /** The newest change of any of these. */
  last(subjects: readonly Subject[]): Promise<Blame>;
}

/** What a revision says of a subject: equal words, equal value. undefined: nothing. */
type Saying = { readonly readable: true; readonly words: string | undefined } | { readonly readable: false };

interface Room {
  readonly git: GitRepo;
  /** Path of the registry. */
  readonly main: string;
  /** By object id. */
  readonly texts: Map<string, string>;
  readonly values: Map<string, unknown>;
  readonly facts: Map<string, CommitFacts>;
  /** By how `include` is written. */
  readonly patterns: Map<string, readonly string[]>;
  readonly snapshots: Map<string, Promise<Snapshot>>;
  /** What was said of a subject by texts in which its entry is written just so. */
  readonly sayings: Map<string, Saying>;
  readonly wanted: ReadonlySet<string>;
  readonly furthest: Furthest;
}

/** A name is declared once in all files, so the first that has the path has it. undefined among values: a broken text. */
function sayingOf(subject: Said, values: readonly unknown[]): Saying {
  if (values.includes(undefined)) return { readable: false };
  const value = values.map(one => dig(one, subject.path)).find(one => one !== undefined);
  const words = subject.of === 'entry' && value !== undefined ? 'there' : JSON.stringify(value);
  return { readable: true, words };
}

/** Content and mode. */
export const fileWords = ({ oid, executable }: Pick<RepoEntry, 'oid' | 'executable'>): string =>
  executable ? `${oid}+x` : oid;

function patternsOf(room: Room, main: string): readonly string[] {
  const text = room.texts.get(main) ?? '';
  const key = blockWords(text, ['include']) ?? main;
  const patterns = room.patterns.get(key) ?? includePatterns(text);
  room.patterns.set(key, patterns);
  return patterns;
}

async function snapshotAt(room: Room, commit: string): Promise<Snapshot> {
  const files = await room.git.files(commit);
  const entries = new Map(((await files.list('')) ?? []).map(one => [one.path, one]));
  const read = async (path: string): Promise<string | undefined> => {
    const oid = entries.get(path)?.kind === 'file' ? entries.get(path)?.oid : undefined;
    if (oid !== undefined && !room.texts.has(oid))
      room.texts.set(oid, Buffer.from((await files.read(path)) ?? '').toString('utf8'));
    return oid;
  };
  const main = await read(room.main);
  const patterns = main === undefined ? [] : patternsOf(room, main);
  const included = matchIncludes(patterns, patterns.length === 0 ? [] : entries.keys());
  const texts = [main, ...(await Promise.all(included.filter(path => path !== room.main).map(read)))];
  const asked = [...room.wanted].flatMap(path => {
    const entry = entries.get(path);
    return entry === undefined ? [] : [[path, fileWords(entry)] as const];
  });
  return { texts: texts.filter(one => one !== undefined), files: new Map(asked) };
}

function snapshotOf(room: Room, commit: string): Promise<Snapshot> {
  const known = room.snapshots.get(commit) ?? snapshotAt(room, commit);
  room.snapshots.set(commit, known);
  return known;
}

function valueOf(room: Room, oid: string): unknown {
  if (room.values.has(oid)) return room.values.get(oid);
  if (room.values.size >= room.furthest.texts)
    throw new AppError('git-unsupported', `it is older than the ${room.furthest.texts} versions that were read`);
  const { value } = readYaml('', room.texts.get(oid) ?? '');
  room.values.set(oid, value);
  return value;
}

/** Parsing takes a hundred times as long as comparing an entry's lines. */
function sayingBy(room: Room, subject: Said, texts: readonly string[]): Saying {
  const blocks = texts.map(oid => blockWords(room.texts.get(oid) ?? '', subject.path.slice(0, 2)));
  const written = blocks.includes(undefined) ? texts : blocks;
  const key = JSON.stringify([subject.of, subject.path, written]);
  const saying =
    room.sayings.get(key) ??
    sayingOf(
      subject,
      texts.map(oid => valueOf(room, oid)),
    );
  if (saying.readable) room.sayings.set(key, saying);
  return saying;
}

async function sayingAt(room: Room, subject: Subject, commit: string): Promise<Saying> {
  const { texts, files } = await snapshotOf(room, commit);
  return subject.of === 'file' ? { readable: true, words: files.get(subject.path) } : sayingBy(room, subject, texts);
}

async function factsOf(room: Room, commit: string): Promise<CommitFacts> {
  const facts = room.facts.get(commit) ?? (await room.git.commitFacts(commit));
  room.facts.set(commit, facts);
  return facts;
}

const committed = ({ id, author, at, message }: CommitFacts): Blame => ({
  state: 'committed',
  commit: id,
  author,
  at,
  subject: message.split('\n')[0] ?? '',
});

/** Follows whichever parent says the same, the first one first, to the commit that said it first. A broken text says nothing new. */
async function walk(room: Room, subject: Subject, head: string, words: string | undefined): Promise<Blame> {
  let at = head;
  for (let steps = 0; steps < room.furthest.commits; steps += 1) {
    const facts = await factsOf(room, at);
    let same: string | undefined;
    for (const parent of facts.parents) {
      const saying = await sayingAt(room, subject, parent);
      if (!saying.readable || saying.words === words) same = parent;
      if (same !== undefined) break;
    }
    if (same === undefined)
      return words === undefined && facts.parents.length === 0 ? { state: 'never' } : committed(facts);
    at = same;
  }
  return { state: 'unknown', why: `it is older than the ${room.furthest.commits} commits that were looked at` };
}

/** Of several that may be it, the newest change by descent; what is not committed yet is newer than all. */
async function newest({ git }: Room, all: readonly Blame[]): Promise<Blame> {
  const open = all.find(one => one.state === 'uncommitted' || one.state === 'unknown');
  if (open !== undefined) return open;
  let best: Blame = { state: 'never' };
  for (const one of all)
    if (one.state === 'committed' && (best.state !== 'committed' || (await git.isAncestor(best.commit, one.commit))))
      best = one;
  return best;
}

export interface BlameAsk {
  /** As they are looked at: of the commit, or of the work tree. */
  readonly files: RepoFiles;
  /** Texts of the registry as they are looked at, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Files that may be asked about, as `fileWords` of what is looked at. */
  readonly there: ReadonlyMap<string, string>;
  /** Other files that may be asked about. */
  readonly others: readonly string[];
}

/** Never throws for what is missing in the repository: who changed it is then not known. */
export function openHistorian(
  ports: Ports,
  { files, texts, there: asked, others }: BlameAsk,
  furthest: Furthest = usual,
): Historian {
  const { git, path: main } = ports.source;
  const here = [...texts].map(([path, text]) => readYaml(path, text).value);
  if (git === undefined)
    return { last: async () => ({ state: 'unknown', why: 'the registry lies outside any repository' }) };
  const wanted = new Set([...asked.keys(), ...others]);
  const room: Room = {
    git,
    main,
    texts: new Map(),
    values: new Map(),
    facts: new Map(),
    patterns: new Map(),
    snapshots: new Map(),
    sayings: new Map(),
    wanted,
    furthest,
  };
  const lying = files.revision === 'work-tree';

  async function lastOf(subject: Subject): Promise<Blame> {
    const head = lying ? await git?.remoteHead() : files.revision;
    const now: Saying =
      subject.of === 'file' ? { readable: true, words: asked.get(subject.path) } : sayingOf(subject, here);
    if (head === undefined || !now.readable) return { state: 'unknown', why: 'the registry cannot be read' };
    const there = await sayingAt(room, subject, head);
    if (lying && (!there.readable || there.words !== now.words)) return { state: 'uncommitted' };
    return await walk(room, subject, head, now.words);
  }

  return {
    last: async subjects => {
      try {
        const all: Blame[] = [];
        for (const subject of subjects) all.push(await lastOf(subject));
        return await newest(room, all);
      } catch (thrown) {
        const error = asAppError(thrown);
        if (error.code === 'internal') throw thrown;
        return { state: 'unknown', why: error.message };
      }
    },
  };
}
