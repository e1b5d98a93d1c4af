// What running a placement needs, as named fields, and the one hash over them.
import { hash } from 'node:crypto';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { SourceFile } from '../../schema/state.js';

/** Names whose values are hashed before they go into a stamp, which anyone on the machine can read. */
const secretName = /(PASS|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE|_DSN|DATABASE_URL)/i;

function envValue(name: string, value: string): string {
  if (!secretName.test(name) && value.length <= 200) return value;
  return `sha256:${hash('sha256', `${name}\0${value}`).slice(0, 16)}`;
}

/**
 * Fields common to all drivers, nearly in name order (so that there is little to sort later), and the driver's own.
 * Descriptions, tags, health and policy are not among them: they restart nothing.
 */
export function fieldsOf(
  spec: ServiceSpec,
  source: readonly SourceFile[],
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  if (spec.command !== undefined) {
    fields.argv = JSON.stringify(spec.command);
    fields.command = spec.command.join(' ');
  }
  for (const [name, value] of Object.entries(spec.env)) fields[`env.${name}`] = envValue(name, value);
  if (spec.envFiles.length > 0) fields.env_file = spec.envFiles.join(', ');
  fields.path = spec.path;
  if (spec.port !== undefined) fields.port = String(spec.port);
  if (spec.type !== 'docker') fields.scope = spec.scope;
  fields.type = spec.type;
  if (spec.user !== undefined) fields.user = spec.user;
  for (const file of source) fields[`file:${file.path}`] = file.mode === 0o755 ? `${file.sha256}+x` : file.sha256;
  return Object.assign(fields, own);
}

/** SHA-256 over the fields in name order: the same words give the same fingerprint on every controller. */
export function fingerprintOf(fields: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name of Object.keys(fields).sort()) {
    const value = fields[name] ?? '';
    text += `${text === '' ? '' : '\0'}${name}\0${value.length}\0${value}`;
  }
  return hash('sha256', text);
}
