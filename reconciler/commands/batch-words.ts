// Shell functions of a batch: how a step runs and is noted, what ends it in time, what it answers.
import { type Command, sh } from './command.js';

/** Exit codes of our own in a result row, after BSD sysexits(3). */
export const batchCodes = { stale: 78, fenced: 76, sudo: 77 } as const;

/**
 * `p_note ID CODE` writes a row of the result, and ends the work when it cannot: a row that is not there would be taken
 * for success. `p_step ID WORDS…` runs one step in a subshell with its output kept (the end of it) and its exit code
 * noted; `p_inline ID CHANGE FUNCTION` runs in this shell, for steps that stage files; `p_land_all` lands them.
 */
export function stepWords(): Command {
  return sh`p_note() { echo "$1 $2" >>"$p_dir/result" || exit 73; }
p_step() {
  p_sid=$1; shift
  if ! p_fence_holds; then p_note "$p_sid" ${batchCodes.fenced}; return ${batchCodes.fenced}; fi
  { ( "$@" ); echo $? >"$p_dir/rc"; } 2>&1 </dev/null | tail -c 65536 >"$p_dir/$p_sid.out"
  p_rc=; read -r p_rc <"$p_dir/rc"; case $p_rc in ''|*[!0-9]*) p_rc=1;; esac
  p_note "$p_sid" "$p_rc"; return "$p_rc"
}
p_inline() {
  eval "p_a=\\$f_$2"; if [ -n "$p_a" ]; then return; fi
  p_before=$p_staged; p_fence_holds && "$3" >"$p_dir/$1.out" 2>&1; p_rc=$?
  if ! p_fence_holds; then p_rc=${batchCodes.fenced}; fi
  if [ "$p_rc" != 0 ]; then p_unstage "$p_before"; eval "f_$2=1"; fi
  p_note "$1" "$p_rc"
}
p_land_all() {
  if p_fence_holds; then p_land >"$p_dir/land.$1.out" 2>&1; p_rc=$?; else p_unstage ''; p_rc=${batchCodes.fenced}; fi
  p_note "land.$1" "$p_rc"; if [ "$p_rc" != 0 ]; then exit 1; fi
}
`;
}

/**
 * Gives the lock back and ends the script with a frame `busy ID` (exit 75) when steps of a former holder still run. It may
 * have begun them after the look that this batch was planned by: since the fence was raised it begins no more, and what it
 * is in the middle of must not be done a second time beside it.
 */
export function refuseBusy(): Command {
  return sh`for p_a in "$p_state"/steps/*/open; do
  if p_works "$p_a"; then rm -f "$p_state/lock"; p_b=\${p_a%/open}; p_say busy "\${p_b##*/}"; exit 75; fi
done
`;
}

/** Clears away what batches before left: their folders, and what they had staged when a crash ended them. */
export function clearLeft(): Command {
  return sh`for p_dir_old in "$p_state"/steps/*; do
  if [ ! -d "$p_dir_old" ]; then continue; fi
  if p_works "$p_dir_old/open"; then continue; fi
  if [ -s "$p_dir_old/staged" ]; then while IFS= read -r p_a; do p_drop "$p_a"; done <"$p_dir_old/staged"; fi
  rm -rf "$p_dir_old"
done
rm -f "$p_state"/stamps/.portoser-new.* "$p_state"/incoming/*
`;
}

/** Renews the lock while the batch works; past the time limit it ends the process group. */
export function watchdog(seconds: number): Command {
  return sh`(
trap '' TERM HUP; p_a=0; p_n=0
while [ "$p_n" -lt ${seconds} ]; do
  sleep 1; p_n=$((p_n+1)); if [ ! -e "$p_dir/open" ]; then exit; fi
  if [ $((p_n%20)) = 0 ] && p_fence_holds; then p_now=$(date +%s); p_write_line "$p_state/lock" "$(p_lock_line)"; fi
done
echo "time 124" >>"$p_dir/result"; rm -f "$p_dir/open"; kill -TERM 0; sleep 5; kill -KILL 0
) >/dev/null 2>&1 </dev/null &`;
}

/**
 * Waits for the work, or for the watchdog's signal that ends it, and says how it went. Not a second time: bash may then
 * wait for ever for what has ended already.
 */
export function answerWords(): Command {
  return sh`trap : TERM
wait "$p_job"; rm -f "$p_dir/open"
p_say results; cat "$p_dir/result"
while read -r p_a p_b; do
  if [ "$p_b" != 0 ]; then p_say output "$p_a"; tail -c 4096 "$p_dir/$p_a.out" 2>/dev/null; echo
  elif [ -s "$p_dir/$p_a.out" ]; then p_say output "$p_a"; tail -c 1024 "$p_dir/$p_a.out" 2>/dev/null; echo; fi
done <"$p_dir/result"
if [ -s "$p_dir/log" ]; then p_say log; tail -c 4096 "$p_dir/log"; echo; fi
p_say end`;
}
