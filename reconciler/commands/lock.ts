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

/** Attempts until a lock that can neither be had nor read is a state folder that cannot be used (no hard links, no space). */
const attempts = 100;

/**
 * Takes the lock or ends the script with a frame `locked HOLDER…` (exit 75, EX_TEMPFAIL). The file is made by link(2),
 * which is atomic together with its content. `gone` is a process of the same controller (or of `from`) that no longer
 * runs: its lock is taken over at once. Who takes over holds a second file (`lock.over`) for that moment, so that of many
 * one does it. The fence is `<rising number>.<token>`: steps of a former holder stop, and of two that wrote the same
 * number only the one whose fence stands in the file goes on. Without a usable folder: frame `refused state`. A time of
 * the future is as old as one of the past: some machine's clock was wrong.
 */
export function takeLock(holder: LockHolder, gone: string, token: string, from = holder.controller): Command {
  return sh`p_me=${holder.controller}; p_me_process=${holder.process}; p_gone=${`${from} ${gone}`}; p_token=${token}; p_now=$(date +%s); p_tries=0
p_lock_line() { printf '%s %s %s %s\\n' "$p_me" "$p_me_process" "$p_now" "\${p_fence%%.*}"; }
p_over=
p_lock_unusable() { rm -f "$p_state/lock.new.$$" \${p_over:+"$p_over"}; p_refuse_state; }
p_fence_next() {
  p_a=; if [ -s "$p_state/fence" ]; then read -r p_a <"$p_state/fence"; fi
  p_a=\${p_a%%.*}; case $p_a in ''|0?*|*[!0-9]*) p_a=0;; esac
  p_fence=$((p_a+1)).$p_token
}
p_fence_raise() { p_write_line "$p_state/fence" "$p_fence" || { rm -f "$p_state/lock"; p_lock_unusable; }; }
p_lock_take() {
  p_fence_next; p_lock_line >"$p_state/lock.new.$$" || p_lock_unusable
  if ln "$p_state/lock.new.$$" "$p_state/lock" 2>/dev/null; then rm -f "$p_state/lock.new.$$"; p_fence_raise; return; fi
  rm -f "$p_state/lock.new.$$"; return 1
}
p_lock_read() {
  p_h_c=; p_h_p=; p_h_t=; p_h_f=; { read -r p_h_c p_h_p p_h_t p_h_f <"$1"; } 2>/dev/null
  p_read="$p_h_c $p_h_p $p_h_t $p_h_f"; case $p_h_t in ''|0?*|*[!0-9]*) p_h_t=0;; esac; p_age=$((p_now-p_h_t))
}
p_lock_old() { [ "$p_age" -gt ${lockSeconds} ] || [ "$p_age" -lt -${lockSeconds} ]; }
p_lock_busy() { p_say locked "$p_h_c" "$p_h_p" "$p_age" "$p_h_f"; exit 75; }
p_lock_replace() { p_fence_next; p_write_line "$p_state/lock" "$(p_lock_line)" || p_lock_unusable; p_fence_raise; }
p_lock_over() {
  p_lock_line >"$p_state/lock.new.$$" || p_lock_unusable
  if ! ln "$p_state/lock.new.$$" "$p_state/lock.over" 2>/dev/null; then
    rm -f "$p_state/lock.new.$$"; p_lock_read "$p_state/lock.over"
    if [ -z "$p_h_c" ]; then return 1; fi
    if p_lock_old; then rm -f "$p_state/lock.over"; return 1; fi
    p_lock_busy
  fi
  p_over=$p_state/lock.over; rm -f "$p_state/lock.new.$$"; p_stood=$p_read; p_lock_read "$p_state/lock"
  if [ "$p_read" = "$p_stood" ]; then p_lock_replace; else p_stood=; fi
  rm -f "$p_over"; p_over=; [ -n "$p_stood" ]
}
until p_lock_take; do
  p_tries=$((p_tries+1)); if [ "$p_tries" -gt ${attempts} ]; then p_lock_unusable; fi
  p_lock_read "$p_state/lock"
  if [ -z "$p_h_c" ] && { [ ! -e "$p_state/lock" ] || [ -s "$p_state/lock" ]; }; then continue; fi
  if [ "$p_h_c $p_h_p" = "$p_me $p_me_process" ]; then p_lock_replace; break; fi
  if [ "$p_h_c $p_h_p" != "$p_gone" ] && ! p_lock_old; then p_lock_busy; fi
  if p_lock_over; then break; fi
done
p_say fence "$p_fence"
${fenceWord()}`;
}

/** `p_fence_holds`: nobody has taken the machine over since `$p_fence` was raised. */
function fenceWord(): Command {
  return sh`p_fence_holds() { p_a=; { read -r p_a <"$p_state/fence"; } 2>/dev/null; [ "$p_a" = "$p_fence" ]; }
`;
}

/** For later scripts of the same holder: goes on only when its fence is still the newest (exit 76, frame `fenced`). */
export function checkFence(fence: string): Command {
  return sh`p_fence=${fence}
${fenceWord()}${stillHolds()}`;
}

/** The same between two steps of such a script, after `clear` was done. */
export function stillHolds(clear: Command = sh`:`): Command {
  return sh`if ! p_fence_holds; then ${clear}; p_say fenced "$p_a"; exit 76; fi
`;
}

/** Renews the time of our own lock. */
export function renewLock(holder: LockHolder): Command {
  return sh`p_now=$(date +%s); p_write_line "$p_state/lock" ${`${holder.controller} ${holder.process}`}" $p_now \${p_fence%%.*}"
`;
}

/** What another took over meanwhile is that one's lock. */
export function releaseLock(): Command {
  return sh`if p_fence_holds; then rm -f "$p_state/lock"; fi
`;
}

/**
 * Ends somebody else's lock: it is taken over from just this holder, whatever its age, and given back. The fence was raised
 * by that, so that the holder's steps stop. Frames: `free` (there is none), `locked HOLDER…` (another holds it by now),
 * `broken`.
 */
export function breakLock(mine: LockHolder, theirs: LockHolder, token: string): Command {
  return sh`if [ -z "$p_state" ] || [ ! -e "$p_state/lock" ]; then p_say free; p_say end; exit 0; fi
${takeLock(mine, theirs.process, token, theirs.controller)}${releaseLock()}p_say broken "$p_fence"
`;
}
