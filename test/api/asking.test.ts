// Commands that ask before they act: what a person is told, what a yes, a no and an empty chair mean, and what is then performed.
import { describe, expect, it } from 'vitest';
import type { AnyCommand, Call } from '../../api/cli/command.js';
import { adopt } from '../../api/cli/commands/adopt.js';
import { historyList } from '../../api/cli/commands/history-list.js';
import { machineForget } from '../../api/cli/commands/machine-forget.js';
import { serviceMove } from '../../api/cli/commands/service-move.js';
import type { OutputOf } from '../../reconciler/engine.js';

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
  const web = { service: 'web', from: 'm1', to: 'm2', stateful: false, copies: false, edited };
  const db = { service: 'db', from: 'm1', to: 'm2', stateful: true, copies: false };
  const move = (input: Readonly<Record<string, unknown>>) => (input['accept'] === true ? { ...db, edited } : db);

  it('commits, and says what will happen', async () => {
    const sat = await sit(serviceMove, { words: ['web', 'm2'], says: false, perform: () => web });
    expect(sat).toMatchObject({ code: 0, asked: [], performed: [{ service: 'web', machine: 'm2' }] });
    expect(sat.out).toContain('+     machine: m2\nCommitted as 0123456789ab.');
    expect(sat.out).toContain('started on m2, and stopped on m1 once it is healthy there');
  });

  it('tells before it commits that data would stay behind, and what else one could do', async () => {
    const sat = await sit(serviceMove, { words: ['db', 'm2'], values: { from: 'm1' }, says: true, perform: move });
    expect(sat.asked).toEqual(['Commit it all the same?']);
    expect(sat.err).toMatch(/db is stateful.* its data stay on m1, .* waits for `portoser approve`.* `data: copy`/);
    expect(sat.performed).toEqual([
      { service: 'db', machine: 'm2', from: 'm1' },
      { service: 'db', machine: 'm2', from: 'm1', accept: true },
    ]);
    expect([sat.code, sat.out.includes('Committed')]).toEqual([0, true]);
  });

  it('what takes its data along is committed unasked', async () => {
    const perform = () => ({ ...db, copies: true, edited });
    const sat = await sit(serviceMove, { words: ['db', 'm2'], says: false, perform });
    expect(sat).toMatchObject({ code: 0, asked: [] });
    expect(sat.out).toContain('its data are copied to m2 and compared, and only then it starts there');
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
      code: 'move-blocked',
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

describe('machine forget', () => {
  type Forgetting = OutputOf<'machine.forget'>;
  const left: Forgetting = {
    machine: 'm1',
    host: '10.0.0.1',
    user: 'admin',
    does: 'remove',
    folder: '/var/lib/portoser/clusters/home',
    services: [
      { service: 'db', run: 'running', path: '/opt/db', project: 'db', pids: [5] },
      { service: 'api', run: 'stopped', path: '/opt/api', unit: 'portoser-api.service', pids: [] },
      { service: 'job', run: 'running', path: '/opt/job', pids: [4711] },
    ],
  };
  const unreached: Forgetting = { ...left, does: 'drop', why: 'it cannot be reached: no route', services: [] };
  const doing =
    (one: Forgetting, done: NonNullable<Forgetting['done']>) => (input: Readonly<Record<string, unknown>>) =>
      input['accept'] === undefined ? one : { ...one, done };

  it('shows what goes and what runs on, asks, and does what was shown', async () => {
    const sat = await sit(machineForget, { words: ['m1'], says: true, perform: doing(left, 'removed') });
    expect(sat).toMatchObject({
      code: 0,
      asked: ['Forget m1?'],
      performed: [{ name: 'm1' }, { name: 'm1', accept: 'remove' }],
    });
    expect(sat.err.split('\n')).toEqual([
      'On m1 (admin@10.0.0.1) our state folder goes: /var/lib/portoser/clusters/home (stamps, lock, steps, identity).',
      '3 services stay as they are, with their folders, units, containers and data; nobody of ours looks after them any more:',
      'SERVICE  NOW      PATH      FOUND AS',
      'db       running  /opt/db   Compose project db',
      'api      stopped  /opt/api  unit portoser-api.service',
      'job      running  /opt/job  process 4711; nothing restarts it',
    ]);
    expect(sat.out).toBe('m1 is forgotten: /var/lib/portoser/clusters/home is gone there.');
  });

  it('tells that there is more than it can name', async () => {
    const perform = doing({ ...left, services: [], unreadableStamps: 1 }, 'removed');
    expect((await sit(machineForget, { words: ['m1'], perform })).err).toContain('1 stamp there cannot be read');
  });

  it('does nothing after a no', async () => {
    const sat = await sit(machineForget, { words: ['m1'], says: false, perform: doing(left, 'removed') });
    expect([sat.code, sat.out, sat.performed]).toEqual([1, 'Nothing was changed.', [{ name: 'm1' }]]);
  });

  it('says clearly when it is only dropped', async () => {
    const sat = await sit(machineForget, {
      words: ['m1'],
      values: { yes: true },
      says: false,
      perform: doing(unreached, 'nothing'),
    });
    expect([sat.code, sat.asked, sat.performed.at(-1)]).toEqual([0, [], { name: 'm1', accept: 'drop' }]);
    expect(sat.err).toContain(
      'only dropped from our list, and nothing is touched there: it cannot be reached: no route.',
    );
    expect(sat.out).toBe('m1 is forgotten: it is dropped from our list. Nothing was removed there.');
  });

  it('tells how the empty folder goes that is root’s', async () => {
    const sat = await sit(machineForget, { words: ['m1'], perform: doing(left, 'emptied') });
    expect(sat.out).toContain('`rmdir /var/lib/portoser/clusters/home`');
  });

  it('answers in JSON without a question', async () => {
    const sat = await sit(machineForget, { words: ['m1'], json: true, says: false, perform: doing(left, 'removed') });
    expect([sat.asked, sat.err, JSON.parse(sat.out)]).toEqual([[], '', { ...left, done: 'removed' }]);
  });
});

describe('adopt', () => {
  const thing = { service: 'web', what: 'project', name: 'web', path: '/opt/web', notes: ['db has no container'] };
  const shown = {
    machine: 'm1',
    things: [{ ...thing, entry: { type: 'docker', machine: 'm1', path: '/opt/web', ports: [80] } }],
    refused: [
      { what: 'container', name: 'loose\u001b[2J', why: 'it was not made by Docker Compose' },
      { what: 'unit', name: 'nginx.service', why: 'it belongs to the system', system: true },
    ],
  };
  const doing = (taken: readonly object[]) => (input: Readonly<Record<string, unknown>>) =>
    input['accept'] === undefined ? shown : { ...shown, done: { edited, taken } };
  const ours = [{ key: 'web@m1' }];

  it('shows what, asks, and takes over just that', async () => {
    const sat = await sit(adopt, {
      words: ['m1'],
      values: { only: ['web,site', 'api'] },
      says: true,
      perform: doing(ours),
    });
    const only = ['web', 'site', 'api'];
    expect(sat.performed).toEqual([
      { machine: 'm1', only },
      { machine: 'm1', only, accept: ['web'] },
    ]);
    expect([sat.code, sat.asked]).toEqual([0, ['Take over 1 on m1?']]);
    expect(sat.err).toContain(
      'web (Compose project web)\n    type: docker, machine: m1, path: /opt/web, ports: [80]\n    db has no container',
    );
    expect(sat.err).toContain('Left alone:\n  container loose\uFFFD[2J: it was not made by Docker Compose');
    expect(sat.err).toContain('Of the system: nginx.service');
    expect(sat.out).toContain('Committed as 0123456789ab.\nweb@m1 is taken over as it runs.');
  });

  it.each([
    ['with --dry-run', { values: { 'dry-run': true, yes: true }, says: true }],
    ['where nobody sits', {}],
    ['in JSON', { json: true, says: true }],
  ])('only shows it %s', async (_, seat) => {
    const sat = await sit(adopt, { words: ['m1'], perform: doing(ours), ...seat });
    expect([sat.code, sat.asked, sat.performed]).toEqual([2, [], [{ machine: 'm1' }]]);
    expect(sat.out).toContain('web');
  });

  it('does nothing after a no, or where there is nothing', async () => {
    const sat = await sit(adopt, { words: ['m1'], says: false, perform: doing(ours) });
    expect([sat.code, sat.out, sat.performed.length]).toEqual([1, 'Nothing was changed.', 1]);
    const empty = await sit(adopt, { words: ['m1'], values: { yes: true }, perform: () => ({ ...shown, things: [] }) });
    expect([empty.code, empty.performed.length]).toEqual([0, 1]);
    expect(empty.out).toContain('Nothing on m1 is to be taken over.');
  });

  it('says what was not taken over, and what the next pass changes all the same', async () => {
    const error = { code: 'machine-lock', message: 'm1 is locked', hint: '', retry: 'backoff' };
    const taken = [
      { key: 'web@m1', error },
      { key: 'api@m1', changes: 'env.A changed in git' },
    ];
    const sat = await sit(adopt, { words: ['m1'], values: { yes: true }, perform: doing(taken) });
    expect(sat.code).toBe(1);
    expect(sat.out).toContain('web@m1 was not taken over: m1 is locked. It stands in the registry; run it again.');
    expect(sat.out).toContain('api@m1 is taken over; the next pass changes it: env.A changed in git');
  });
});

describe('history list', () => {
  const known = [{ service: 'web', name: 'm1' }];
  const perform = (input: object) => (Object.keys(input).length > 0 ? [] : known);

  it.each([
    ['wbe', {}, 'No deployments.\nThe registry names no service `wbe`: did you mean `web`?'],
    ['web@nope', {}, 'No deployments.\nThe registry names no machine `nope`: known are: m1.'],
    ['web', { machine: 'nope' }, 'No deployments.\nThe registry names no machine `nope`: known are: m1.'],
    ['web', { machine: 'm1' }, 'No deployments.'],
    ['web@m1', {}, 'No deployments.'],
  ])('of %s %j says whether such a thing is known', async (word, values, out) => {
    expect(await sit(historyList, { words: [word], values, perform })).toMatchObject({ code: 0, out });
  });

  it('says no more where there is no registry to compare with', async () => {
    const without = (input: object) => {
      if (Object.keys(input).length === 0) throw new Error('there is none');
      return [];
    };
    expect(await sit(historyList, { words: ['wbe'], perform: without })).toMatchObject({
      code: 0,
      out: 'No deployments.',
    });
  });
});
