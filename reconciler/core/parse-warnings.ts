// What a registry may say, but probably does not mean: `${VAR}`, secrets in plain text, keys that nothing acts on yet.
import type { Path } from '../../schema/validate.js';
import { isTextMap, type Layered } from './parse-entry.js';
import type { RegistryFiles } from './parse-files.js';
import type { Report } from './parse-report.js';
import type { PlacedSpec } from './parse-spec.js';
import { laterSections } from './parse-unsupported.js';

const dollar = /\$\{[A-Za-z_][A-Za-z0-9_]*/;
const forPeople = new Set(['description', 'vars']);

/** Strings of an entry with `${VAR}`, which nothing fills. A command that names a shell has it filled there. */
export function warnDollar(entry: Layered, report: Report): void {
  walk(entry.value, [], (text, path) => {
    const found = dollar.exec(text);
    if (found === null || forPeople.has(String(path[0])) || namesShell(entry, path)) return;
    const message = `\`${found[0]}}\` is kept as it is: only {{ NAME }} is filled`;
    report.at(entry.locate, [...entry.base, ...path], 'dollar-variable', message, {
      severity: 'warning',
      hint: 'write {{ NAME }}, and define NAME under `vars`',
    });
  });
}

function namesShell(entry: Layered, path: Path): boolean {
  const at = path.findIndex(step => step === 'command');
  if (at < 0) return false;
  const owner = at === 0 ? entry.value : entry.value[String(path[0])];
  const command = isTextMap(owner) ? owner['command'] : undefined;
  const text = Array.isArray(command) ? command.join(' ') : String(command);
  return /^(\S*\/)?(ba|da|z|k)?sh\s+-\w*c\b/.test(text);
}

function walk(value: unknown, path: Path, visit: (text: string, path: Path) => void): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) for (const [index, one] of value.entries()) walk(one, [...path, index], visit);
  else if (isTextMap(value))
    for (const [key, one] of Object.entries(value)) if (!key.startsWith('x-')) walk(one, [...path, key], visit);
}

const secretName =
  /(^|_)(PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|SECRET_KEY|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)$/i;
const secretValue =
  /-----BEGIN [A-Z ]*PRIVATE KEY|^(ghp|gho|github_pat|glpat|xox[abp]|sk|rk)[-_][A-Za-z0-9_-]{16,}$|^AKIA[0-9A-Z]{16}$|:\/\/[^/\s:@]+:[^/\s:@]+@/;

/** The value is never repeated in the message. */
export function warnSecrets({ spec, layered }: PlacedSpec, report: Report): void {
  for (const [name, value] of Object.entries(spec.env)) {
    const named = secretName.test(name) && value !== '' && !value.startsWith('/');
    if (!named && !secretValue.test(value)) continue;
    const hint = 'put it into an env_file that is not in the repository (vault_secrets will take it later)';
    report.at(
      layered.locate,
      [...layered.base, 'env', name],
      'secret-in-plain-text',
      `\`${name}\` looks like a secret, and stands in git`,
      { severity: 'warning', where: 'key', hint },
    );
  }
}

/** Each key of a service that keeps it from being applied. */
export function warnUnsupported({ spec, layered }: PlacedSpec, report: Report): void {
  for (const key of spec.unsupported) {
    const path = [...layered.base, ...key.split('.')];
    const message = `\`${key}\` is not supported yet: \`${spec.service}\` is not applied while it asks for that`;
    if (isWritten(layered, key))
      report.at(layered.locate, path, 'not-supported-yet', message, { severity: 'warning', where: 'key' });
  }
}

function isWritten(layered: Layered, key: string): boolean {
  const [first = '', second] = key.split('.');
  const value = layered.value[first];
  return second === undefined ? value !== undefined : isTextMap(value) && value[second] !== undefined;
}

export function warnSections(files: RegistryFiles, unsupportedPolicyKeys: readonly string[], report: Report): void {
  for (const name of laterSections) {
    const section = files.sections.get(name);
    if (section === undefined) continue;
    report.at(section.locate, [name], 'not-supported-yet', `\`${name}\` is not supported yet, and changes nothing`, {
      severity: 'warning',
      where: 'key',
    });
  }
  const policy = files.sections.get('policy');
  for (const key of policy === undefined ? [] : unsupportedPolicyKeys) {
    const message = `\`${key}\` is not supported yet: nothing is applied while it is asked for`;
    report.at(policy?.locate ?? files.main.locate, key.split('.'), 'not-supported-yet', message, {
      severity: 'warning',
      where: 'key',
    });
  }
}
