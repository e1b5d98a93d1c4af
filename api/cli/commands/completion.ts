// `portoser completion`: a script for the shell, made from the table of commands.
import { didYouMean } from '../../../schema/closest.js';
import { AppError } from '../../../schema/errors.js';
import { command } from '../command.js';
import { type CompletionEntry, scripts } from '../completion-scripts.js';
import { globalOptions } from '../globals.js';
import { oneWord } from '../one-word.js';
import { words } from '../words.js';

async function entries(): Promise<readonly CompletionEntry[]> {
  const now = words.flatMap(one => (one.load ? [{ ...one, load: one.load }] : []));
  return await Promise.all(
    now.map(async one => {
      const loaded = await one.load();
      const options = Object.entries({ ...loaded.options, ...globalOptions });
      return { words: one.words, summary: one.summary, options: options.map(([name]) => `--${name}`) };
    }),
  );
}

export const completion = command({
  usage: '<bash|zsh|fish>',
  options: {},
  notes: `bash: source <(portoser completion bash)
zsh:  source <(portoser completion zsh)
fish: portoser completion fish | source`,
  verbatim: true,
  run: async call => {
    const shell = oneWord(call, 'shell');
    const script = Object.entries(scripts).find(([name]) => name === shell)?.[1];
    if (script === undefined)
      throw new AppError('usage', `there is no completion for \`${shell}\``, {
        hint: didYouMean(shell, Object.keys(scripts)) ?? 'There is bash, zsh and fish.',
      });
    call.terminal.out(script(await entries()));
    return 0;
  },
});
