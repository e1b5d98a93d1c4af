// `portoser demo`: a whole small cluster in this process; nothing stays behind.
import { command } from '../command.js';
import { noWords } from '../one-word.js';

export const demo = command({
  usage: '',
  options: { once: { type: 'boolean', summary: 'stop as soon as everything is up' } },
  interrupted: () => 0,
  run: async call => {
    noWords(call);
    const { runDemo } = await import('../../../reconciler/main.js');
    return await runDemo({
      program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
      signal: call.signal,
      out: line => call.terminal.out(line),
      once: call.values.once === true,
    });
  },
});
