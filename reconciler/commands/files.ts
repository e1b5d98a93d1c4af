// Words that put files on a machine: staged beside their target, synced, then all renamed at once; never half a file.
import { type Command, document, sh } from './command.js';

export interface PutFile {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  /** User that shall own it; `root` for system files. */
  readonly owner: string;
  readonly bytes: Uint8Array;
}

/**
 * `p_stage PATH MODE OWNER` reads base64 from its standard input and lays the file beside its target, under a name of its
 * own that is noted in `$p_dir/staged` before, so that the next batch can clear away what a crash left; `p_land` syncs what
 * was staged and renames it; `p_unstage BEFORE` takes back what was staged since `$p_staged` was BEFORE.
 * `p_folder PATH OWNER` makes a folder (or finds that somebody just made it) and gives it away only when it made it.
 * `p_mine PATH OWNER` tells whether we may write there without root and would own what we write. `p_hidden PATH` tells
 * that only root could say what is there.
 */
export function fileWords(): Command {
  return sh`p_user=$(id -un); p_staged=; p_count=0
if command -v base64 >/dev/null 2>&1; then if base64 -d </dev/null >/dev/null 2>&1; then p_unbase64() { base64 -d; }; else p_unbase64() { base64 -D; }; fi
else p_unbase64() { openssl base64 -d; }; fi
p_mine() { if [ -w "$1" ]; then [ "$p_uid" = 0 ] || [ "$2" = "$p_user" ]; else false; fi; }
p_folder() {
  if [ -d "$1" ]; then return; fi
  p_up=\${1%/*}; if [ ! -d "\${p_up:-/}" ]; then p_folder "$p_up" "$2" || return; fi
  p_up=\${1%/*}
  if p_mine "\${p_up:-/}" "$2"; then if mkdir "$1"; then [ "$p_user" = "$2" ] || chown "$2" "$1"; else [ -d "$1" ]; fi
  else p_root test -d "$1" || { p_root mkdir "$1" && p_root chown "$2" "$1"; }; fi
}
p_drop() { rm -f "$1" 2>/dev/null || p_root rm -f "$1" 2>/dev/null || :; }
p_stage() {
  if [ -d "$1" ]; then echo "$1 is a folder, and a file of that name shall stand there"; return 1; fi
  p_at=\${1%/*}; p_folder "$p_at" "$3" || return
  p_count=$((p_count+1)); p_new=$p_at/.portoser-new.$p_id.$p_count
  if [ -n "$p_dir" ]; then printf '%s\\n' "$p_new" >>"$p_dir/staged" || return; fi
  p_lay "$2" "$3"; p_r=$?
  if [ "$p_r" != 0 ]; then p_drop "$p_new"; return "$p_r"; fi
  p_staged="$p_staged$p_new
$1
"
}
p_lay() {
  if p_mine "$p_at" "$2"; then
    (umask 077; p_unbase64 >"$p_new") && chmod "$1" "$p_new" || return
    if [ "$p_user" != "$2" ]; then chown "$2" "$p_new"; fi
  else
    (umask 077; p_unbase64 >"$p_state/incoming/$p_id") && p_root install -m "$1" -o "$2" "$p_state/incoming/$p_id" "$p_new"; p_r=$?
    rm -f "$p_state/incoming/$p_id"; return "$p_r"
  fi
}
p_unstage() {
  p_rest=\${p_staged#"$1"}
  while IFS= read -r p_from; do if [ -n "$p_from" ] && IFS= read -r p_to; then p_drop "$p_from"; fi; done <<PORTOSER_STAGED
$p_rest
PORTOSER_STAGED
  p_staged=$1
}
p_land() {
  if [ -z "$p_staged" ]; then return; fi
  set --; while IFS= read -r p_from; do if [ -n "$p_from" ] && IFS= read -r p_to; then set -- "$@" "$p_from"; fi; done <<PORTOSER_STAGED
$p_staged
PORTOSER_STAGED
  sync "$@" 2>/dev/null || sync
  while IFS= read -r p_from; do
    if [ -n "$p_from" ] && IFS= read -r p_to; then
      if [ -w "\${p_to%/*}" ]; then mv -f "$p_from" "$p_to"; else p_root mv -f "$p_from" "$p_to"; fi || { p_r=$?; p_unstage ''; return "$p_r"; }
    fi
  done <<PORTOSER_STAGED
$p_staged
PORTOSER_STAGED
  p_staged=
}
p_unlink() {
  if [ -w "\${1%/*}" ]; then rm -f "$1"; elif [ -e "$1" ] || p_hidden "$1"; then p_root rm -f "$1"; fi
}
${hiddenWord()}`;
}

/** `p_hidden PATH`: a folder on the way to it is closed to us, so whether it is there cannot be seen without root. */
export function hiddenWord(): Command {
  return sh`p_hidden() {
  p_up=\${1%/*}; while [ -n "$p_up" ] && [ ! -e "$p_up" ]; do p_up=\${p_up%/*}; done
  [ -n "$p_up" ] && [ -d "$p_up" ] && [ ! -x "$p_up" ]
}
`;
}

export function stage(file: PutFile): Command {
  return sh`p_stage ${file.path} ${file.mode.toString(8)} ${file.owner} ${document(file.path, file.bytes)}`;
}
