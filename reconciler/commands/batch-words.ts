// Shell functions of a batch: how a step runs and is noted, what ends it in time, what it answers.
import { type Command, sh } from './command.js';

/** Exit codes of our own in a result row, after BSD sysexits(3); `late` after timeout(1). */
export const batchCodes = { stale: 78, fenced: 76, sudo: 77, late: 124 } as const;

/**
 * `p_note ID CODE` writes a row of the result, and ends the work when it cannot: a row that is not there would be taken
 * for success. `p_step ID SECONDS WORDS…` runs one step in a subshell with its output kept (the end of it) and its exit
 * code noted; the watchdog knows by `now` which process it is, and tells by `late` that it ended it; `p_inline ID CHANGE FUNCTION` runs in this shell, for steps that stage files; `p_land_all` lands them.
 */
export function stepWords(live = false): Command {
  const [begun, ended, kept] = live
    ? [sh`p_tell begun "$p_sid"; `, sh`p_tell ended "$p_sid" "$p_rc"; `, sh`| p_copy `]
    : [sh``, sh``, sh``];
  return sh`${live ? tellWords() : sh``}p_note() { echo "$1 $2" >>"$p_dir/result" || exit 73; }
p_self() {
  if [ -r /proc/self/stat ]; then read -r p_pid p_a </proc/self/stat; else p_pid=$(exec sh -c 'echo $PPID'); fi
  echo "$p_pid $1" 2>/dev/null >"$p_dir/now"
}
p_step() {
  p_sid=$1; p_secs=$2; shift 2
  if ! p_fence_holds; then p_note "$p_sid" ${batchCodes.fenced}; return ${batchCodes.fenced}; fi
  ${begun}{ ( p_self "$p_secs"; "$@" ); echo $? >"$p_dir/rc"; } 2>&1 </dev/null ${kept}| tail -c 65536 >"$p_dir/$p_sid.out"
  p_rc=; read -r p_rc <"$p_dir/rc"; case $p_rc in ''|*[!0-9]*) p_rc=1;; esac
  p_a=; p_b=; { read -r p_a p_c <"$p_dir/now"; read -r p_b <"$p_dir/late"; } 2>/dev/null; : 2>/dev/null >"$p_dir/now"
  if [ -n "$p_a" ] && [ "$p_a" = "$p_b" ]; then p_rc=${batchCodes.late}; fi
  ${ended}p_note "$p_sid" "$p_rc"; return "$p_rc"
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
 * `p_tell WORDS…` notes a framed line for who follows, on a line of its own; `p_copy` also notes what passes through it, as
 * it comes, of each step the beginning: dd(1) takes what there is at each read, and not more than it is told to.
 */
function tellWords(): Command {
  return sh`p_tell() { printf '\\n@%s %s\\n' "$p_nonce" "$*" >>"$p_dir/live"; } 2>/dev/null
p_copy() { dd bs=4096 count=${copiedReads} 2>/dev/null | tee -a "$p_dir/live" 2>/dev/null; cat; }
`;
}

/** At most 4 MiB of one step are noted, or as many writes of it. */
const copiedReads = 1024;
/** What is printed of a batch meanwhile: far below what is kept of its answer. */
const followedBytes = 1_048_576;

/**
 * Prints what is noted for who follows while the work goes on, several times a second, and by TERM the rest. It is a process
 * of its own, so that neither the work nor the answer waits for whoever reads it.
 */
export function followWork(): Command {
  return sh`(
trap 'p_last=yes' TERM; p_last=; p_seen=0
while :; do
  p_done=$p_last; p_size=$(wc -c <"$p_dir/live"); p_size=$((p_size))
  if [ "$p_size" -gt ${followedBytes} ]; then p_size=${followedBytes}; fi
  if [ "$p_size" -gt "$p_seen" ]; then tail -c "+$((p_seen+1))" "$p_dir/live" | head -c "$((p_size-p_seen))"; p_seen=$p_size; fi
  if [ -n "$p_done" ] || [ ! -e "$p_dir/open" ]; then break; fi
  { sleep 0.3 || sleep 1; } >/dev/null 2>&1 & wait "$!"
done
echo; rm -f "$p_dir/follows"
) 2>/dev/null </dev/null &
p_follow=$!`;
}

/** After the work: a second wait for what a signal has ended may never return, so then it is looked at. */
function endFollow(): Command {
  return sh`if [ "$?" -gt 128 ]; then p_follow_ends=; else p_follow_ends=yes; fi
kill -TERM "$p_follow" 2>/dev/null
if [ -n "$p_follow_ends" ]; then wait "$p_follow"; else
  p_n=0; while [ -e "$p_dir/follows" ] && [ "$p_n" -lt 10 ]; do sleep 1; p_n=$((p_n+1)); done
fi
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

/**
 * Ends the script with a frame `open ID` (exit 75) when steps run: asked before a lock is taken by who has no steps of its
 * own to make, since taking it would fence off what runs.
 */
export function refuseOpen(): Command {
  return sh`for p_a in "$p_state"/steps/*/open; do
  if p_works "$p_a"; then p_b=\${p_a%/open}; p_say open "\${p_b##*/}"; exit 75; fi
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

/**
 * `p_below PID` prints a process and all that descend from it: what it started through sudo or runuser may have a session
 * of its own. `p_end_step PID` ends them: TERM, five seconds, KILL; as root what we may not signal.
 */
function endWords(): Command {
  return sh`p_parents() {
  if [ ! -r /proc/self/stat ]; then ps -A -o pid= -o ppid=; return; fi
  for p_a in /proc/[0-9]*/stat; do
    { read -r p_b <"$p_a"; } 2>/dev/null || continue
    p_a=\${p_a#/proc/}; p_b=\${p_b##*) ? }; echo "\${p_a%/stat} \${p_b%% *}"
  done
}
p_below() {
  p_found=" $1 "; p_all=$(p_parents); p_more=yes
  while [ -n "$p_more" ]; do
    p_more=
    while read -r p_a p_b; do
      case $p_found in *" $p_a "*) ;; *" $p_b "*) p_found="$p_found$p_a "; p_more=yes;; esac
    done <<PORTOSER_ALL
$p_all
PORTOSER_ALL
  done
  for p_a in $p_found; do printf '%s ' "$p_a"; done
}
p_signal() { for p_a do if [ "$p_a" != "$1" ]; then kill "-$1" "$p_a" 2>/dev/null || p_root kill "-$1" "$p_a" 2>/dev/null; fi; done; }
p_alive() { for p_a do if kill -0 "$p_a" 2>/dev/null || ps -p "$p_a" >/dev/null 2>&1; then return; fi; done; return 1; }
p_end_step() {
  echo "$1" >"$p_dir/late"; p_tree=$(p_below "$1"); p_signal TERM $p_tree
  p_b=0; while [ "$p_b" -lt 5 ] && p_alive $p_tree; do sleep 1; p_b=$((p_b+1)); done
  for p_c in $p_tree; do p_tree="$p_tree $(p_below "$p_c")"; done; p_signal KILL $p_tree
}
`;
}

/** Renews the lock while the batch works; ends a step past its time limit, and the process group past that of all. */
export function watchdog(seconds: number): Command {
  return sh`(
trap '' TERM HUP; p_a=0; p_n=0; p_was=; p_since=0
${endWords()}while [ "$p_n" -lt ${seconds} ]; do
  sleep 1; p_n=$((p_n+1)); if [ ! -e "$p_dir/open" ]; then exit; fi
  p_now_pid=; p_now_limit=; { read -r p_now_pid p_now_limit <"$p_dir/now"; } 2>/dev/null
  if [ "$p_now_pid" != "$p_was" ]; then p_was=$p_now_pid; p_since=$p_n; fi
  if [ -n "$p_now_limit" ] && [ $((p_n-p_since)) -ge "$p_now_limit" ]; then p_end_step "$p_now_pid"; fi
  if [ $((p_n%20)) = 0 ] && p_fence_holds; then p_now=$(date +%s); p_write_line "$p_state/lock" "$(p_lock_line)"; fi
done
echo "time 124" >>"$p_dir/result"; if [ -n "$p_now_limit" ]; then p_end_step "$p_now_pid"; fi; rm -f "$p_dir/open"; kill -TERM 0; sleep 5; kill -KILL 0
) >/dev/null 2>&1 </dev/null &`;
}

/**
 * Waits for the work, or for the watchdog's signal that ends it, and says how it went. Not a second time: bash may then
 * wait for ever for what has ended already.
 */
export function answerWords(live = false): Command {
  return sh`trap : TERM
wait "$p_job"${live ? sh`\n${endFollow()}` : sh`; `}rm -f "$p_dir/open"
p_say results; cat "$p_dir/result"
while read -r p_a p_b; do
  if [ "$p_b" != 0 ]; then p_say output "$p_a"; tail -c 4096 "$p_dir/$p_a.out" 2>/dev/null; echo
  elif [ -s "$p_dir/$p_a.out" ]; then p_say output "$p_a"; tail -c 1024 "$p_dir/$p_a.out" 2>/dev/null; echo; fi
done <"$p_dir/result"
if [ -s "$p_dir/log" ]; then p_say log; tail -c 4096 "$p_dir/log"; echo; fi
p_say end`;
}
