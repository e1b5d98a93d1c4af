// Reads config.yml in the XDG config folder: a flat map with the names of the flags.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { didYouMean } from '../schema/closest.js';
import { AppError } from '../schema/errors.js';
import { systemWords } from '../schema/file-refusal.js';
import { settingEntry, settingNames } from '../schema/settings.js';

export type ConfigEntries = Readonly<Record<string, { readonly value: string; readonly where: string }>>;

const knownKeys = settingNames.flatMap(name => settingEntry(name).key ?? []);

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('settings-invalid', `${path} cannot be read: ${systemWords(cause) ?? 'unknown reason'}`, {
      cause,
      hint: 'Let this user read it, or take it away.',
    });
  }
}

/** No file is no settings. Throws `settings-invalid` with file and line for everything that is not a known key with a value. */
export function readConfigFile(path: string): ConfigEntries {
  const text = readText(path);
  if (text === undefined || text.trim() === '') return {};
  // Most machines have no config.yml: the parser is loaded by those alone that do.
  return parseConfig(createRequire(import.meta.url)('yaml') as typeof Yaml, text, path);
}

function parseConfig(yaml: typeof Yaml, text: string, path: string): ConfigEntries {
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines });
  const broken = document.errors[0];
  if (broken) throw refuse(`${path}:${lines.linePos(broken.pos[0]).line}`, firstSentence(broken.message));
  if (document.contents === null || (yaml.isScalar(document.contents) && document.contents.value === null)) return {};
  if (!yaml.isMap(document.contents)) throw refuse(path, 'must be a map of settings');
  const entries = document.contents.items.map(pair => {
    const key = yaml.isScalar(pair.key) ? String(pair.key.value).replaceAll('_', '-') : '';
    const at = yaml.isScalar(pair.key) && pair.key.range ? lines.linePos(pair.key.range[0]).line : 1;
    const where = `${path}:${at}`;
    if (!knownKeys.includes(key)) throw refuse(where, `\`${key}\` is no setting`, didYouMean(key, knownKeys));
    const value = yaml.isScalar(pair.value) ? pair.value.value : undefined;
    if (typeof value !== 'string' && typeof value !== 'number')
      throw refuse(where, `\`${key}\` needs a text as its value`);
    return [key, { value: String(value), where }] as const;
  });
  return Object.fromEntries(entries);
}

/** The parser adds the place, which we tell before, and the source. */
const firstSentence = (message: string): string => (message.split('\n')[0] ?? message).replace(/ at line \d+.*/, '');

/** `config show` cannot help here: it reads the same file. */
function refuse(where: string, message: string, hint = 'Correct that file.'): AppError {
  return new AppError('settings-invalid', `${where}: ${message}`, { hint });
}
