// `portoser machine trust`: shows the fingerprints, asks, and pins the keys in git.
import { AppError } from '../../../schema/errors.js';
import type { OutputOf } from '../../../reconciler/engine.js';
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

type Trust = OutputOf<'machine.trust'>;

const shownText = (trust: Trust): string =>
  [
    `${trust.machine} (${trust.host}) shows:`,
    ...trust.keys.map(one => `  ${one.fingerprint} ${one.key.split(' ')[0] ?? ''}`),
  ].join('\n');

export const machineTrust = command({
  usage: '<machine>',
  options: {
    replace: { type: 'boolean', summary: 'pin the new key where another one is pinned' },
    yes: { type: 'boolean', short: 'y', summary: 'do not ask' },
  },
  notes: 'Compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine itself.',
  run: async call => {
    const name = oneWord(call, 'machine');
    const { replace, yes } = call.values;
    const trust = await call.perform('machine.trust', { name });
    if (trust.state === 'pinned') return respond(call, trust, () => `${shownText(trust)}\nThis is what is pinned.`);
    if (trust.state === 'changed' && !replace)
      throw new AppError('ssh-host-key-changed', `${shownText(trust)}\nAnother key is pinned.`);
    if (!call.json) call.terminal.err(shownText(trust));
    if (!yes && !call.terminal.canAsk)
      throw new AppError('ssh-host-key-unknown', `nobody is here to compare the fingerprints of ${name}`, {
        hint: 'Compare them, then say --yes.',
      });
    if (!yes && !(await call.terminal.ask('Is this the machine? Pin the key?', call.signal))) {
      return respond(call, trust, () => 'Nothing was pinned.', 1);
    }
    const accept = trust.keys.map(one => one.fingerprint);
    const done = await call.perform('machine.trust', { name, accept, ...given({ replace }) });
    const text = (): string =>
      done.edited === undefined ? 'Pinned already.' : editedText(done.edited, createPaint(call.terminal.colours));
    return respond(call, done, text);
  },
});
