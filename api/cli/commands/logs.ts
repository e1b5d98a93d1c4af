// `portoser logs`
import { command, given } from '../command.js';
import { oneWord, wholeNumber } from '../one-word.js';
import { createPrefixer, prefixed } from '../prefix.js';
import { respond } from '../respond.js';

export const logs = command({
  usage: '<service>',
  options: {
    follow: { type: 'boolean', short: 'f', summary: 'go on as lines come' },
    since: { type: 'string', value: 'time', summary: 'from this time on: 10m, 2h, 2026-01-31T12:00:00Z' },
    lines: { type: 'string', short: 'n', value: 'number', summary: 'lines from the end (default: 100)' },
    machine: { type: 'string', value: 'name', summary: 'only on this machine' },
  },
  voice: () => undefined,
  run: async call => {
    const { follow, since, machine, lines: written } = call.values;
    const lines = written === undefined ? undefined : wholeNumber(written);
    const service = oneWord(call, 'service');
    const many = (await call.perform('service.show', { name: service })).length > 1 && machine === undefined;
    const whole = createPrefixer();
    const stop = call.subscribe(({ kind, key = '', text }) => {
      if (kind === 'output' && !call.json) call.terminal.raw(many ? whole.add(key, text) : text);
    });
    const texts = await call.perform('logs', { service, ...given({ follow, since, machine, lines }) });
    stop();
    if (follow && !call.json) return 0;
    return respond(call, texts, () =>
      texts
        .map(one => (many ? prefixed(one.key, one.text) : one.text))
        .join('')
        .trimEnd(),
    );
  },
});
