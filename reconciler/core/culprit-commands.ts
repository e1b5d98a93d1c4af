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

const readers = new Set(
  'cat less more head tail grep egrep zgrep ls stat file diff cmp wc sha256sum shasum md5sum test find awk journalctl docker'.split(
    ' ',
  ),
);
const onFolders = ['rm', 'mv', 'chmod', 'chown', 'rsync', 'tar', 'git', 'unlink'];

function onlyReads(words: readonly string[]): boolean {
  const program = baseOf(words[0] ?? '');
  return readers.has(program) || (program === 'sed' && !words.some(word => /^(-\w*i|--in-place)/.test(word)));
}

/** The file itself, what a folder command does to a folder above it, or a copy into its folder under its name. */
export function writesFile(line: SudoLine, path: string): boolean {
  const words = wordsOf(line);
  if (onlyReads(words)) return false;
  const places = words.map(word => (word.startsWith('/') ? word : `${line.folder}/${word.replace(/^(\.\/)+/, '')}`));
  const bare = places.map(place => place.replace(/\/+$/, ''));
  if (bare.includes(path)) return true;
  const folder = path.slice(0, path.lastIndexOf('/'));
  const copied = bare.includes(folder) && words.some(word => baseOf(word) === baseOf(path));
  const above =
    words.some(word => onFolders.includes(baseOf(word))) &&
    bare.some(place => place !== '' && path.startsWith(`${place}/`));
  return copied || above;
}

/** Whoever has a root shell leaves no further trace in sudo's log. */
export function opensShell({ command }: SudoLine): boolean {
  return /^\S*\/(ba|da|z|tc|c|k|fi)?sh( -\w+)*$/.test(command) || /^\S*\/su( |$)/.test(command);
}
