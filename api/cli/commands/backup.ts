// `portoser backup`: what git and the machines do not hold, in one file.
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { passphraseOptions, readPassphrase } from '../passphrase.js';
import { backedUpText } from '../render/backup.js';
import { respond } from '../respond.js';

export const backup = command({
  usage: '<file>',
  options: {
    ...passphraseOptions,
    yes: { type: 'boolean', short: 'y', summary: 'replace the file where it is there' },
  },
  notes:
    'Holds the database, settings, ids and keys of the state folder; encrypted where a passphrase is given. Works while `run` runs.',
  run: async call => {
    const file = oneWord(call, 'file');
    const passphrase = await readPassphrase(call.values['passphrase-file']);
    const { runBackup } = await import('../../../reconciler/main.js');
    const ask = { env: process.env, cwd: process.cwd() };
    const { settings, actor } = call;
    const wish = { ask, settings, actor, file, ...given(passphrase), yes: call.values.yes === true };
    const done = await runBackup(wish);
    return respond(call, done, () => backedUpText(done, 'saved'));
  },
});
