// Words that take the hands off services of a machine, and put them on again: small files beside the stamps, written under the lock.
import { refuseBusy, refuseOpen } from './batch-words.js';
import { type Command, lines, sh } from './command.js';
import { type LockHolder, releaseLock, takeLock } from './lock.js';
import { ensureState, findState, type Owner } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

interface Locked extends PreludeSettings, Owner {
  /** Token of the fence. */
  readonly id: string;
  readonly holder: LockHolder;
  /** A process of this controller that runs no longer, or `-`. */
  readonly gone: string;
}

export interface SuspendWords extends Locked {
  /** By name of the file: its lines, without those that the machine's clock decides. */
  readonly files: readonly { readonly name: string; readonly head: readonly string[] }[];
  /** Absent: until it is taken back. */
  readonly seconds?: number;
}

/** `p_suspended NAME`: whether it is suspended now, by a file of that name; one whose time is over does not count. */
export function suspendedWord(): Command {
  return sh`p_suspended() {
  p_a=$p_state/suspends/$1; if [ ! -e "$p_a" ]; then return 1; fi
  p_b=$(sed -n 's/^until //p' "$p_a"); [ -z "$p_b" ] || [ "$p_b" -gt "$(date +%s)" ]
}
`;
}

/** Clears away those whose time is over. */
const clearOver = (): Command => sh`for p_c in "$p_state"/suspends/*; do
  if [ -e "$p_c" ] && ! p_suspended "\${p_c##*/}"; then rm -f "$p_c"; fi
done
`;

/** What runs there comes to its end first: our own batch, whose connection was lost, would be fenced off by its own lock. */
const take = ({ holder, gone, id }: Locked): Command => lines([refuseOpen(), takeLock(holder, gone, id), refuseBusy()]);

const fenced = (): Command => sh`if ! p_fence_holds; then p_say fenced; exit 76; fi\n`;

/** Writes a file for each, over an older one; frame `suspended`. Refuses as a batch does: `locked`, `refused`, `fenced`; or with `open STEP`. */
export function suspendCommand(words: SuspendWords): Command {
  const until = words.seconds === undefined ? sh`:` : sh`p_a=${words.seconds}; echo "until $((p_now+p_a))"`;
  const puts = words.files.map(
    ({ name, head }) => sh`${fenced()}p_new=$p_state/suspends/.new.$$
{ printf '%s\\n' ${head}; echo "at $p_now"; ${until}; echo end; } >"$p_new" || p_refuse_state
sync "$p_new" 2>/dev/null || sync
mv -f "$p_new" "$p_state"/suspends/${name} || p_refuse_state
`,
  );
  return lines([
    prelude(words),
    sh`p_say portoser 1`,
    findState(words.cluster),
    ensureState(words),
    take(words),
    sh`mkdir -p "$p_state/suspends" || p_refuse_state; p_now=$(date +%s)`,
    suspendedWord(),
    clearOver(),
    ...puts,
    releaseLock(),
    sh`p_say suspended`,
    sh`p_say end`,
  ]);
}

export interface ResumeWords extends Locked {
  readonly names: readonly string[];
}

/** Takes these away; frames `resumed NAME` for what was suspended, `left NAME` for what still is. */
export function resumeCommand(words: ResumeWords): Command {
  const takes = words.names.map(
    name =>
      sh`${fenced()}if p_suspended ${name}; then rm -f "$p_state"/suspends/${name} || p_refuse_state; p_say resumed ${name}; fi\n`,
  );
  return lines([
    prelude(words),
    sh`p_say portoser 1`,
    findState(words.cluster),
    sh`if [ -z "$p_state" ] || [ ! -d "$p_state/suspends" ]; then p_say end; exit 0; fi`,
    ensureState(words),
    take(words),
    suspendedWord(),
    clearOver(),
    ...takes,
    sh`for p_c in "$p_state"/suspends/*; do if [ -e "$p_c" ]; then p_say left "\${p_c##*/}"; fi; done`,
    releaseLock(),
    sh`p_say end`,
  ]);
}
