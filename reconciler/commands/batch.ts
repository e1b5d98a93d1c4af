// What one machine has to do in one wave, as one script: lock, claims, then phase by phase; it outlives its connection.
import {
  answerWords,
  batchCodes,
  clearLeft,
  followWork,
  refuseBusy,
  refuseOpen,
  stepWords,
  watchdog,
} from './batch-words.js';
import { type Command, lines, sh, type Word } from './command.js';
import { keepImages, type KeptImages } from './docker-images.js';
import { fileWords, type PutFile, stage } from './files.js';
import { checkFence, type LockHolder, releaseLock, stillHolds, takeLock } from './lock.js';
import { ensureState, findState, type Owner } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';
import { suspendedWord } from './suspend.js';

/** How a step joins others: `head word word …`. */
export interface StepMerge {
  readonly key: string;
  readonly head: Command;
  readonly word?: string;
  /** Said for each word alone when they failed together, where `head` would do a second time what it did for the others. */
  readonly apart?: Command;
}

/** The part of a driver's step that the batch needs; `reconciler/drivers/driver.ts` has the whole. */
export interface BatchStep {
  readonly phase: BatchPhase;
  readonly what: string;
  readonly command: Command;
  readonly merge?: StepMerge;
  /** Past it the step is ended there, and the batch goes on without its change. */
  readonly timeLimitMs: number;
}

export type BatchPhase = 'prepare' | 'stop' | 'files' | 'setup' | 'reload' | 'enable' | 'start';
const phases: readonly BatchPhase[] = ['prepare', 'stop', 'files', 'setup', 'reload', 'enable', 'start'];

export interface BatchChange {
  readonly service: string;
  /** SHA-256 of the stamp that must stand there, '' for none. */
  readonly basis: string;
  /** The stamp that claims the placement before anything is touched. */
  readonly claim: string;
  readonly folders: readonly { readonly path: string; readonly owner: string }[];
  readonly files: readonly PutFile[];
  readonly unlink: readonly string[];
  readonly steps: readonly BatchStep[];
  /** One line, noted on the machine when all steps of a start were made, so that none is made again. */
  readonly made?: string;
}

export interface Batch extends PreludeSettings, Owner {
  /** Names the step folder on the machine; the step is found again by it. */
  readonly id: string;
  readonly holder: LockHolder;
  readonly gone: string;
  readonly sshUser: string;
  readonly changes: readonly BatchChange[];
  readonly timeLimitMs: number;
  /** Also print, while it works, frames `begun STEP` and `ended STEP CODE`, and between them what the step prints. */
  readonly live?: true;
}

const failedFlag = (index: number) => `f_${index}`;

function stampPath(service: string): Command {
  return sh`"$p_state"/stamps/${service}`;
}

/** One function a change: compares the basis, forgets what was made for a claim before it, then stages its own. */
function claimStep(change: BatchChange, index: number, user: string): Command {
  const path = stampPath(change.service);
  const basis =
    change.basis === ''
      ? sh`if [ -e ${path} ]; then echo "a stamp stands there that the plan did not know"; return ${batchCodes.stale}; fi`
      : sh`p_a=$(p_sha256 ${path} 2>/dev/null); if [ "\${p_a%% *}" != ${change.basis} ]; then echo "the stamp changed since the plan was made"; return ${batchCodes.stale}; fi`;
  const claim = stage({ path: '/', mode: 0o644, owner: user, bytes: Buffer.from(change.claim) });
  const words = claim.words.map((word): Word =>
    word.kind === 'text' && word.text === '/' ? syntaxPath(change.service) : word,
  );
  const suspended = sh`if p_suspended _machine || p_suspended ${change.service}; then echo "it was suspended since the plan was made"; return ${batchCodes.stale}; fi`;
  return sh`p_claim_${raw(index)}() {\n${basis}\n${suspended}\n${forgetMade([change.service])}\n${{ words }}\n}\np_inline claim.${raw(index)} ${raw(index)} p_claim_${raw(index)}`;
}

/** A number or name of ours as grammar: only digits and lower-case letters. */
function raw(value: number | string): Word {
  return { kind: 'syntax', text: String(value) };
}

/** Service names are checked by the registry to be `[a-z0-9-]`, so they may stand in a path that begins with a variable. */
function syntaxPath(service: string): Word {
  if (!/^[a-z0-9-]+$/.test(service)) throw new TypeError(`not a service name: ${service}`);
  return { kind: 'syntax', text: `"$p_state"/stamps/${service}` };
}

/** Files beside the step folders: which revision's steps were all made, since its claim. */
function madePath(service: string): Word {
  if (!/^[a-z0-9-]+$/.test(service)) throw new TypeError(`not a service name: ${service}`);
  return { kind: 'syntax', text: `"$p_state"/steps/made.${service}` };
}

