// What stands on a host, as text that is equal only when nothing was touched: files, units, containers, processes.
import { readFileSync } from 'node:fs';
import type { Host } from '../harness.js';

/** Folders whose every file counts: paths of services, our state folders, unit files. */
const places =
  '/opt /srv /var/lib/portoser /root/.local/state /home /etc/systemd/system /run/systemd/system /run/portoser';
/** Written by the services themselves, and by people who push from there. */
const notOurs = String.raw`-path '*/.portoser/log*' -o -name __pycache__ -o -path '*/.cache/*' -o -path '/opt/lab/*' -o -path '/opt/busybox/*'`;

/** Inode, mode, owner, size, times of content and of change, for everything that Portoser could have written. */
export async function filesOn(host: Host): Promise<string> {
  return await host.must(
    `for p in ${places}; do [ ! -e "$p" ] || find "$p" \\( ${notOurs} \\) -prune -o -printf '%p %i %m %u:%g %y %s %T@ %C@\\n'; done | sort`,
  );
}

/** All services of systemd with invocation and start, and all containers with start and end. */
export async function livesOn(host: Host): Promise<string> {
  const units = `systemctl list-units --type=service --all --plain --no-legend | awk '{print $1}' | grep -vE '^(systemd-|user@|user-runtime|session|ssh@|modprobe|initrd)' | sort |
    while read -r u; do echo "$u $(systemctl show -p ActiveState -p InvocationID -p ExecMainPID -p ExecMainStartTimestampMonotonic -- "$u" | sort | tr '\\n' ' ')"; done`;
  const containers = `if systemctl -q is-active docker; then docker ps -aq --no-trunc | sort | xargs -r docker inspect -f '{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.State.FinishedAt}} {{.RestartCount}}'; fi`;
  return await host.must(`${units}\n${containers}`);
}

/** Everything of one host. */
export async function evidenceOf(host: Host): Promise<{ readonly files: string; readonly lives: string }> {
  const [files, lives] = await Promise.all([filesOn(host), livesOn(host)]);
  return { files, lives };
}

/** How to find what a service started: its unit, its container, or the process that listens on its port. */
export type Kept = { readonly unit: string } | { readonly container: string } | { readonly listensOn: number };

/** When the kernel was started that all hosts of the lab share, in milliseconds since 1970. */
const bootedAt = Date.now() - Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000);

/**
 * When it was started, in milliseconds since 1970, to 10 ms; comparable between hosts. Two equal answers for a thing
 * that runs mean that it was not restarted. Throws when it does not run.
 */
export async function startedAt(host: Host, thing: Kept): Promise<number> {
  if ('container' in thing) {
    return Date.parse((await host.must(`docker inspect -f '{{.State.StartedAt}}' ${thing.container}`)).trim());
  }
  const pid =
    'unit' in thing
      ? `systemctl show -P MainPID ${thing.unit}`
      : `ss -Hltnp 'sport = :${thing.listensOn}' | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2`;
  // proc(5): field 22 is in clock ticks (10 ms) since boot
  const start = Number(await host.must(`p=$(${pid}); sed 's/.*) //' "/proc/$p/stat" | cut -d' ' -f20`));
  if (!start) throw new Error(`${JSON.stringify(thing)} does not run on ${host.name}`);
  return bootedAt + start * 10;
}
