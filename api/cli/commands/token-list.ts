// `portoser token list`
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { tokensText } from '../render/token.js';
import { respond } from '../respond.js';

export const tokenList = command({
  usage: '',
  options: {},
  run: async call => {
    noWords(call);
    const { openTokens } = await import('../../../reconciler/main.js');
    const book = await openTokens(call.settings);
    const tokens = await book.list();
    return respond(call, tokens, () => tokensText(tokens, book.folder, Date.now()));
  },
});