const forgetMade = (services: readonly string[]): Command =>
  services.length === 0 ? sh`` : sh`rm -f ${services.map(madePath)}`;

function noteMade(change: BatchChange, index: number): Command {
  if (change.made === undefined) return { words: [] };
  return sh`if [ -z "$${raw(failedFlag(index))}" ]; then echo ${change.made} >${madePath(change.service)}; fi`;
}

function filesStep(change: BatchChange, index: number): Command {
  const body = [
    ...change.files.map(file => sh`${stage(file)}p_r=$?; [ "$p_r" = 0 ] || return "$p_r"`),
    ...change.unlink.map(path => sh`p_unlink ${path} || return`),
  ];
  if (body.length === 0) return { words: [] };
  return sh`p_files_${raw(index)}() {\n${lines(body)}}\np_inline files.${raw(index)} ${raw(index)} p_files_${raw(index)}`;
}

function folderStep(change: BatchChange, index: number): Command {
  const body = change.folders.map(folder => sh`p_folder ${folder.path} ${folder.owner} || return`);
  return sh`p_folders_${raw(index)}() {\n${lines(body)}:\n}\np_inline folders.${raw(index)} ${raw(index)} p_folders_${raw(index)}`;
}

interface Numbered {
  readonly change: number;
  readonly step: number;
  readonly one: BatchStep;
}

/** Steps that are made as one command have the time of all. */
const secondsOf = (group: readonly Numbered[]) =>
  Math.ceil(group.reduce((sum, { one }) => sum + one.timeLimitMs, 0) / 1000);

/** The id by which a step's result comes back: `<change>.<step>`. */
const idOf = (numbered: Numbered) => raw(`${numbered.change}.${numbered.step}`);

function singleStep(numbered: Numbered): Command {
  const name = raw(`${numbered.change}_${numbered.step}`);
  return sh`p_do_${name}() {\n${numbered.one.command}\n}\nif [ -z "$${raw(failedFlag(numbered.change))}" ]; then p_step ${idOf(numbered)} ${secondsOf([numbered])} p_do_${name} || ${raw(failedFlag(numbered.change))}=1; fi`;
}

/** Several steps as one command; when it fails, word by word, so that each change has its own outcome. */
function mergedStep(group: readonly Numbered[], { head, apart = head }: StepMerge, name: Word): Command {
  const words = group.flatMap(one => (one.one.merge?.word === undefined ? [] : [{ ...one, word: one.one.merge.word }]));
  const flagged = (one: Numbered) => raw(failedFlag(one.change));
  const all = group.map(one => sh`if [ -z "$${flagged(one)}" ]; then p_any=yes; fi`);
  if (words.length === 0) {
    const fail = group.map(one => sh`${flagged(one)}=1`);
    const first = group[0];
    if (first === undefined) return { words: [] };
    return sh`p_any=\n${lines(all)}p_head_${name}() {\n${head}\n}\nif [ -n "$p_any" ]; then p_step ${idOf(first)} ${secondsOf(group)} p_head_${name} || {\n${lines(fail)}}; fi`;
  }
  const collect = words.map(one => sh`if [ -z "$${flagged(one)}" ]; then set -- "$@" ${one.word}; fi`);
  const alone = words.map(
    one =>
      sh`if [ -z "$${flagged(one)}" ]; then p_step ${idOf(one)} ${secondsOf([one])} p_apart_${name} ${one.word} || ${flagged(one)}=1; fi`,
  );
  return sh`p_head_${name}() {\n${head} "$@"\n}\np_apart_${name}() {\n${apart} "$@"\n}\nset --\n${lines(collect)}if [ $# -gt 0 ]; then p_step merged.${name} ${secondsOf(group)} p_head_${name} "$@" || {\n${lines(alone)}}; fi`;
}

/** Joined steps come after all that any of their changes has to do before them: a unit is unmasked before it is enabled with others. */
function inOrder(groups: readonly (readonly Numbered[])[]): readonly (readonly Numbered[])[] {
  const left = [...groups];
  const waits = (group: readonly Numbered[]): boolean =>
    group.some(({ change, step }) =>
      left.some(other => other !== group && other.some(one => one.change === change && one.step < step)),
    );
  return groups.flatMap(() =>
    left.splice(
      Math.max(
        0,
        left.findIndex(group => !waits(group)),
      ),
      1,
    ),
  );
}

