// Shell functions that every longer script of ours begins with: root, other users, Docker, hashes, file times, frames.
import { type Command, sh, text } from './command.js';

export interface PreludeSettings {
  /** Unguessable word that marks our lines in the output. */
  readonly nonce: string;
  readonly sudo: 'auto' | 'never' | 'always';
}

/** Exit code by which `p_root` says that the machine does not allow sudo (BSD sysexits EX_NOPERM). */
export const sudoRefusedCode = 77;

/**
 * `p_root WORDS…` runs as root: as it is when we are root, else by sudo; `p_as USER WORDS…` as that user, with that
 * user's home folder (`p_home_of USER` prints it); `p_docker WORDS…` the docker client, by sudo where the socket is
 * closed to us (`p_engine WORDS…`: any program that talks to Docker); `p_sha256 FILES…` prints "hash  name" lines;
 * `p_say WORDS…` prints one framed line; `p_write_line FILE TEXT` replaces a file of one line at once;
 * `p_refuse_state` ends the script because `$p_state` cannot be used, and tells the room left there; `p_born PID` sets
 * `$p_b` to a live process's start time (Linux: field 22 of /proc/PID/stat, proc(5); else what ps says), `p_lives PID`
 * also where /proc hides it from us; `p_note_works FILE PID` writes and `p_works FILE` reads who makes the steps that this
 * file (`steps/ID/open`) stands for, and tells whether it still does: pid and boot, and on a line of its own, which older
 * versions neither write nor read, its start, since pids come round again; `p_user_bus` lets `systemctl --user` find its
 * manager.
 */
export function prelude(settings: PreludeSettings): Command {
  return sh`p_nonce=${text(settings.nonce)}; p_sudo=${text(settings.sudo)}
p_say() { printf '@%s %s\\n' "$p_nonce" "$*"; }
if [ -r /proc/self/status ]; then p_uid=; while read -r p_a p_b p_c; do case $p_a in Uid:) p_uid=$p_b; break;; esac; done </proc/self/status; else p_uid=$(id -u); fi
p_root() {
  if [ "$p_uid" = 0 ]; then "$@"; return; fi
  if [ "$p_sudo" = never ]; then echo "portoser: root is needed, and the registry says sudo: never" >&2; return ${sudoRefusedCode}; fi
  if ! sudo -n true 2>/dev/null; then echo "portoser: sudo asks for a password" >&2; return ${sudoRefusedCode}; fi
  sudo -n -- "$@"
}
p_home_of() { case $1 in ''|-*|*[!A-Za-z0-9_.-]*) return 1;; esac; eval "printf '%s' ~$1"; }
p_as() {
  p_who=$1; shift
  if [ "$(id -un)" = "$p_who" ]; then "$@"; return; fi
  if [ "$p_uid" != 0 ]; then
    if [ "$p_sudo" = never ] || ! sudo -n true 2>/dev/null; then p_root true; return; fi
    sudo -n -H -u "$p_who" -- "$@"; return
  fi
  if command -v runuser >/dev/null 2>&1; then runuser -u "$p_who" -- env "HOME=$(p_home_of "$p_who")" "$@"; else sudo -n -H -u "$p_who" -- "$@"; fi
}
p_engine() {
  if [ "$p_uid" = 0 ] || [ -n "$DOCKER_HOST" ] || [ ! -S /var/run/docker.sock ] || [ -w /var/run/docker.sock ]; then "$@"; else p_root "$@"; fi
}
p_docker() { p_engine docker "$@"; }
p_sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum -- "$@"
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256 -- "$@"
  else for p_f do printf '%s  %s\\n' "$(sha256 -q "$p_f")" "$p_f"; done; fi
}
p_boot_id() { if [ -r /proc/sys/kernel/random/boot_id ]; then cat /proc/sys/kernel/random/boot_id; else sysctl -n kern.bootsessionuuid 2>/dev/null || sysctl -n kern.boottime; fi; }
p_write_line() { printf '%s\\n' "$2" >"$1.new.$$" && mv -f "$1.new.$$" "$1" || { rm -f "$1.new.$$"; return 1; }; }
p_fields() { p_state_letter=$1; p_group=$3; p_b=\${20}; }
p_born() {
  p_b=
  if [ -r /proc/self/stat ]; then
    p_l=; { read -r p_l <"/proc/$1/stat"; } 2>/dev/null || return 1
    p_fields \${p_l##*) }; [ "$p_state_letter" != Z ] && [ "$p_state_letter" != X ]; return
  fi
  p_b=$(ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' _); [ -n "$p_b" ] && case $(ps -o stat= -p "$1") in Z*) false ;; esac
}
p_lives() {
  if p_born "$1"; then return; fi
  [ -z "$p_b" ] && case $(kill -0 "$1" 2>&1 && echo there) in there|*ermitted*) ;; *) false ;; esac
}
p_note_works() { p_born "$2"; p_write_line "$1" "$2 $(p_boot_id)
$p_b"; }
p_works() {
  if [ ! -e "$1" ]; then return 1; fi
  p_works_pid=; p_works_boot=; p_works_start=; { { read -r p_works_pid p_works_boot; read -r p_works_start; } <"$1"; } 2>/dev/null
  case $p_works_pid in ''|0|*[!0-9]*) return 1 ;; esac
  [ "$p_works_boot" = "$(p_boot_id)" ] && p_lives "$p_works_pid" && { [ -z "$p_works_start" ] || [ -z "$p_b" ] || [ "$p_b" = "$p_works_start" ]; }
}
p_refuse_state() {
  p_say refused state "$p_state"; p_a=$p_state; while [ -n "$p_a" ] && [ ! -d "$p_a" ]; do p_a=\${p_a%/*}; done
  df -P -k "\${p_a:-/}" 2>/dev/null; df -P -i "\${p_a:-/}" 2>/dev/null; exit 73
}
p_user_bus() { XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR:-/run/user/$p_uid}; export XDG_RUNTIME_DIR; }
`;
}
