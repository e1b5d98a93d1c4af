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
 * `p_stage PATH MODE OWNER` reads base64 from its standard input and lays the file beside its target; `p_land` syncs what
 * was staged and renames it. `p_folder PATH OWNER` makes a folder and gives it away only when it made it.
 * `p_mine PATH OWNER` tells whether we may write there without root and would own what we write.
 */
export function fileWords(): Command {
  return sh`p_user=$(id -un); p_staged=
if command -v base64 >/dev/null 2>&1; then if base64 -d </dev/null >/dev/null 2>&1; then p_unbase64() { base64 -d; }; else p_unbase64() { base64 -D; }; fi
else p_unbase64() { openssl base64 -d; }; fi
p_mine() { if [ -w "$1" ]; then [ "$p_uid" = 0 ] || [ "$2" = "$p_user" ]; else false; fi; }
p_folder() {
  if [ -d "$1" ]; then return; fi
  p_up=\${1%/*}; if [ ! -d "\${p_up:-/}" ]; then p_folder "$p_up" "$2" || return; fi
  if p_mine "\${p_up:-/}" "$2"; then mkdir "$1" && { [ "$p_user" = "$2" ] || chown "$2" "$1"; }
  else p_root mkdir "$1" && p_root chown "$2" "$1"; fi
}
p_stage() {
  p_at=\${1%/*}; p_folder "$p_at" "$3" || return
  p_new=$p_at/.portoser-new.$p_id.\${1##*/}
  if p_mine "$p_at" "$3"; then
    rm -f "$p_new"; (umask 077; p_unbase64 >"$p_new") && chmod "$2" "$p_new" || return
    if [ "$p_user" != "$3" ]; then chown "$3" "$p_new" || return; fi
  else
    (umask 077; p_unbase64 >"$p_state/incoming/$p_id") && p_root install -m "$2" -o "$3" "$p_state/incoming/$p_id" "$p_new" || return
    rm -f "$p_state/incoming/$p_id"
  fi
  p_staged="$p_staged$p_new
$1
"
}
p_land() {
  if [ -z "$p_staged" ]; then return; fi
  set --; while IFS= read -r p_from; do if [ -n "$p_from" ] && IFS= read -r p_to; then set -- "$@" "$p_from"; fi; done <<PORTOSER_STAGED
$p_staged
PORTOSER_STAGED
  sync "$@" 2>/dev/null || sync
  while IFS= read -r p_from; do
    if [ -n "$p_from" ] && IFS= read -r p_to; then
      if [ -w "\${p_to%/*}" ]; then mv -f "$p_from" "$p_to" || return; else p_root mv -f "$p_from" "$p_to" || return; fi
    fi
  done <<PORTOSER_STAGED
$p_staged
PORTOSER_STAGED
  p_staged=
}
p_unlink() { if [ -w "\${1%/*}" ]; then rm -f "$1"; elif [ -e "$1" ] || [ ! -x "\${1%/*}" ]; then p_root rm -f "$1"; fi; }
`;
}

export function stage(file: PutFile): Command {
  return sh`p_stage ${file.path} ${file.mode.toString(8)} ${file.owner} ${document(file.path, file.bytes)}`;
}
