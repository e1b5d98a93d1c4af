// What `machine doctor` asks beyond the probe: what we may do there. Only looks; nothing is written to find out.
import { type Command, lines, sh } from './command.js';
import { askEngine } from './docker.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

export interface DoctorAsk extends PreludeSettings {
  readonly cluster: string;
  /** Absolute folders of services. */
  readonly folders: readonly string[];
  /** Something there is run by Docker. */
  readonly docker: boolean;
}

/** `p_open PATH`: we may write there without root, or make it where it is not there yet. */
const open = sh`p_open() { p_up=$1; while [ -n "$p_up" ] && [ ! -e "$p_up" ]; do p_up=\${p_up%/*}; done; [ -w "\${p_up:-/}" ]; }
p_word() { if p_open "$2"; then echo "$1 yes"; else echo "$1 no"; fi; }`;

const sudo = sh`if [ "$p_uid" = 0 ]; then echo "sudo root"
elif [ "$p_sudo" = never ]; then echo "sudo never"
elif ! command -v sudo >/dev/null 2>&1; then echo "sudo missing"
elif sudo -n true 2>/dev/null; then echo "sudo yes"
else echo "sudo password"; fi`;

/**
 * A section `doctor` of lines: `sudo root|yes|password|missing|never`, `state yes|no` (its folder can be written or made
 * without root), `linger yes|no`, `folder INDEX yes|no`; and a section `engine` (see `askEngine`).
 */
export function doctorCommand(ask: DoctorAsk): Command {
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    findState(ask.cluster),
    open,
    sh`p_say doctor`,
    sudo,
    sh`if [ -z "$p_state" ]; then p_word state "$p_home_state"; elif p_open "$p_state" && p_open "$p_state/stamps"; then echo "state yes"; else echo "state no"; fi`,
    sh`if [ -e /var/lib/systemd/linger/"$(id -un)" ]; then echo "linger yes"; else echo "linger no"; fi`,
    ...ask.folders.map((folder, index) => sh`p_word ${`folder ${index}`} ${folder}`),
    ...(ask.docker ? [sh`p_say engine`, askEngine()] : []),
    sh`p_say end`,
  ]);
}
