// What running a placement needs, as named fields, and the one hash over them.
import { createHash } from 'node:crypto';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { SourceFile } from '../../schema/state.js';

/** Names whose values are hashed before they go into a stamp, which anyone on the machine can read. */
const secretName = /(PASS|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE|_DSN|DATABASE_URL)/i;

function envValue(name: string, value: string): string {
  if (!secretName.test(name) && value.length <= 200) return value;
  return `sha256:${createHash('sha256').update(`${name}\0${value}`).digest('hex').slice(0, 16)}`;
}

const each = <T>(prefix: string, entries: readonly (readonly [string, T])[], value: (name: string, one: T) => string) =>
  entries.map(([name, one]) => [`${prefix}${name}`, value(name, one)] as const);

/** Fields common to all drivers, and the driver's own. Descriptions, tags, health and policy are not among them: they restart nothing. */
export function fieldsOf(
  spec: ServiceSpec,
  source: readonly SourceFile[],
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ['type', spec.type],
    ['path', spec.path],
    ...(spec.user === undefined ? [] : [['user', spec.user] as const]),
    ...(spec.type === 'docker' ? [] : [['scope', spec.scope] as const]),
    ...(spec.command === undefined
      ? []
      : [['command', spec.command.join(' ')] as const, ['argv', JSON.stringify(spec.command)] as const]),
    ...(spec.port === undefined ? [] : [['port', String(spec.port)] as const]),
    ...(spec.envFiles.length === 0 ? [] : [['env_file', spec.envFiles.join(', ')] as const]),
    ...each('env.', Object.entries(spec.env), envValue),
    ...each(
      'file:',
      source.map(file => [file.path, file] as const),
      (_, file) => (file.mode === 0o755 ? `${file.sha256}+x` : file.sha256),
    ),
    ...Object.entries(own),
  ]);
}

/** SHA-256 over the fields in name order: the same words give the same fingerprint on every controller. */
export function fingerprintOf(fields: Readonly<Record<string, string>>): string {
  const names = Object.keys(fields).sort();
  return createHash('sha256')
    .update(JSON.stringify(names.map(name => [name, fields[name]])))
    .digest('hex');
}
