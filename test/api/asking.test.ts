// Commands that ask before they act: what a person is told, what a yes, a no and an empty chair mean, and what is then performed.
import { describe, expect, it } from 'vitest';
import type { AnyCommand, Call } from '../../api/cli/command.js';
import { serviceMove } from '../../api/cli/commands/service-move.js';

interface Seat {
  readonly words: readonly string[];
  readonly values?: object;
  readonly json?: boolean;
  /** What the person answers; absent: nobody sits there. */
  readonly says?: boolean;
  /** The operation's answer to its input. */
  readonly perform: (input: Readonly<Record<string, unknown>>) => unknown;
}

/** Runs the command with one person before it. */
async function sit(command: AnyCommand, { words, values = {}, json = false, says, perform }: Seat) {
  const heard = { out: '', err: '', asked: [] as string[], performed: [] as unknown[] };
  const call = {
    words,
    values,
    json,
    signal: new AbortController().signal,
    terminal: {
      out: (text: string) => void (heard.out += text),
      err: (text: string) => void (heard.err += text),
      canAsk: says !== undefined,
      colours: false,
      ask: async (question: string) => {
        heard.asked.push(question);
        return says === true;
      },
    },
    perform: async (_: string, input: Readonly<Record<string, unknown>>) => {
      heard.performed.push(input);
      return perform(input);
    },
  } as unknown as Call<never>;
  return { code: await command.run(call), ...heard };
}

const edited = {
  commit: '0123456789abcdef',
  unchanged: false,
  files: [{ path: 'registry.yml', line: 7, removed: ['    machine: m1'], added: ['    machine: m2'] }],
};

describe('service move', () => {
  const web = { service: 'web', from: 'm1', to: 'm2', stateful: false, edited };
  const db = { service: 'db', from: 'm1', to: 'm2', stateful: true };
  const move = (input: Readonly<Record<string, unknown>>) => (input['accept'] === true ? { ...db, edited } : db);

  it('commits, and says what will happen', async () => {
    const sat = await sit(serviceMove, { words: ['web', 'm2'], says: false, perform: () => web });
    expect(sat).toMatchObject({ code: 0, asked: [], performed: [{ service: 'web', machine: 'm2' }] });
    expect(sat.out).toContain('+     machine: m2\nCommitted as 0123456789ab.');
    expect(sat.out).toContain('started on m2, and stopped on m1 once it is healthy there');
  });

  it('tells before it commits that what holds data would be blocked', async () => {
    const sat = await sit(serviceMove, { words: ['db', 'm2'], values: { from: 'm1' }, says: true, perform: move });
    expect(sat.asked).toEqual(['Commit it all the same?']);
    expect(sat.err).toMatch(/db is stateful.* not supported yet.* m1 runs on there, nothing is started on m2/);
    expect(sat.performed).toEqual([
      { service: 'db', machine: 'm2', from: 'm1' },
      { service: 'db', machine: 'm2', from: 'm1', accept: true },
    ]);
    expect([sat.code, sat.out.includes('Committed')]).toEqual([0, true]);
  });

  it('changes nothing after a no', async () => {
    const sat = await sit(serviceMove, { words: ['db', 'm2'], says: false, perform: move });
    expect([sat.code, sat.out, sat.performed.length]).toEqual([1, 'Nothing was changed.', 1]);
  });

  it.each([
    ['where nobody sits', {}],
    ['in JSON', { json: true, says: true }],
  ])('%s it is refused, and --yes says it', async (_, more) => {
    const seat = { words: ['db', 'm2'], perform: move, ...more };
    await expect(sit(serviceMove, seat)).rejects.toMatchObject({
      code: 'not-supported',
      hint: 'Say --yes to commit it all the same.',
    });
    const sat = await sit(serviceMove, { ...seat, values: { yes: true } });
    expect(sat).toMatchObject({ code: 0, performed: [{ service: 'db', machine: 'm2', accept: true }] });
  });

  it.each([
    [[], 'the name of the service is missing'],
    [['web'], 'the name of the machine is missing'],
    [['web', 'm2', 'm3'], '`m3` is not understood here'],
  ])('%j is no line of it', async (words, message) => {
    await expect(sit(serviceMove, { words, perform: () => web })).rejects.toMatchObject({ code: 'usage', message });
  });
});
