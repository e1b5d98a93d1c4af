// A file for `docker compose --env-file` whose values come out exactly as they went in.

/** `${VAR}` in a compose file can only name these. */
const variable = /^[A-Za-z_]\w*$/;

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', $: '\\$', '\n': '\\n', '\r': '\\r' };

/**
 * One value. Between single quotes Compose changes nothing, but a backslash before the closing quote would hide it and
 * none can stand before a quote; between double quotes it undoes escapes and fills `$` (compose-go, dotenv/parser.go).
 * The older docker-compose 1 fills `${…}` between single quotes too; no way of writing stops it.
 */
function quoteValue(value: string): string {
  if (!/['\\\n\r]/.test(value)) return `'${value}'`;
  return `"${value.replaceAll(/[\\"$\n\r]/g, found => escapes[found] ?? found)}"`;
}

/** Lines sorted by name; names that no compose file can ask for are left out. */
export function envFileText(env: Readonly<Record<string, string>>): string {
  const names = Object.keys(env).filter(name => variable.test(name));
  return names
    .sort()
    .map(name => `${name}=${quoteValue(env[name] ?? '')}\n`)
    .join('');
}
