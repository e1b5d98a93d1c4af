// The probe of one machine: one script that only reads, framed and versioned; and the cutting of its answer into sections.
import { type Command, lines, sh } from './command.js';
import { askFacts } from './facts.js';
import { findState, lookAtState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

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

/**
 * Hashes and modes of files. What we may not read is asked of root where sudo is allowed; a file that then has no hash
 * is not there.
 */
function hashes(ask: ProbeAsk): Command {
  return sh`p_say files
set -- ${ask.files}
if [ -n "$p_state" ] && [ -e "$p_state/stamps" ]; then
  while IFS= read -r p_a; do if [ -n "$p_a" ]; then set -- "$@" "$p_a"; fi; done <<PORTOSER_FILES
$(cat "$p_state"/stamps/* 2>/dev/null | sed -n -e 's/^file [0-7]* [0-9a-f]* [a-z]* //p' -e 's/^own [0-9a-f-]* //p')
PORTOSER_FILES
fi
set -- "$@" ${ask.own.map(own => own.path)}
if [ $# -gt 0 ]; then
  p_sha256 "$@" 2>/dev/null
  p_say modes
  if stat -c %a / >/dev/null 2>&1; then stat -c '%a %n' -- "$@" 2>/dev/null; else stat -f '%Lp %N' -- "$@" 2>/dev/null; fi
  if [ "$p_uid" != 0 ] && [ "$p_sudo" != never ]; then
    p_closed=; for p_a do if [ ! -r "$p_a" ]; then p_closed=yes; fi; done
    if [ -n "$p_closed" ] && sudo -n true 2>/dev/null; then
      p_say files
      if command -v sha256sum >/dev/null 2>&1; then sudo -n sha256sum -- "$@" 2>/dev/null; else sudo -n shasum -a 256 -- "$@" 2>/dev/null; fi
    fi
  fi
fi
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
