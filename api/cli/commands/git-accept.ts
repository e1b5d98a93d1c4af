// `portoser git accept`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { respond } from '../respond.js';

export const gitAccept = command({
  usage: '<commit>',
  options: {},
  run: async call => {
    const accepted = await call.perform('git.accept', { commit: oneWord(call, 'commit') });
    const doubt = accepted.needless
      ? '\nNothing was held here: say --repo with the address that the controller uses, if that is another one.'
      : '';
    return respond(call, accepted, () => `Commit ${accepted.commit.slice(0, 12)} is followed from now on.${doubt}`);
  },
});
