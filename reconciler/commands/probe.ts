// The probe of one machine: one script that only reads, framed and versioned; and the cutting of its answer into sections.
import { type Command, lines, sh } from './command.js';
import { askFacts } from './facts.js';
import { hiddenWord } from './files.js';
import { findState, lookAtState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';
import { usageWords } from './usage.js';

export interface ProbeAsk extends PreludeSettings {
  readonly cluster: string;
  /** Absolute paths of managed files to hash, besides those that the stamps name. */
  readonly files: readonly string[];
  /** The user's own files, with or without their text. */
  readonly own: readonly { readonly path: string; readonly text: boolean }[];
  /** Each driver's `look`, by type. */
  readonly looks: readonly (readonly [string, Command])[];
}

/** Own texts longer than this are cut; a compose file is never so long. */
const textLimit = 524_288;

/** Names handed to one call: far below what any system takes as an argument list. */
const atOnce = 256;

/** One name a line: the wanted ones, and those that the stamps name. */
function names(ask: ProbeAsk): Command {
  const paths = [...ask.files, ...ask.own.map(own => own.path)];
  return sh`p_names() {
${paths.length === 0 ? sh`:` : sh`printf '%s\\n' ${paths}`}
if [ -n "$p_state" ]; then sed -n -e 's/^file [0-7]* [0-9a-f]* [a-z]* //p' -e 's/^own [0-9a-f-]* //p' "$p_state"/stamps/* 2>/dev/null; fi
}
`;
}

/**
 * Hashes and modes of files. What we may not read is asked of root where sudo is allowed; a file that then has no hash
 * is not there. Only plain files are opened: a named pipe would never end.
 */
function hashes(ask: ProbeAsk): Command {
  return sh`${hiddenWord()}${names(ask)}p_by=; p_closed=; p_gnu=; if stat -c %a / >/dev/null 2>&1; then p_gnu=yes; fi
p_hash() {
  if command -v sha256sum >/dev/null 2>&1; then $p_by sha256sum -- "$@"
  elif command -v shasum >/dev/null 2>&1; then $p_by shasum -a 256 -- "$@"
  else for p_f do printf '%s  %s\\n' "$($p_by sha256 -q "$p_f")" "$p_f"; done; fi 2>/dev/null
  p_say modes
  if [ -n "$p_gnu" ]; then $p_by stat -c '%a %n' -- "$@"; else $p_by stat -f '%Lp %N' -- "$@"; fi 2>/dev/null
  p_say files
}
p_hash_lines() {
  set --
  while IFS= read -r p_a; do
    if [ -n "$p_by" ] || { [ -f "$p_a" ] && [ -r "$p_a" ]; }; then set -- "$@" "$p_a"
    elif [ -f "$p_a" ] || p_hidden "$p_a"; then p_closed="$p_closed$p_a
"; fi
    if [ $# -ge ${atOnce} ]; then p_hash "$@"; set --; fi
  done
  if [ $# -gt 0 ]; then p_hash "$@"; fi
}
p_say files
p_names | sort -u | sed '/^$/d' | {
  p_hash_lines
  if [ -n "$p_closed" ] && [ "$p_uid" != 0 ] && [ "$p_sudo" != never ] && sudo -n true 2>/dev/null; then
    p_by='sudo -n'; p_closed_lines=\${p_closed%?}; p_hash_lines <<PORTOSER_FILES
$p_closed_lines
PORTOSER_FILES
  fi
}
`;
}

function ownTexts(ask: ProbeAsk): Command {
  const texts = ask.own.filter(own => own.text);
  return lines(
    texts.map(
      (own, index) => sh`if [ -f ${own.path} ]; then p_say text ${index}; head -c ${textLimit} ${own.path}; echo; fi`,
    ),
  );
}

export function probeCommand(ask: ProbeAsk): Command {
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    findState(ask.cluster),
    askFacts(),
    lookAtState(),
    hashes(ask),
    ownTexts(ask),
    ...(ask.looks.length === 0 ? [] : [usageWords]),
    ...ask.looks.map(([type, look]) => sh`p_say look ${type}\n(\n${look}\n)`),
    sh`p_say end`,
  ]);
}

export interface ProbeSection {
  readonly name: string;
  /** Rest of the frame line. */
  readonly rest: string;
  readonly lines: readonly string[];
}

/** undefined: not a whole answer of this version (cut short, or something else spoke). */
export function readProbe(stdout: string, nonce: string): readonly ProbeSection[] | undefined {
  const mark = `@${nonce} `;
  const sections: { name: string; rest: string; lines: string[] }[] = [];
  for (const line of stdout.split('\n')) {
    if (line.startsWith(mark)) {
      const [name = '', ...rest] = line.slice(mark.length).split(' ');
      sections.push({ name, rest: rest.join(' '), lines: [] });
    } else sections.at(-1)?.lines.push(line);
  }
  const whole = sections[0]?.name === 'portoser' && sections[0].rest === '1' && sections.at(-1)?.name === 'end';
  return whole ? sections : undefined;
}
