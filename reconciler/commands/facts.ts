// Words that ask a machine about itself, and the reading of what it says. Shell builtins where a program is not needed: they cost nothing.
import { type Command, sh } from './command.js';

/** Prints one section `facts` of "name value…" lines. Linux from /proc (proc(5)); others from sysctl(8) and vm_stat(1). */
export function askFacts(): Command {
  return sh`p_say facts
echo "uname $(uname -snrm)"
echo "clock $(date +%s)"
echo "user $p_uid $(id -un) \${HOME:-/}"
if [ -d /run/systemd/system ]; then echo "manager systemd"
elif [ "$(uname -s)" = Darwin ]; then echo "manager launchd"
elif [ -r /etc/rc.subr ]; then echo "manager rc"
else echo "manager none"; fi
if command -v uv >/dev/null 2>&1; then echo "uv yes"; fi
if [ -r /proc/uptime ]; then
  read -r p_a p_b </proc/sys/kernel/random/boot_id && echo "boot $p_a"
  read -r p_a p_b </proc/uptime && echo "uptime $p_a"
  read -r p_a p_b </proc/loadavg && echo "load $p_a"
  while read -r p_a p_b p_c; do case $p_a in MemTotal:|MemAvailable:) echo "memory $p_a $p_b";; MemFree:) ;; *) break;; esac; done </proc/meminfo
  p_cpus=0; while read -r p_a p_b; do case $p_a in cpu) echo "cpu $p_b";; cpu*) p_cpus=$((p_cpus+1));; *) break;; esac; done </proc/stat
  echo "cpus $p_cpus"
  while read -r p_a p_b; do case $p_a in *:*) echo "net $p_a $p_b";; esac; done </proc/net/dev
  for p_a in /sys/class/thermal/thermal_zone*/temp; do if [ -r "$p_a" ] && read -r p_b <"$p_a"; then echo "temperature $p_b"; break; fi; done
else
  sysctl -n kern.boottime 2>/dev/null | sed -n 's/.*sec = \\([0-9]*\\).*/booted \\1/p'
  echo "boot $(sysctl -n kern.bootsessionuuid 2>/dev/null || sysctl -n kern.boot_id 2>/dev/null)"
  echo "load $(sysctl -n vm.loadavg 2>/dev/null | tr -d '{}' | sed 's/^ *//')"
  echo "cpus $(sysctl -n hw.ncpu 2>/dev/null)"
  echo "memory-bytes $(sysctl -n hw.memsize 2>/dev/null || sysctl -n hw.physmem 2>/dev/null)"
  vm_stat 2>/dev/null | sed -n 's/.*page size of \\([0-9]*\\) bytes.*/page-size \\1/p; s/^Pages free: *\\([0-9]*\\)\\..*/pages-free \\1/p; s/^Pages inactive: *\\([0-9]*\\)\\..*/pages-inactive \\1/p'
fi
p_say disks; df -P -k 2>/dev/null
p_say inodes; df -P -i 2>/dev/null
p_say listeners
if command -v ss >/dev/null 2>&1; then ss -Hltnp 2>/dev/null
elif command -v lsof >/dev/null 2>&1; then lsof -nP -iTCP -sTCP:LISTEN -F pcn 2>/dev/null
elif [ -r /proc/net/tcp ]; then cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
else netstat -an -p tcp 2>/dev/null; fi
`;
}
