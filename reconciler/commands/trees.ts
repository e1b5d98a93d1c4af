// Words for folders with data that move to another machine: how large, what stands in the way, the bytes themselves, whether they are the same.
import { type Command, lines, sh, type Word } from './command.js';
import { checkFence } from './lock.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

/** A folder that is copied with all that is in it. */
export interface Tree {
  readonly path: string;
  /** Our own `.portoser` in it stays: it is made anew where the service goes. */
  readonly ours: boolean;
  /** Owners go by number, as containers know them; else by name, which may have another number on another machine. */
  readonly numeric: boolean;
}

/** Where a tree goes: a folder, or a Docker volume that is made with these labels where it is not there. */
export interface TreeTarget {
  readonly path: string;
  readonly volume?: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
}

/** `p_any WORDS…` as root where we may be, else as we are: what belongs to others is then refused by the machine itself. */
const anyWord = sh`if [ "$p_uid" != 0 ] && [ "$p_sudo" != never ] && sudo -n true 2>/dev/null </dev/null; then p_any() { sudo -n -- "$@"; }
else p_any() { "$@"; }; fi
`;

const leaveOut = '-path ./.portoser -prune -o';

/** In a folder: bytes of its files, number of entries, KiB on disk, owners. `stat` of GNU and busybox, else of BSD. */
const measureScript = `cd "$1" || exit; numeric=$2; shift 2
if stat -c %s . >/dev/null 2>&1; then st='stat -c' size=%s user=%U; else st='stat -f' size=%z user=%Su; fi
if [ "$numeric" = yes ]; then user=%u; fi
bytes=$(find . "$@" -type f -exec $st $size {} + | awk '{ s += $1 } END { printf "%.0f", s }')
count=$(find . "$@" -exec sh -c 'for f do echo; done' sh {} + | wc -l)
echo "$bytes" $((count)) $(du -sk . | cut -f1) $(find . "$@" -exec $st $user {} + | sort -u)`;

/**
 * Prints how many files were hashed and one hash over all of a folder: names, types, modes, owners, seconds of their last
 * change, contents, targets of links. Sockets are nobody's data. Lines are sorted, so that no order of a file system counts.
 */
const manifestScript = `cd "$1" || exit; numeric=$2; shift 2
if command -v sha256sum >/dev/null 2>&1; then sha=sha256sum; elif command -v shasum >/dev/null 2>&1; then sha='shasum -a 256'; else echo 'portoser: no sha256sum' >&2; exit 1; fi
if stat -c %s . >/dev/null 2>&1; then st='stat -c' who='%U %G' all='%a %Y %n' name=%n; else st='stat -f' who='%Su %Sg' all='%Lp %m %N' name=%N; fi
if [ "$numeric" = yes ]; then who='%u %g'; fi
p_all() {
  for t in d f p b c; do echo "type $t"; find . "$@" -type $t -exec $st "$who $all" {} + | sort; done
  echo links; find . "$@" -type l -exec $st "$who $name" {} + | sort
  find . "$@" -type l -exec sh -c 'for l do printf "%s -> %s\\n" "$l" "$(readlink "$l")"; done' sh {} + | sort
  echo contents; find . "$@" -type f -exec $sha {} + | sort
}
count=$(find . "$@" -type f -exec sh -c 'for f do echo; done' sh {} + | wc -l)
said=$( { p_all "$@" 2>&1 | awk '{ print } $1 ~ /^[\\\\]?[0-9a-f]+$/ && length($1) >= 64 { n++ } END { print n + 0 | "cat >&2" }' | $sha; } 2>&1 )
set -- $said
if [ "$1" != $((count)) ]; then echo "portoser: $1 of $((count)) files could be read" >&2; exit 1; fi
echo "$1 $2"`;

