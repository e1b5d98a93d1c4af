// The text of a systemd unit and its environment file: exact words, kept alive (systemd.service(5), systemd.syntax(7)).

/** What a unit shall run, settled. */
export interface UnitWish {
  readonly service: string;
  readonly cluster?: string | undefined;
  readonly scope: 'system' | 'user';
  /** Absent: whoever's manager it is. */
  readonly user?: string;
  /** Absolute; the working directory. */
  readonly folder: string;
  /** First word: absolute, or a bare name that systemd looks up in its own fixed path. */
  readonly command: readonly string[];
  /** Absolute; a variable of a later file wins. What `environmentFileText` wrote comes last. */
  readonly envFiles: readonly string[];
  readonly stopTimeoutMs: number;
  readonly memoryBytes?: number | undefined;
  readonly cpus?: number | undefined;
  /** Name of its lines in the journal; absent: the program's. */
  readonly identifier?: string;
}

const suffixes = /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;

/** A unit's full name: `web` is `web.service`, `backup.timer` stays (systemctl(1) completes names in the same way). */
export function unitFileName(name: string): string {
  return name.includes('.') && suffixes.test(name) ? name : `${name}.service`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '%') return '%%';
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const toEscape = /["\\%\u0000-\u001f\u007f]/;
const everyToEscape = new RegExp(toEscape, 'g');

/** One word in double quotes with C escapes; `%` is doubled, because specifiers are filled after unquoting. */
function quoteUnitWord(word: string): string {
  return toEscape.test(word) ? `"${word.replaceAll(everyToEscape, escapeCharacter)}"` : `"${word}"`;
}

/** `ExecStart=` value: every word reaches the program as it is. `$` is doubled but in the program's path, where it means nothing. */
export function execWords(command: readonly string[]): string {
  let text = '';
  for (const word of command) {
    // Most words have no dollar in them, and looking is much cheaper than replacing.
    text +=
      text === '' ? quoteUnitWord(word) : ` ${quoteUnitWord(word.includes('$') ? word.replaceAll('$', '$$$$') : word)}`;
  }
  return text;
}

/** Values that systemd takes as they stand, without unquoting: only specifiers must be masked. */
const plain = (value: string): string =>
  /[%\r\n]/.test(value) ? value.replaceAll('%', '%%').replaceAll(/[\r\n]+/g, ' ') : value;

/** `EnvironmentFile=` takes glob patterns. */
const literalGlob = (path: string): string =>
  plain(/[*?[\\]/.test(path) ? path.replaceAll(/[*?[\\]/g, String.raw`\$&`) : path);

/** Milliseconds as systemd.time(7) reads them. */
const span = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

/** CPU share in whole percent, at least 1 (`CPUQuota=` takes no fraction below 1 % everywhere). */
const percent = (cpus: number): string => `${Math.max(1, Math.round(cpus * 100))}%`;

/**
 * `Type=exec` makes a missing program an error of the start (systemd older than 240 warns and takes `simple`).
 * `StartLimitIntervalSec=0`: a crash loop goes on once a second instead of ending for good, as a dependency may come back.
 * `SuccessExitStatus=143`: shells and uv say so when their child ended by TERM, as ours does when it is stopped.
 */
export function unitText(wish: UnitWish): string {
  const system = wish.scope === 'system';
  return `# Written by Portoser from registry.yml; what is edited here is undone.
[Unit]
Description=${plain(wish.service)} (Portoser)
X-Portoser-Service=${plain(wish.service)}
${line('X-Portoser-Cluster', wish.cluster, plain)}${line('After', system ? 'network.target' : undefined)}StartLimitIntervalSec=0

[Service]
Type=exec
${line('User', system ? wish.user : undefined, plain)}WorkingDirectory=${plain(wish.folder)}
${environmentFileLines(wish.envFiles)}ExecStart=${execWords(wish.command)}
Restart=always
RestartSec=1s
SuccessExitStatus=143
TimeoutStopSec=${span(wish.stopTimeoutMs)}
${line('MemoryMax', wish.memoryBytes)}${line('CPUQuota', wish.cpus, percent)}${line('SyslogIdentifier', wish.identifier, plain)}
[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}

function environmentFileLines(files: readonly string[]): string {
  let text = '';
  for (const file of files) text += line('EnvironmentFile', file, literalGlob);
  return text;
}

/** A setting's line, or nothing where nothing is set. */
function line<T extends string | number>(
  name: string,
  value: T | undefined,
  written: (value: T) => string = String,
): string {
  return value === undefined ? '' : `${name}=${written(value)}\n`;
}

/**
 * Text of an `EnvironmentFile=`, which unlike `Environment=` wins over the files before it and is not for everyone to read: within double quotes only `\`, `"`, `$` and the backquote are escaped, a line break
 * stands for itself (systemd.exec(5)).
 */
export function environmentFileText(env: Readonly<Record<string, string>>): string {
  let text = '# Written by Portoser from registry.yml; what is edited here is undone.\n';
  for (const [name, value] of Object.entries(env)) {
    // Most values have nothing to escape, and looking is much cheaper than replacing.
    text += `${name}="${/["\\$`]/.test(value) ? value.replaceAll(/["\\$`]/g, String.raw`\$&`) : value}"\n`;
  }
  return text;
}
