// What a person may say of a machine on the command line or by the API, as keys of the registry.
import type { Static } from 'typebox';
import type { EditFields, EditValue } from '../../core/edit.js';
import { choice, flag, integer, object, text, texts } from './shape.js';

export const machineFields = {
  host: text('IP or name; `local` is the controller’s own machine'),
  user: text('SSH user'),
  platform: choice(['linux', 'darwin', 'bsd'], 'Operating system'),
  port: integer('SSH port', 1, 65_535),
  sshKey: text('Private key on the controller'),
  jump: texts('Machines to go through, first hop first'),
  sudo: choice(['auto', 'never', 'always'], 'Where sudo is used'),
  arch: choice(['amd64', 'arm64', 'arm'], 'Processor'),
  description: text('For people'),
  tags: texts('Tags'),
  suspend: flag('Look, touch nothing'),
} as const;

const all = object(machineFields);
export type MachineWish = Static<typeof all>;

/** Keys of an entry; a null takes its key away. */
export type Entry = EditFields;

/** One member stands alone, several are a list. */
export const oneOrList = (values: readonly string[] | undefined): EditValue | undefined =>
  values?.length === 1 ? values[0] : values;

/** Without the members that were not said. */
export function saidOf(keys: Readonly<Record<string, EditValue | undefined>>): Record<string, EditValue> {
  return Object.fromEntries(
    Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

/** Keys as the registry writes them, in its usual order; what was not said is left out. */
export function machineEntry(wish: MachineWish): Entry {
  const { host, user, platform, port, sshKey, jump, sudo, arch, description, tags, suspend } = wish;
  const keys = {
    host,
    user,
    platform,
    port,
    ssh_key: sshKey,
    jump: oneOrList(jump),
    sudo,
    arch,
    description,
    tags,
    suspend,
  };
  return saidOf(keys);
}
