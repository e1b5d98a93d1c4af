// One client that follows the log of a service: line by line, over the connection that the controller has to the machine.
import type { Engine } from '../../reconciler/engine.js';
import type { LogsTopic } from '../../schema/live-messages.js';
import type { Subscriber } from './connection.js';
import type { Write } from './shared.js';

const longestLine = 16 * 1024;

/** Whole lines out of texts as they come; a line without end is cut where it is too long. */
export function createLines(): { readonly add: (text: string) => readonly string[]; readonly end: () => string } {
  let open = '';
  return {
    add: text => {
      const lines = `${open}${text}`.split('\n');
      open = lines.pop() ?? '';
      while (open.length > longestLine) {
        lines.push(open.slice(0, longestLine));
        open = open.slice(longestLine);
      }
      return lines.map(line => line.replace(/\r$/, '').slice(0, longestLine));
    },
    end: () => open,
  };
}

/** Resolves when the log has come to its end; throws what `logs` throws. Ends with its subscriber, here and on the machine. */
export async function followLog(
  { perform }: Pick<Engine, 'perform'>,
  { service, machine, lines, since }: LogsTopic,
  to: Subscriber,
  write: Write,
): Promise<void> {
  const whole = new Map<string, ReturnType<typeof createLines>>();
  const send = (key: string, found: readonly string[]): void => {
    if (found.length > 0) to.send(write({ type: 'log', key, lines: found }));
  };
  const input = {
    service,
    follow: true,
    ...(machine === undefined ? {} : { machine }),
    ...(lines === undefined ? {} : { lines }),
    ...(since === undefined ? {} : { since }),
  };
  await perform('logs', input, { name: to.asker.name, by: 'api' }, to.signal, ({ kind, key = service, text }) => {
    if (kind !== 'output') return;
    const of = whole.get(key) ?? createLines();
    whole.set(key, of);
    send(key, of.add(text));
  });
  for (const [key, of] of whole) if (of.end() !== '') send(key, [of.end()]);
}
