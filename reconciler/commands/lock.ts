// Words for the one lock of a machine's state folder: taken around changes, with a rising fencing number.
import { type Command, sh } from './command.js';

export interface LockHolder {
  /** The controller's persistent id. */
  readonly controller: string;
  /** `pid:start time` of the controller's process. */
  readonly process: string;
}

/** Without renewal for so long, another controller may take it over. */
export const lockSeconds = 60;

/**
 * Takes the lock or ends the script with a frame `locked HOLDER…` (exit 75, EX_TEMPFAIL). The file is made by link(2),
 * which is atomic together with its content. `gone` is a process of the same controller that no longer runs: its lock is
 * taken over at once. A lock that was taken over raises the fencing number, so steps of the former holder stop.
 */
export function takeLock(holder: LockHolder, gone: string): Command {
  return sh`p_me=${holder.controller}; p_me_process=${holder.process}; p_gone=${gone}; p_fence=; p_now=$(date +%s)
p_lock_line() { printf '%s %s %s %s\\n' "$p_me" "$p_me_process" "$p_now" "$p_fence"; }
p_lock_take() {
  p_old=0; if [ -s "$p_state/fence" ]; then read -r p_old <"$p_state/fence"; fi
  p_fence=$((p_old+1)); p_lock_line >"$p_state/lock.new.$$" || { p_say refused state "$p_state"; exit 73; }
  if ln "$p_state/lock.new.$$" "$p_state/lock" 2>/dev/null; then rm -f "$p_state/lock.new.$$"; p_write_line "$p_state/fence" "$p_fence"; return; fi
  rm -f "$p_state/lock.new.$$"; return 1
}
until p_lock_take; do
  p_h_line=; if [ -r "$p_state/lock" ]; then read -r p_h_line <"$p_state/lock"; fi
  set -- $p_h_line; p_h_c=$1; p_h_p=$2; p_h_t=\${3:-0}; p_h_f=\${4:-0}
  if [ -z "$p_h_line" ]; then if [ -e "$p_state/lock" ]; then rm -f "$p_state/lock"; fi; continue; fi
  if [ "$p_h_c $p_h_p" = "$p_me $p_me_process" ]; then p_fence=$p_h_f; p_write_line "$p_state/lock" "$(p_lock_line)"; break; fi
  if [ "$p_h_c $p_h_p" != "$p_me $p_gone" ] && [ $((p_now-p_h_t)) -le ${lockSeconds} ]; then p_say locked "$p_h_c" "$p_h_p" $((p_now-p_h_t)) "$p_h_f"; exit 75; fi
  mv "$p_state/lock" "$p_state/lock.old.$$" 2>/dev/null || continue
  read -r p_a <"$p_state/lock.old.$$"
  if [ "$p_a" != "$p_h_line" ]; then ln "$p_state/lock.old.$$" "$p_state/lock" 2>/dev/null; fi
  rm -f "$p_state/lock.old.$$"
done
p_say fence "$p_fence"
p_fence_holds() { p_a=; read -r p_a <"$p_state/fence"; [ "$p_a" = "$p_fence" ]; }
`;
}

/** For later scripts of the same holder: goes on only when its fencing number is still the newest (exit 76, frame `fenced`). */
export function checkFence(fence: number): Command {
  return sh`p_fence=${fence}; p_a=; if [ -r "$p_state/fence" ]; then read -r p_a <"$p_state/fence"; fi
if [ "$p_a" != "$p_fence" ]; then p_say fenced "$p_a"; exit 76; fi
`;
}

/** Renews the time of our own lock. */
export function renewLock(holder: LockHolder): Command {
  return sh`p_now=$(date +%s); p_write_line "$p_state/lock" ${`${holder.controller} ${holder.process}`}" $p_now $p_fence"
`;
}

export function releaseLock(): Command {
  return sh`rm -f "$p_state/lock"
`;
}
