// `portoser restore`: brings a backup back, all of it or nothing.
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { passphraseOptions, readPassphrase } from '../passphrase.js';
import { backedUpText } from '../render/backup.js';
import { respond } from '../respond.js';

export const restore = command({
  usage: '<file>',
  options: {
    ...passphraseOptions,
    yes: { type: 'boolean', short: 'y', summary: 'replace what is there' },
  },
  notes:
    'Stop `portoser run` first. Nothing is done again by it: the next pass goes by git and what the machines show, as ever.',
  run: async call => {
    const file = oneWord(call, 'file');
    const passphrase = await readPassphrase(call.values['passphrase-file']);
    const { runRestore } = await import('../../../reconciler/main.js');
    const ask = { env: process.env, cwd: process.cwd() };
    const { settings, actor } = call;
    const wish = { ask, settings, actor, file, ...given(passphrase), yes: call.values.yes === true };
    const done = await runRestore(wish);
    return respond(call, done, () => backedUpText(done, 'restored'));
  },
});
