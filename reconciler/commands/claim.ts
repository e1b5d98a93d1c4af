// Words that make a machine's state folder belong to this repository.
import { type Command, sh } from './command.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

/** Prints `claimed BEFORE`, or `free` where no repository has the cluster's name there. Services and stamps stay. */
export function claim(settings: PreludeSettings, cluster: string, identity: string): Command {
  return sh`${prelude(settings)}${findState(cluster)}
if [ -z "$p_state" ]; then p_say free; exit 0; fi
p_a=-; if [ -r "$p_state/identity" ]; then read -r p_a <"$p_state/identity"; fi
p_write_line "$p_state/identity" ${identity} || exit 73
p_say claimed "$p_a"
`;
}
