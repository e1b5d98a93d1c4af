// Options that every command takes: where to look, and how to answer.
import { type Flags, type SettingName, settingEntry, settingNames } from '../../schema/settings.js';
import type { Options } from './command.js';

/** `--listen` belongs to `run` alone. */
const everywhere = settingNames.filter(name => settingEntry(name).key !== undefined && name !== 'listen');

export const settingOptions: Options = Object.fromEntries(
  everywhere.map(name => {
    const entry = settingEntry(name);
    return [entry.key ?? name, { type: 'string', value: entry.placeholder, summary: entry.summary } as const];
  }),
);

export const answerOptions: Options = {
  json: { type: 'boolean', summary: 'answer as JSON' },
  'no-color': { type: 'boolean', summary: 'no colours (also NO_COLOR)' },
  help: { type: 'boolean', short: 'h', summary: 'this text' },
  version: { type: 'boolean', summary: 'the version of this program' },
};

export const globalOptions: Options = { ...settingOptions, ...answerOptions };

/** Picks the settings out of what was written; names that a command uses for itself are left out. */
export function flagsOf(values: Readonly<Record<string, unknown>>, own: Options): Flags {
  const pairs = settingNames.flatMap((name): (readonly [SettingName, string])[] => {
    const key = settingEntry(name).key;
    const value = key === undefined || (key in own && key !== 'listen') ? undefined : values[key];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return Object.fromEntries(pairs);
}