function phaseSteps(batch: Batch, phase: BatchPhase): readonly Command[] {
  const numbered = batch.changes.flatMap((change, index) =>
    change.steps.map((one, step): Numbered => ({ change: index, step, one })).filter(({ one }) => one.phase === phase),
  );
  const groups = new Map<string, Numbered[]>();
  for (const one of numbered) {
    const key = one.one.merge?.key ?? `${one.change}.${one.step}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return inOrder([...groups.values()]).map((group, index) => {
    const [first] = group;
    // One alone is not tried a second time.
    if (first?.one.merge === undefined || group.length === 1) return lines(group.map(singleStep));
    return mergedStep(group, first.one.merge, raw(`${phase}_${index}`));
  });
}

function body(batch: Batch): Command {
  const changes = batch.changes.map((change, index) => [change, index] as const);
  return lines([
    ...changes.map(([change, index]) => claimStep(change, index, batch.sshUser)),
    sh`p_land_all claim`,
    ...changes.map(([change, index]) => folderStep(change, index)),
    ...phases.flatMap(phase => [
      ...(phase === 'files'
        ? [...changes.map(([change, index]) => filesStep(change, index)), sh`p_land_all files`]
        : []),
      ...phaseSteps(batch, phase),
    ]),
    ...changes.map(([change, index]) => noteMade(change, index)),
  ]);
}

/** It only writes stamps. */
const touchesNothing = ({ changes }: Batch): boolean =>
  changes.every(one => [one.folders, one.files, one.unlink, one.steps].every(part => part.length === 0));

/**
 * The whole script. The work goes on in a background job that no lost connection ends; a watchdog ends its process
 * group past the time limit. The answer: frames `results` (rows "step code") and `output STEP` (its end) for what printed something.
 */
export function batchCommand(batch: Batch): Command {
  return lines([
    prelude(batch),
    sh`p_say portoser 1`,
    findState(batch.cluster),
    ensureState(batch),
    // What runs there may be ours, by a connection that was lost: no stamp is worth to end it.
    ...(touchesNothing(batch) ? [refuseOpen()] : []),
    takeLock(batch.holder, batch.gone, batch.id),
    refuseBusy(),
    sh`p_id=${batch.id}; p_dir=$p_state/steps/$p_id`,
    fileWords(),
    suspendedWord(),
    clearLeft(),
    sh`mkdir -p "$p_dir" && printf '' >"$p_dir/result" && printf '' >"$p_dir/staged" && p_note_works "$p_dir/open" "$$" || p_refuse_state`,
    ...(batch.live ? [sh`printf '' >"$p_dir/live" && printf '' >"$p_dir/follows" || p_refuse_state`] : []),
    stepWords(batch.live),
    sh`(
trap '' HUP; trap 'rm -f "$p_dir/open"' EXIT
${body(batch)}p_note done 0
) >"$p_dir/log" 2>&1 </dev/null &
p_job=$!; p_note_works "$p_dir/open" "$p_job"`,
    watchdog(Math.ceil(batch.timeLimitMs / 1000)),
    ...(batch.live ? [followWork()] : []),
    answerWords(batch.live),
  ]);
}

/** Final stamps and the end of the lock, after the gate and the fresh look. */
export interface Finish extends PreludeSettings {
  readonly id: string;
  /** The batch that ends: its step folder goes away, and so does the note of what it made where a stamp says it now. */
  readonly batch: string;
  readonly cluster: string;
  /** As the batch said it. */
  readonly fence: string;
  readonly sshUser: string;
  readonly stamps: readonly { readonly service: string; readonly text: string }[];
  /** Services whose stamp goes away (removed or released). */
  readonly forget: readonly string[];
  readonly images: readonly KeptImages[];
  readonly release: boolean;
}

/** What was noted when it was stopped for a move is no matter once the move has an end. */
const forgetRestarts = (service: string): Command =>
  sh`rm -f ${{ words: [{ kind: 'syntax', text: '"$p_state"/steps/restarts.' }] }}${service}`;

export function finishCommand(finish: Finish): Command {
  const stamps = finish.stamps.map(({ service, text: stamp }) => {
    const put = stage({ path: '/', mode: 0o644, owner: finish.sshUser, bytes: Buffer.from(stamp) });
    const words = put.words.map((word): Word =>
      word.kind === 'text' && word.text === '/' ? syntaxPath(service) : word,
    );
    return sh`${{ words }}[ $? = 0 ] || exit 73`;
  });
  return lines([
    prelude(finish),
    sh`p_say portoser 1`,
    findState(finish.cluster),
    sh`p_id=${finish.id}; p_dir=`,
    checkFence(finish.fence),
    fileWords(),
    ...stamps,
    stillHolds(sh`p_unstage ''`),
    sh`p_land || exit 73`,
    stillHolds(),
    ...finish.forget.map(service => sh`rm -f ${{ words: [syntaxPath(service)] }}`),
    forgetMade([...finish.stamps.map(one => one.service), ...finish.forget]),
    sh`rm -rf "$p_state/steps"/${finish.batch}`,
    keepImages(finish.images),
    ...(finish.release ? [...finish.stamps.map(one => forgetRestarts(one.service)), releaseLock()] : []),
    sh`p_say end`,
  ]);
}