/** What stands at a target: `absent`, `empty`, `data`, `file` or `mount` (a file system of its own), and free KiB around it. */
const targetScript = `at=$1; up=\${at%/*}
while [ -n "$up" ] && [ ! -d "$up" ]; do up=\${up%/*}; done
is=absent
if [ -e "$at" ] || [ -h "$at" ]; then is=file; fi
if [ -d "$at" ] && [ ! -h "$at" ]; then
  is=empty; if [ -n "$(ls -A "$at")" ]; then is=data; fi
  a=$(df -P -k "$at" | awk 'NR == 2 { print $NF }'); if [ "$a" = "$at" ]; then is=mount; fi
fi
echo "$is" $(df -P -k "\${up:-/}" | awk 'NR == 2 { print $4 }')`;

const treeWords = (tree: Tree): readonly Word[] => [
  ...sh`${tree.path} ${tree.numeric ? 'yes' : 'no'}`.words,
  ...(tree.ours ? sh` ${leaveOut.split(' ')}`.words : []),
];

/** A project's volumes: `volume NAME DRIVER MOUNTPOINT OPTIONS`, its labels as JSON; and `foreign NAME` for those of its containers that are not its own. */
function volumes(project: string): Command {
  const label = `label=com.docker.compose.project=${project}`;
  return sh`p_names=$(p_docker volume ls -q --filter ${label}) || p_failed docker
for p_a in $p_names; do
  p_say volume "$p_a" $(p_any docker volume inspect --format '{{.Driver}} {{len .Options}} {{.Mountpoint}}' "$p_a")
  p_any docker volume inspect --format '{{json .Labels}}' "$p_a"
done
for p_b in $(p_docker ps -aq --filter ${label}); do
  for p_a in $(p_docker inspect --type container --format '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}' "$p_b"); do
    case " $(echo $p_names) " in *" $p_a "*) ;; *) p_say foreign "$p_a" ;; esac
  done
done
`;
}

const failedWord = sh`p_failed() { p_say failed "$*"; p_say end; exit 0; }
`;

export interface SourceAsk extends PreludeSettings {
  readonly trees: readonly Tree[];
  readonly project?: string;
}

/** Frames `tree INDEX` with one line of `measureScript`, `failed WHY`, and those of `volumes`. Only reads. */
export function measureTrees(ask: SourceAsk): Command {
  const each = ask.trees.map(
    (tree, index) =>
      sh`p_say tree ${index}\np_any sh -c ${measureScript} sh ${{ words: treeWords(tree) }} 2>&1 || p_failed ${tree.path}\n`,
  );
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    anyWord,
    failedWord,
    ...(ask.project === undefined ? [] : [volumes(ask.project)]),
    ...each,
    sh`p_say end`,
  ]);
}

/** Sets `$p_at` to where the target is, or will be; a volume that is not there yet would be made below Docker's own folder. */
function placeOf(target: TreeTarget, make: boolean): Command {
  if (target.volume === undefined) return sh`p_at=${target.path}\n`;
  const { name, labels } = target.volume;
  const words = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const missing = make
    ? sh`p_docker volume create ${words} ${name} >/dev/null || p_failed docker; p_at=$(p_docker volume inspect --format '{{.Mountpoint}}' ${name})`
    : sh`p_at=$(p_docker info --format '{{.DockerRootDir}}')/volumes/${name}/_data`;
  return sh`p_at=$(p_docker volume inspect --format '{{.Mountpoint}}' ${name} 2>/dev/null) || { ${missing}; }
case $p_at in /*) ;; *) p_failed docker ;; esac
`;
}

/** Frames `target INDEX IS FREE-KIB`, and `root yes|no`: whether files of others can be made there. Only reads. */
export function lookAtTargets(ask: PreludeSettings & { readonly targets: readonly TreeTarget[] }): Command {
  const each = ask.targets.map(
    (target, index) =>
      sh`${placeOf(target, false)}p_say target ${index} $(p_any sh -c ${targetScript} sh "$p_at" 2>&1)\n`,
  );
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    anyWord,
    failedWord,
    sh`if [ "$(p_any id -u)" = 0 ]; then p_say root yes; else p_say root no; fi`,
    ...each,
    sh`p_say end`,
  ]);
}

