// `portoser token revoke`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { respond } from '../respond.js';

export const tokenRevoke = command({
  usage: '<id|name>',
  options: {},
  notes: 'It ends at once, also for a controller that runs.',
  run: async call => {
    const idOrName = oneWord(call, 'token');
    const { openTokens } = await import('../../../reconciler/main.js');
    const ended = await (await openTokens(call.settings, call.actor)).revoke(idOrName);
    return respond(call, ended, () => `The token ${ended.name} (${ended.id}) is revoked.`);
  },
});
