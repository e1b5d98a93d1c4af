// Shows the host keys of a machine, and pins them in git once a person has compared the fingerprints.
import { AppError } from '../../schema/errors.js';
import { type Edited, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { updateEntry } from './parts/edits.js';
import { oneOrList, saidOf } from './parts/machine-fields.js';
import { needMachine, needRegistry } from './parts/names.js';
import { flag, object, text, texts } from './parts/shape.js';

const input = object(
  {
    name: text('Name of the machine'),
    replace: flag('Pin the new keys where others are pinned'),
    accept: texts('Fingerprints that a person compared: exactly these are pinned. Without it, keys are only shown'),
  },
  ['name'],
);

export interface Trust {
  readonly machine: string;
  readonly host: string;
  readonly keys: readonly { readonly key: string; readonly fingerprint: string }[];
  /** `changed`: other keys are pinned. */
  readonly state: 'new' | 'pinned' | 'changed';
  readonly edited?: Edited;
}

/** Type and blob; a comment says nothing about the key. */
const bare = (key: string): string => key.trim().split(/\s+/).slice(0, 2).join(' ');

function stateOf(shown: readonly string[], pinned: readonly string[]): Trust['state'] {
  if (pinned.length === 0) return 'new';
  const known = new Set(pinned.map(bare));
  return shown.every(key => known.has(bare(key))) ? 'pinned' : 'changed';
}

export const machineTrust: Operation<typeof input, Trust> = {
  name: 'machine.trust',
  summary: 'Pin the host key of a machine',
  effect: 'changes',
  changed: ({ edited }) => edited !== undefined,
  role: 'admin',
  input,
  run: async (context, { name, replace = false, accept }) => {
    const { ports } = context;
    const registry = needRegistry(await lying(context));
    const machine = needMachine(registry, name);
    if (machine.host === 'local') throw new AppError('usage', `${name} is this machine itself: there is no host key`);
    ports.shell.setMachines(registry.machines);
    const keys = await ports.shell.hostKeys(machine);
    const state = stateOf(
      keys.map(one => one.key),
      machine.hostKeys,
    );
    const shown = { machine: name, host: machine.host, keys, state };
    if (accept === undefined || state === 'pinned') return shown;
    refuseOthers(
      name,
      keys.map(one => one.fingerprint),
      accept,
      state === 'changed' && !replace,
    );
    const entry = saidOf({ host_key: oneOrList(keys.map(one => bare(one.key))) });
    const change = (editable: Parameters<typeof updateEntry>[0]) => updateEntry(editable, 'machines', name, entry);
    const edited = await editRegistry(ports, {
      kind: 'machine.trust',
      subject: `Trust the host key of ${name}`,
      change,
    });
    return { ...shown, state: 'pinned', edited };
  },
};

/** Only what a person looked at is pinned: between looking and saying yes, somebody may have come between. */
function refuseOthers(
  name: string,
  fingerprints: readonly string[],
  accept: readonly string[],
  needsReplace: boolean,
): void {
  if (needsReplace)
    throw new AppError(
      'ssh-host-key-changed',
      `another key is pinned for ${name}, which now shows ${fingerprints.join(', ')}`,
    );
  const others = fingerprints.filter(one => !accept.includes(one));
  if (others.length > 0)
    throw new AppError('ssh-host-key-unknown', `${name} shows ${others.join(', ')}, which nobody has accepted`);
}
