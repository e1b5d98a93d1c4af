// Words that make a machine's state folder belong to this repository, under the machine's lock.
import { refuseBusy, refuseOpen } from './batch-words.js';
import { type Command, lines, sh } from './command.js';
import { type LockHolder, releaseLock, takeLock } from './lock.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

export interface Claim extends PreludeSettings {
  /** Token of the fence. */
  readonly id: string;
  readonly cluster: string;
  readonly identity: string;
  readonly holder: LockHolder;
  /** A process of the same controller that no longer runs, or `-`. */
  readonly gone: string;
}

/**
 * Says `claimed BEFORE`, or `free` where no repository has the cluster's name there; or refuses as a batch does (`locked …`,
 * `refused …`), or with `open STEP`: the repository that had it may be in the middle of a change. Services and stamps stay.
 */
export function claim(ask: Claim): Command {
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    findState(ask.cluster),
    sh`if [ -z "$p_state" ]; then p_say free; p_say end; exit 0; fi`,
    refuseOpen(),
    takeLock(ask.holder, ask.gone, ask.id),
    refuseBusy(),
    sh`p_before=-; if [ -r "$p_state/identity" ]; then read -r p_before <"$p_state/identity"; fi
p_write_line "$p_state/identity" ${ask.identity}; p_r=$?`,
    releaseLock(),
    sh`if [ "$p_r" != 0 ]; then p_refuse_state; fi
p_say claimed "$p_before"
p_say end`,
  ]);
}
