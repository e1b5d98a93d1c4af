// Which port a container listens on when the registry names the port of the machine.
import type { InnerService } from './docker-file.js';

interface Published {
  readonly host: string;
  readonly container: string;
}

/** Fills `$X`, `${X}`, `${X:-d}` and `${X-d}`; what is not known stays empty, as Compose has it. */
function fill(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?[^}]*\})/g, (_, plain, braced, byDefault) => {
    const name = String(plain ?? braced);
    const value = Object.hasOwn(env, name) ? (env[name] ?? '') : '';
    return value === '' && typeof byDefault === 'string' ? byDefault : value;
  });
}

const scalar = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** `[ip:][host:]container[/protocol]`, or the long form (compose-spec, services, ports). */
function readPort(entry: unknown, env: Readonly<Record<string, string>>): Published | undefined {
  if (typeof entry === 'object' && entry !== null) {
    const { published, target } = entry as { published?: unknown; target?: unknown };
    return { host: fill(scalar(published), env), container: fill(scalar(target), env) };
  }
  if (typeof entry !== 'string' && typeof entry !== 'number') return undefined;
  const parts = fill(String(entry), env)
    .replace(/\/\w+$/, '')
    .split(':');
  return { host: parts.length > 1 ? (parts.at(-2) ?? '') : '', container: parts.at(-1) ?? '' };
}

/**
 * What `PORT` must say inside the container: the container's side of the mapping of `port`. A process that obeyed the
 * machine's port there would listen where nothing is published. undefined: several are published and none is it.
 */
export function innerPort(
  port: number,
  mapping: readonly { readonly host: number; readonly container: number }[],
  inner: InnerService,
  env: Readonly<Record<string, string>>,
): string | undefined {
  if (mapping.length > 0) {
    const own = mapping.find(one => one.host === port) ?? (mapping.length === 1 ? mapping[0] : undefined);
    return own === undefined ? undefined : String(own.container);
  }
  const entries = Array.isArray(inner['ports']) ? (inner['ports'] as readonly unknown[]) : [];
  if (entries.length === 0) return String(port);
  const published = entries.flatMap(entry => readPort(entry, env) ?? []);
  const own = published.find(one => one.host === String(port)) ?? (published.length === 1 ? published[0] : undefined);
  return own !== undefined && /^\d+$/.test(own.container) ? own.container : undefined;
}
