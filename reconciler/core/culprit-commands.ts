// Whether a command in sudo's log names just this unit, container, process or file, and does what can have changed it.
import type { SudoLine } from './culprit-read.js';

const wordsOf = (line: SudoLine): readonly string[] =>
  line.command.split(/[\s'"`;|&()<>=]+/).filter(word => word !== '');
const baseOf = (word: string): string => word.slice(word.lastIndexOf('/') + 1);

/** A program of these names, given one of these verbs. */
function runs(words: readonly string[], programs: readonly string[], verbs: readonly string[]): boolean {
  return words.some(word => programs.includes(baseOf(word))) && words.some(word => verbs.includes(word));
}

const managers = ['systemctl', 'service', 'invoke-rc.d'];
const stops = ['stop', 'restart', 'try-restart', 'reload-or-restart', 'disable', 'mask', 'isolate'];
const settings = ['disable', 'mask', 'unmask', 'preset', 'revert', 'link'];

function namesUnit(words: readonly string[], unit: string): boolean {
  return words.includes(unit) || words.includes(unit.replace(/\.service$/, ''));
}

export function stopsUnit(line: SudoLine, unit: string): boolean {
  const words = wordsOf(line);
  return runs(words, managers, stops) && namesUnit(words, unit);
}

export function killsUnit(line: SudoLine, unit: string): boolean {
  const words = wordsOf(line);
  return runs(words, managers, ['kill']) && namesUnit(words, unit);
}

export function setsUnit(line: SudoLine, unit: string): boolean {
  const words = wordsOf(line);
  return runs(words, managers, settings) && namesUnit(words, unit);
}

export function killsProcess(line: SudoLine, pid: number): boolean {
  const words = wordsOf(line);
  return words.some(word => baseOf(word) === 'kill') && words.some(word => word === `${pid}` || word === `-${pid}`);
}

const engines = ['docker', 'docker-compose', 'podman', 'nerdctl'];
const ends = ['stop', 'kill', 'rm', 'down', 'restart', 'pause', 'remove'];

const isBelow = (folder: string, path: string): boolean => folder === path || folder.startsWith(`${path}/`);

/** By name or id, or by Compose: with the project's name, or in its folder. */
export function endsContainer(
  line: SudoLine,
  container: { readonly id: string; readonly name: string },
  project: string,
  path: string,
): boolean {
  const words = wordsOf(line);
  if (!runs(words, engines, ends)) return false;
  const named = words.some(word => word === container.name || (word.length >= 4 && container.id.startsWith(word)));
  const composes = words.some(word => baseOf(word) === 'docker-compose' || word === 'compose');
  return (
    named ||
    (composes && (words.includes(project) || isBelow(line.folder, path) || words.some(word => isBelow(word, path))))
  );
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const readers = words(
  'cat less more head tail grep egrep zgrep ls stat file diff cmp wc sha256sum shasum md5sum test find awk tar journalctl docker',
);
const copiers = words('cp install rsync scp ln');
const editors = words('vi vim nvim nano emacs ed joe mcedit micro sudoedit visudo');
/** What takes a file away, or changes its mode, does not change what stands in it; and the other way round. */
const removers = words('rm mv unlink');
const changers = words('chmod chown setfacl install');

function onlyReads(words: readonly string[]): boolean {
  const program = baseOf(words[0] ?? '');
  return readers.has(program) || (program === 'sed' && !words.some(word => /^(-\w*i|--in-place)/.test(word)));
}

export const opensEditor = (line: SudoLine): boolean => editors.has(baseOf(wordsOf(line)[0] ?? ''));

/** Places that its words can mean, from the folder that it was run in; of what copies only where it copies to. */
function placesOf({ folder }: SudoLine, words: readonly string[]): readonly string[] {
  const given = copiers.has(baseOf(words[0] ?? '')) ? words.slice(-1) : words;
  const full = given.map(word => (word.startsWith('/') ? word : `${folder}/${word.replace(/^(\.\/)+/, '')}`));
  return full.map(place => place.replace(/\/+$/, '')).filter(place => place !== '');
}

/** It names the file, or copies to where it stands, or does to a folder above it what holds for all below. */
function reachesFile(line: SudoLine, words: readonly string[], path: string): boolean {
  const places = placesOf(line, words);
  if (places.includes(path)) return true;
  const folder = path.slice(0, path.lastIndexOf('/'));
  const copied =
    copiers.has(baseOf(words[0] ?? '')) && places.includes(folder) && words.some(word => baseOf(word) === baseOf(path));
  const wide = words.some(word => removers.has(baseOf(word)) || changers.has(baseOf(word)));
  return copied || (wide && places.some(place => path.startsWith(`${place}/`)));
}

export function changesFile(line: SudoLine, path: string, how: 'edited' | 'removed' | 'mode'): boolean {
  const words = wordsOf(line);
  if (onlyReads(words) || !reachesFile(line, words, path)) return false;
  const has = (programs: ReadonlySet<string>) => words.some(word => programs.has(baseOf(word)));
  switch (how) {
    case 'removed':
      return has(removers);
    case 'mode':
      return has(changers);
    case 'edited':
      return has(copiers) || !(has(removers) || has(changers));
    default:
      return how satisfies never;
  }
}

/** Whoever has a root shell leaves no further trace in sudo's log. */
export function opensShell({ command }: SudoLine): boolean {
  return /^\S*\/(ba|da|z|tc|c|k|fi)?sh( -\w+)*$/.test(command) || /^\S*\/su( |$)/.test(command);
}
