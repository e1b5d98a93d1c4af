// Words that take our traces off a machine: the cluster's state folder, and nothing that a running service needs.
import { clearLeft, refuseBusy, refuseOpen } from './batch-words.js';
import { type Command, lines, sh } from './command.js';
import { fileWords } from './files.js';
import { type LockHolder, takeLock } from './lock.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

export interface Forget extends PreludeSettings {
  readonly id: string;
  readonly cluster: string;
  readonly identity: string;
  readonly holder: LockHolder;
  /** A process of the same controller that no longer runs, or `-`. */
  readonly gone: string;
}

/** A folder without an identity is what a first change that was cut short leaves: it belongs to whoever comes. */
const ours = (identity: string): Command =>
  sh`p_a=; if [ -s "$p_state/identity" ]; then read -r p_a <"$p_state/identity"; fi
if [ -n "$p_a" ] && [ "$p_a" != ${identity} ]; then p_say refused identity "$p_a"; exit 73; fi`;

/**
 * What says whose it is and who is at work goes last, so that one that was cut short is begun again by the same words. The
 * folder itself, and those above it once they are empty, may be root's.
 */
const wipe = sh`trap '' HUP
p_wipe() { rm -rf -- "$@" 2>/dev/null || p_root rm -rf -- "$@"; }
p_wipe "$p_state/stamps" "$p_state/steps" "$p_state/incoming" "$p_state/supervise" "$p_state/machine" || { rm -f "$p_state/lock"; exit 73; }
p_wipe "$p_state/fence" "$p_state/identity" "$p_state/lock" "$p_state"
if [ -z "$(ls -A "$p_state" 2>/dev/null)" ]; then p_end=removed; if [ -d "$p_state" ]; then p_end=emptied; fi; else exit 73; fi
p_up=\${p_state%/*}
for p_a in "$p_up" "\${p_up%/*}"; do
  if [ -d "$p_a" ] && [ -z "$(ls -A "$p_a" 2>/dev/null)" ]; then rmdir "$p_a" 2>/dev/null || p_root rmdir "$p_a" 2>/dev/null || :; fi
done
p_say forgot "$p_end" "$p_state"`;

/**
 * Says `forgot removed PATH` (`emptied`: the empty folder stays, it is root's and sudo is not allowed) or `forgot nothing`;
 * or refuses as a batch does (`locked …`, `refused …`), or with `open STEP`. No process, unit, container or file of a
 * service is touched.
 */
export function forget(ask: Forget): Command {
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    findState(ask.cluster),
    sh`if [ -z "$p_state" ]; then p_say forgot nothing; p_say end; exit 0; fi`,
    ours(ask.identity),
    refuseOpen(),
    takeLock(ask.holder, ask.gone, ask.id),
    refuseBusy(),
    sh`p_id=${ask.id}; p_dir=`,
    fileWords(),
    clearLeft(),
    wipe,
    sh`p_say end`,
  ]);
}
