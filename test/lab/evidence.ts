// What proves that something was left alone: start times, process numbers, ids, and the times and inodes of files.
import type { Host } from './host.js';

const quoted = (words: readonly string[]) => words.map(word => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');

function pairs(text: string): Record<string, string> {
  const lines = text.split('\n').filter(line => line !== '');
  return Object.fromEntries(lines.map(line => [line.split('\t')[0] ?? '', line.split('\t').slice(1).join(' ')]));
}

/** For each unit its state, start (µs since boot), main process and invocation: equal texts mean it was not restarted. */
export async function startTimes(host: Host, units: readonly string[], user?: string): Promise<Record<string, string>> {
  const ask = `systemctl ${user === undefined ? '' : `--user --machine=${user}@`} show`;
  const fields = '-p ActiveState -p ActiveEnterTimestampMonotonic -p MainPID -p InvocationID';
  const script = `for u in ${quoted(units)}; do printf '%s\\t' "$u"; ${ask} ${fields} -- "$u" | tr '\\n' ' '; echo; done`;
  return pairs(await host.must(script));
}

/** For each container (name or id) its id, image, state and start: equal texts mean it was neither restarted nor made anew. */
export async function containerStarts(host: Host, containers: readonly string[]): Promise<Record<string, string>> {
  const format = '{{.Id}} {{.Image}} {{.State.Status}} {{.State.StartedAt}}';
  const script = `for c in ${quoted(containers)}; do printf '%s\\t' "$c"; docker inspect -f '${format}' "$c" 2>/dev/null || echo absent; done`;
  return pairs(await host.must(script));
}

/** For each file its inode, mode, owner, size and time of change with nanoseconds, or `absent`. */
export async function fileTimes(host: Host, paths: readonly string[]): Promise<Record<string, string>> {
  const script = `for f in ${quoted(paths)}; do printf '%s\\t' "$f"; stat -c '%i %a %U:%G %s %y' "$f" 2>/dev/null || echo absent; done`;
  return pairs(await host.must(script));
}