/** Frames `manifest INDEX FILES HASH`, or `failed WHY`. */
export function hashTrees(ask: PreludeSettings & { readonly trees: readonly Tree[] }): Command {
  const each = ask.trees.map(
    (tree, index) =>
      sh`p_a=$(p_any sh -c ${manifestScript} sh ${{ words: treeWords(tree) }} 2>&1) || p_failed "$p_a"\np_say manifest ${index} "$p_a"\n`,
  );
  return lines([prelude(ask), sh`p_say portoser 1`, anyWord, failedWord, ...each, sh`p_say end`]);
}

/** The whole tree on standard output, as an archive of tar(1). */
export function sendTree(settings: PreludeSettings, tree: Tree): Command {
  const without = tree.ours ? ['--exclude=./.portoser'] : [];
  return sh`${prelude(settings)}${anyWord}p_any tar -C ${tree.path} ${without} -cf - .\n`;
}

/** Unpacks what comes on standard input; an archive that is cut short is a failure. */
export function receiveTree(settings: PreludeSettings, tree: Tree): Command {
  const numeric = tree.numeric ? ['--numeric-owner'] : [];
  return sh`${prelude(settings)}${anyWord}p_any tar -C ${tree.path} -xpf - ${numeric}\n`;
}

export interface CopyRoom extends PreludeSettings {
  readonly cluster: string;
  /** Of the lock that is held there. */
  readonly fence: string;
  readonly service: string;
}

/** Where the folders stand that a copy has made and not put in place: their paths, one a line. */
const listOf = ({ service }: CopyRoom): Word => {
  if (!/^[a-z0-9-]+$/.test(service)) throw new TypeError(`not a service name: ${service}`);
  return { kind: 'syntax', text: `"$p_state"/copies/${service}` };
};

/** Takes away what a copy left half-way; only folders of our own name. */
const clearWords = (room: CopyRoom): Command => sh`if [ -e ${listOf(room)} ]; then
  while IFS= read -r p_a; do
    case $p_a in */.portoser-copy.*) p_any rm -rf "$p_a" </dev/null || p_failed "$p_a" ;; esac
  done <${listOf(room)}
  rm -f ${listOf(room)}
fi
`;

const opening = (room: CopyRoom): readonly Command[] => [
  prelude(room),
  sh`p_say portoser 1`,
  findState(room.cluster),
  checkFence(room.fence),
  anyWord,
  failedWord,
];

export function clearCopy(room: CopyRoom): Command {
  return lines([...opening(room), clearWords(room), sh`p_say end`]);
}

/** Makes an empty folder beside each target. Frames `beside INDEX TARGET FOLDER` (one line each below it). */
export function openCopy(room: CopyRoom, targets: readonly TreeTarget[], id: string): Command {
  const each = targets.map(
    (target, index) => sh`${placeOf(target, true)}p_new=\${p_at%/*}/.portoser-copy.${id}.${index}
printf '%s\\n' "$p_new" >>${listOf(room)} || p_failed copies
p_any mkdir -p "\${p_at%/*}/" && p_any mkdir -m 700 "$p_new" || p_failed "$p_new"
p_say beside ${index}; printf '%s\\n' "$p_at" "$p_new"
`,
  );
  return lines([
    ...opening(room),
    clearWords(room),
    sh`mkdir -p "$p_state/copies" || p_failed copies`,
    ...each,
    sh`p_say end`,
  ]);
}

export interface Landing {
  readonly target: string;
  readonly folder: string;
  /** What stands at the target was this service's own: it is put aside under this name. Absent: it must be empty. */
  readonly aside?: string;
}

/** Puts the folders in the place of the targets, on the disk first. */
export function landCopy(room: CopyRoom, all: readonly Landing[]): Command {
  const each = all.map(({ target, folder, aside }) => {
    const away = aside === undefined ? sh`p_failed ${target}` : sh`p_any mv ${target} ${aside} || p_failed ${target}`;
    return sh`if p_any test -e ${target}; then p_any rmdir ${target} 2>/dev/null || { ${away}; }; fi
p_any mv ${folder} ${target} || p_failed ${target}
`;
  });
  return lines([...opening(room), sh`sync`, ...each, sh`rm -f ${listOf(room)}; sync`, sh`p_say end`]);
}
