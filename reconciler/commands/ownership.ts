// Words for the state folder of a cluster on a machine: where it is, what stands in it, how it is made.
import { type Command, sh } from './command.js';

/**
 * Sets `$p_state` to the folder of this cluster, or leaves it empty when there is none, and `$p_home_state` to where it
 * would be made without sudo. Looked for in XDG_STATE_HOME, /var/lib/portoser and the user's own state folder, in this
 * order.
 */
export function findState(cluster: string): Command {
  return sh`p_cluster=${cluster}; p_state=; p_home_state="\${HOME:-/}/.local/state/portoser/clusters/$p_cluster"
if [ -n "$XDG_STATE_HOME" ]; then p_home_state="$XDG_STATE_HOME/portoser/clusters/$p_cluster"; fi
for p_a in \${XDG_STATE_HOME:+"$p_home_state"} "/var/lib/portoser/clusters/$p_cluster" "\${HOME:-/}/.local/state/portoser/clusters/$p_cluster"; do
  if [ -d "$p_a" ]; then p_state=$p_a; break; fi
done
if [ -z "$XDG_STATE_HOME" ] && [ "$p_uid" = 0 ]; then p_home_state=/var/lib/portoser/clusters/$p_cluster; fi
`;
}

/** Prints what the folder holds: id and identity of the machine, lock, open steps, revisions that were made, stamps and their number, suspends. */
export function lookAtState(): Command {
  return sh`p_say state "\${p_state:--}" "$p_home_state"
if [ -n "$p_state" ]; then
  if [ -r "$p_state/machine" ]; then read -r p_a <"$p_state/machine"; p_say id "$p_a"; fi
  if [ -r "$p_state/identity" ]; then read -r p_a <"$p_state/identity"; p_say identity "$p_a"; fi
  if [ -r "$p_state/lock" ]; then read -r p_a <"$p_state/lock"; p_say lock "$p_a"; fi
  for p_a in "$p_state"/steps/*/open; do
    if p_works "$p_a"; then p_b=\${p_a%/open}; p_say open "\${p_b##*/}"; fi
  done
  for p_a in "$p_state"/steps/made.*; do
    if [ -e "$p_a" ] && read -r p_b <"$p_a"; then p_say made "\${p_a##*/made.}" "$p_b"; fi
  done
  set -- "$p_state"/stamps/*
  if [ -e "$1" ]; then
    p_say stamps; cat "$@"
    p_n=0; for p_a in "$@"; do if [ -e "$p_a" ]; then p_n=$((p_n+1)); fi; done; p_say stamped "$p_n"
  fi
  set -- "$p_state"/suspends/*
  if [ -e "$1" ]; then p_say suspends; cat "$@"; fi
fi
`;
}

export interface Owner {
  readonly cluster: string;
  /** Root commit of the repository, or `-` for a registry outside any. */
  readonly identity: string;
  /** Random id for the machine, used when it has none yet. */
  readonly newMachineId: string;
}

/**
 * Makes `$p_state` when there is none: below /var/lib where we are root or may use sudo (then owned by the SSH user),
 * else in the user's own state folder. Ends the script when another repository owns the cluster's name here.
 */
export function ensureState(owner: Owner): Command {
  return sh`if [ -z "$p_state" ]; then
  p_state=$p_home_state; p_a=/var/lib/portoser/clusters/$p_cluster
  if [ -z "$XDG_STATE_HOME" ] && [ "$p_uid" != 0 ] && [ "$p_sudo" != never ] && sudo -n true 2>/dev/null && sudo -n mkdir -p "$p_a" && sudo -n chown "$p_uid" "$p_a"; then p_state=$p_a; fi
fi
if ! mkdir -p "$p_state/stamps" "$p_state/steps" "$p_state/incoming" "$p_state/supervise"; then p_refuse_state; fi
if [ ! -s "$p_state/identity" ]; then p_write_line "$p_state/identity" ${owner.identity} || p_refuse_state; fi
read -r p_a <"$p_state/identity"
if [ "$p_a" != ${owner.identity} ]; then p_say refused identity "$p_a"; exit 73; fi
if [ ! -s "$p_state/machine" ]; then p_write_line "$p_state/machine" ${owner.newMachineId} || p_refuse_state; fi
`;
}
