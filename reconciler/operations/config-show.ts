// Shows every setting, its value and where it comes from; secrets are masked.
import { settingEntry, settingNames } from '../../schema/settings.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

export interface ShownSetting {
  /** As in config.yml and on the command line, or the variable where there is no such name. */
  readonly name: string;
  /** Absent: not set, and there is no default. Secrets are `***`. */
  readonly value?: string;
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  readonly where: string;
}

const input = object({});

export const configShow: Operation<typeof input, readonly ShownSetting[]> = {
  name: 'config.show',
  summary: 'Each setting with its value and where it comes from',
  effect: 'reads',
  role: 'admin',
  bare: true,
  input,
  run: async ({ settings }) =>
    settingNames.map(name => {
      const entry = settingEntry(name);
      const { value, from, where } = settings[name];
      const shown = value === undefined ? {} : { value: mask(value, entry.secret === true) };
      return { name: entry.key ?? entry.env, ...shown, from, where };
    }),
};

/** An address may carry a password; a secret is never shown, not even its length. */
function mask(value: string, secret: boolean): string {
  return secret
    ? '***'
    : value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/i, (all, scheme: string) =>
        /:\/\/[^:]*@/.test(all) && /^(git\+)?ssh:/i.test(scheme) ? all : `${scheme}***@`,
      );
}
