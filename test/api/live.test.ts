// The WebSockets over real connections: who is let in, what one may follow, what comes of it, and how it ends.
import fc from 'fast-check';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { allows, roles } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';
import type { RunTold, Told } from '../../schema/live.js';
import { closeCodes, liveLimits, liveProtocol, subscribeSchema, topicNames } from '../../schema/live-messages.js';
import { until } from '../scenarios/until.js';
import { anEvent, type LiveWorld, openLiveWorld, refusal } from './live-world.js';

let world: LiveWorld;
beforeEach(async () => {
  world = await openLiveWorld();
});
afterEach(() => world.close());

const bearer = (role: string) => ({ authorization: `Bearer ${role}` });

describe('who is let in', () => {
  it('has a token, in the header or among the protocols, never in the address', async () => {
    const { port } = world;
    expect(await refusal(port, {})).toBe(401);
    expect(await refusal(port, {}, [], '/ws?token=viewer')).toBe(401);
    expect(await refusal(port, bearer('nobody'))).toBe(401);
    expect(await refusal(port, bearer('viewer'))).toBe(101);
    expect(await refusal(port, {}, [liveProtocol, 'bearer.viewer'])).toBe(101);
    expect(await refusal(port, {}, [liveProtocol, 'bearer.nobody'])).toBe(401);
    expect(await refusal(port, {}, [liveProtocol])).toBe(401);
  });

  it('is told the protocol, and not the token', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${world.port}/ws`, [liveProtocol, 'bearer.viewer']);
    await once(socket, 'open');
    expect(socket.protocol).toBe(liveProtocol);
    socket.terminate();
  });

  it('comes from no other page', async () => {
    const from = (origin: string) => refusal(world.port, { ...bearer('viewer'), origin });
    expect(await from('https://evil.example')).toBe(403);
    expect(await from('null')).toBe(403);
    expect(await from(`http://127.0.0.1:${world.port}`)).toBe(101);
    expect(await from(`https://127.0.0.1:${world.port}`)).toBe(101);
  });

  it('without tokens: is this machine, under its own names', async () => {
    const open = await openLiveWorld({ auth: 'none' });
    expect(await refusal(open.port, {})).toBe(101);
    expect(await refusal(open.port, { host: 'evil.example' })).toBe(403);
    expect(await refusal(open.port, { origin: 'https://evil.example' })).toBe(403);
    expect(await refusal(open.port, { origin: `http://localhost:${open.port}` })).toBe(403);
    await open.close();
  });

  it('asks as a WebSocket does; a token among protocols opens nothing else', async () => {
    const plain = await fetch(`http://127.0.0.1:${world.port}/ws`, { headers: bearer('viewer') });
    expect([plain.status, ((await plain.json()) as { code: string }).code]).toEqual([400, 'request-invalid']);
    const other = await fetch(`http://127.0.0.1:${world.port}/api/status`, {
      headers: { 'sec-websocket-protocol': 'bearer.viewer' },
    });
    expect(other.status).toBe(401);
    expect(await refusal(world.port, bearer('viewer'), [], '/api/metrics/ws?machin=m1')).toBe(400);
  });

  it('is one of not too many', async () => {
    const few = await openLiveWorld({ limits: { connections: 1 } });
    const first = await few.open();
    expect((await (await few.open()).closed).code).toBe(closeCodes.full);
    first.socket.close();
    await first.closed;
    const third = await few.open();
    third.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await third.has(1, 'subscribed');
    await few.close();
  });
});

describe('many of one token', () => {
  it('leave room for others', async () => {
    const few = await openLiveWorld({ limits: { connections: 3, connectionsOfToken: 2 } });
    const [first, second] = [await few.open(), await few.open('viewer', '/api/metrics/ws')];
    const closed = { code: closeCodes.tokenFull, reason: 'too many follow with this token already' };
    expect(await (await few.open()).closed).toEqual(closed);
    expect(await (await few.open('viewer', '/api/metrics/ws')).closed).toEqual(closed);
    const other = await few.open('admin');
    other.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await other.has(1, 'subscribed');
    second.socket.close();
    await second.closed;
    for (const client of [first, await few.open()]) {
      client.say({ type: 'subscribe', topic: 'status', id: 'a' });
      await client.has(1, 'subscribed');
    }
    await few.close();
  });

  it('are as many as may be where none is needed', async () => {
    const open = await openLiveWorld({ auth: 'none', limits: { connectionsOfToken: 1 } });
    for (const client of [await open.open(undefined), await open.open(undefined)]) {
      client.say({ type: 'subscribe', topic: 'status', id: 'a' });
      await client.has(1, 'subscribed');
      expect(client.of('error')).toEqual([]);
    }
    await open.close();
  });
});

const asks: Readonly<Record<string, object>> = {
  events: {},
  run: {},
  deployment: { deployment: 'd1' },
  logs: { service: 'web' },
  status: {},
};

const planned: Told = {
  kind: 'run.planned',
  run: 'r1',
  at: 1,
  trigger: 'commit',
  actor: { name: 'portoser', by: 'loop' },
  plan: 'p1',
  changes: [
    { key: 'web@m1', deployment: 'd1', kind: 'create', because: 'it is missing', wave: 0 },
    { key: 'api@m1', deployment: 'd2', kind: 'create', because: 'it is missing', wave: 1 },
  ],
};

describe.each(roles)('a topic that needs the role %s', needed => {
  it.each(topicNames)('%s is followed by whoever may, and by nobody else', async topic => {
    const strict = await openLiveWorld({ role: needed });
    strict.tell(planned);
    for (const role of roles) {
      const client = await strict.open(role);
      client.say({ type: 'subscribe', topic, id: 'a', ...asks[topic] });
      await client.has(1, allows(role, needed) ? 'subscribed' : 'error');
      const codes = client.of('error').map(one => (one['problem'] as { code: string }).code);
      expect(codes.includes('role-missing')).toBe(!allows(role, needed));
      client.socket.close();
    }
    const performed = strict.performed.map(([name, , actor]) => [name, (actor as { name: string }).name]);
    const refused = roles.filter(role => !allows(role, needed)).map(role => `a-${role}`);
    expect(performed.filter(([, name]) => refused.includes(name ?? ''))).toEqual([]);
    await strict.close();
  });

  it('measurements are followed by whoever may', async () => {
    const strict = await openLiveWorld({ role: needed });
    strict.newest.push({ machine: 'm1', at: 1, values: {} });
    for (const role of roles) {
      const client = await strict.open(role, '/api/metrics/ws');
      await client.has(1, allows(role, needed) ? 'sample' : 'error');
      expect(client.told).toHaveLength(1);
    }
    await strict.close();
  });
});

describe('events', () => {
  const ids = (client: Awaited<ReturnType<LiveWorld['open']>>) =>
    client.of('event').map(one => (one as unknown as { event: { id: string } }).event.id);
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => anEvent(`e${from + index}`));
  const happen = (...events: readonly ReturnType<typeof anEvent>[]) => {
    world.history.kept.push(...events);
    world.tell(...events.map(event => ({ kind: 'event', event }) as const));
  };

  it('come from an id on, then as they happen, each once and in order', async () => {
    happen(...numbered(1, 1234));
    const client = await world.open();
    // Some are kept, and told, while the older ones are still read.
    let more = 1235;
    world.history.before = async () => {
      if (more < 1300) happen(...numbered(more, (more += 10) - 1));
    };
    client.say({ type: 'subscribe', topic: 'events', id: 'a', after: 'e7' });
    await client.has(1, 'caught-up');
    world.history.before = async () => undefined;
    happen(...numbered(more, more + 20));
    await client.has(more + 20 - 7, 'event');
    expect(ids(client)).toEqual(numbered(8, more + 20).map(one => one.id));
    expect(client.of('history')).toEqual([{ id: 'a', type: 'history', kept: true }]);
  });

  it('that others kept come too, and those that are kept late only once', async () => {
    const client = await world.open();
    happen(anEvent('e1'));
    client.say({ type: 'subscribe', topic: 'events', id: 'a' });
    await client.has(1, 'history');
    // Told, and kept behind one that a command wrote meanwhile.
    world.tell({ kind: 'event', event: anEvent('own') });
    world.history.kept.push(anEvent('foreign'), anEvent('own'));
    await client.has(2, 'event');
    happen(anEvent('last'));
    await client.has(3, 'event');
    expect(ids(client)).toEqual(['foreign', 'own', 'last']);
  });

  it('are live only, and said to be, while history is away; nothing comes twice when it is back', async () => {
    const client = await world.open();
    world.history.away = true;
    client.say({ type: 'subscribe', topic: 'events', id: 'a', after: 'e1' });
    await client.has(1, 'history');
    expect(client.of('history')[0]).toMatchObject({ kept: false, why: 'the database is away' });
    happen(anEvent('e2'), anEvent('e3'));
    await client.has(2, 'event');
    world.history.away = false;
    happen(anEvent('e4'));
    await client.when(() => client.of('history').some(one => one['kept'] === true));
    happen(anEvent('e5'));
    await client.has(4, 'event');
    expect(ids(client)).toEqual(['e2', 'e3', 'e4', 'e5']);
  });

  it('are only those of a service or machine that were asked for', async () => {
    happen(anEvent('e1'), anEvent('e2', { key: 'api@m1' }));
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'events', id: 'a', after: 'e1', service: 'web', machine: 'm1' });
    await client.has(1, 'caught-up');
    happen(anEvent('e3', { key: 'web@m2', machine: 'm2' }), anEvent('e4', { key: 'api@m1' }), anEvent('e5'));
    await client.has(1, 'event');
    expect(ids(client)).toEqual(['e5']);
  });

  it('after one that is not kept cannot be had', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'events', id: 'a', after: 'gone' });
    await client.has(1, 'error');
    expect(client.of('error')[0]).toMatchObject({ id: 'a', problem: { code: 'unknown-name' } });
  });

  it('are asked of history once for all who follow, and not at all for nobody', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => world.open()));
    for (const one of clients) one.say({ type: 'subscribe', topic: 'events', id: 'a' });
    await Promise.all(clients.map(one => one.has(1, 'history')));
    const before = world.history.asked;
    happen(anEvent('e1'));
    await Promise.all(clients.map(one => one.has(1, 'event')));
    expect(world.history.asked - before).toBeLessThan(10);
    for (const one of clients) one.say({ type: 'unsubscribe', id: 'a' });
    await Promise.all(clients.map(one => one.has(1, 'ended')));
    const after = world.history.asked;
    happen(anEvent('e2'));
    clients[0]?.say({ type: 'subscribe', topic: 'status', id: 'b' });
    await clients[0]?.has(2, 'subscribed');
    expect(world.history.asked).toBe(after);
  });
});

const step = { run: 'r1', at: 2, machine: 'm1', of: [{ key: 'web@m1', deployment: 'd1' }] } as const;
const ofWeb: readonly RunTold[] = [
  { kind: 'deployment.told', run: 'r1', at: 2, key: 'web@m1', deployment: 'd1', text: 'creating' },
  { kind: 'step.begun', ...step, what: 'start it' },
  { kind: 'step.line', ...step, text: 'pulling' },
  { kind: 'step.ended', ...step, what: 'start it', result: 'done' },
  { kind: 'deployment.ended', run: 'r1', at: 3, key: 'web@m1', deployment: 'd1', result: 'applied' },
];
const ofApi: readonly RunTold[] = [
  { kind: 'deployment.ended', run: 'r1', at: 4, key: 'api@m1', deployment: 'd2', result: 'skipped', why: 'x' },
];
const over: RunTold = { kind: 'run.ended', run: 'r1', at: 5, next: { next: 'settled' } };
const kinds = (client: Awaited<ReturnType<LiveWorld['open']>>) =>
  client.of('run').map(one => (one as unknown as { told: RunTold }).told.kind);

describe('runs', () => {
  it('are followed as they go, from their beginning, and end', async () => {
    const early = await world.open();
    early.say({ type: 'subscribe', topic: 'run', id: 'all' });
    await early.has(1, 'subscribed');
    world.tell(planned, ...ofWeb.slice(0, 2));
    await early.has(3, 'run');
    const late = await world.open();
    late.say({ type: 'subscribe', topic: 'run', id: 'one', run: 'r1' });
    await late.has(3, 'run');
    world.tell(...ofWeb.slice(2), ...ofApi, over);
    await late.has(1, 'ended');
    await early.has(8, 'run');
    expect(kinds(late)).toEqual([planned, ...ofWeb, ...ofApi, over].map(one => one.kind));
    expect(kinds(early)).toEqual(kinds(late));
    expect(early.of('ended')).toEqual([]);
  });

  it('of a single change tell only of that one, and end with it', async () => {
    world.tell(planned);
    const client = await world.open();
    await until('it is under way', async () => {
      const answers = client.of('run').length + client.of('error').length;
      client.say({ type: 'subscribe', topic: 'deployment', id: 'd', deployment: 'd1' });
      await client.when(() => client.of('run').length + client.of('error').length > answers);
      return client.of('run').length > 0;
    });
    world.tell(...ofApi, ...ofWeb, over);
    await client.has(1, 'ended');
    expect(kinds(client).filter(kind => kind !== 'run.planned')).toEqual(ofWeb.map(one => one.kind));
  });

  it('that are not under way cannot be followed', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'run', id: 'a', run: 'nothing' });
    await client.has(1, 'error');
    expect(client.of('error')[0]).toMatchObject({ problem: { code: 'unknown-name' } });
  });

  it('of which too much was told are remembered without their oldest lines', async () => {
    const line = 'x'.repeat(4000);
    const lines = Array.from({ length: 200 }, (_, index): RunTold => ({
      kind: 'step.line',
      ...step,
      text: `${index} ${line}`,
    }));
    world.tell(planned, ...lines);
    const client = await world.open();
    await until('it is known', async () => {
      const answers = client.of('run').length + client.of('error').length;
      client.say({ type: 'subscribe', topic: 'run', id: 'a', run: 'r1' });
      await client.when(() => client.of('run').length + client.of('error').length > answers);
      return client.of('run').length > 0;
    });
    await client.when(() => JSON.stringify(client.told.at(-1)).includes('199 xxx'));
    const told = client.of('run');
    expect(kinds(client)[0]).toBe('run.planned');
    expect(told.length).toBeLessThan(80);
  });
});

it('many who follow are told the same in the same order, each under its own name', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => world.open()));
  for (const [at, one] of clients.entries()) {
    one.say({ type: 'subscribe', topic: 'run', id: `r${at % 3}` });
    one.say({ type: 'subscribe', topic: 'events', id: `e${at % 3}` });
  }
  await Promise.all(clients.map(one => one.has(1, 'history')));
  for (let at = 0; at < 20; at += 1) {
    const event = anEvent(`e${at}`);
    world.history.kept.push(event);
    world.tell({ kind: 'step.line', ...step, text: `line ${at}` }, { kind: 'event', event });
  }
  await Promise.all(clients.map(async one => [await one.has(20, 'run'), await one.has(20, 'event')]));
  for (const [at, one] of clients.entries()) {
    const lines = one.of('run').map(({ id, told }) => [id, (told as { readonly text: string }).text]);
    expect(lines).toEqual(Array.from({ length: 20 }, (_, line) => [`r${at % 3}`, `line ${line}`]));
    const events = one.of('event').map(({ id, event }) => [id, (event as { readonly id: string }).id]);
    expect(events).toEqual(Array.from({ length: 20 }, (_, event) => [`e${at % 3}`, `e${event}`]));
  }
});

describe('logs', () => {
  it('come line by line, and end here and there when they are taken back', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'logs', id: 'a', service: 'web', lines: 5 });
    await until('it is followed', () => world.logs.length === 1);
    const [log] = world.logs;
    expect(log?.input).toEqual({ service: 'web', follow: true, lines: 5 });
    log?.tell('one\ntwo\nhal');
    log?.tell('f\r\n');
    await client.has(2, 'log');
    expect(client.of('log')).toEqual([
      { id: 'a', type: 'log', key: 'web@m1', lines: ['one', 'two'] },
      { id: 'a', type: 'log', key: 'web@m1', lines: ['half'] },
    ]);
    client.say({ type: 'unsubscribe', id: 'a' });
    await client.has(1, 'ended');
    expect(log?.signal.aborted).toBe(true);
    expect(client.of('error')).toEqual([]);
  });

  it('end when the client goes', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'logs', id: 'a', service: 'web' });
    await until('it is followed', () => world.logs.length === 1);
    client.socket.terminate();
    await until('it has ended', () => world.logs[0]?.signal.aborted === true);
    expect(world.faults).toEqual([]);
  });

  it('end by themselves with what was the last line', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'logs', id: 'a', service: 'web' });
    await until('it is followed', () => world.logs.length === 1);
    world.logs[0]?.tell('no end');
    world.logs[0]?.end();
    await client.has(1, 'ended');
    expect(client.types()).toEqual(['subscribed', 'log', 'ended']);
  });
});

describe('how it stands', () => {
  it('is told with each change, and first as the controller noted it last', async () => {
    const status = { pid: 1, since: 1, git: { result: 'ok' } };
    const transition = {
      id: 't1',
      at: 1,
      key: 'web@m1',
      machine: 'm1',
      from: 'healthy',
      to: 'unhealthy',
      lastedMs: 5,
      found: 'refused',
      planned: false,
    } as const;
    const early = await world.open();
    early.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await early.has(1, 'subscribed');
    world.tell({ kind: 'controller', status }, { kind: 'transition', transition });
    await early.has(1, 'health');
    const late = await world.open();
    late.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await late.has(1, 'controller');
    expect(early.told.slice(1)).toEqual([
      { id: 'a', type: 'controller', status },
      { id: 'a', type: 'health', transition },
    ]);
  });
});

describe('measurements', () => {
  const sample = (machine: string, at: number): Told => ({
    kind: 'samples',
    measurement: { machine, at, values: { cpu_ratio: 0.5 } },
  });

  it('come as they are measured, the last of each first', async () => {
    world.newest.push({ machine: 'm1', at: 1, values: {} }, { machine: 'm2', at: 9, values: {} });
    world.tell(sample('m1', 5), sample('m2', 5));
    const client = await world.open('viewer', '/api/metrics/ws');
    await client.has(2, 'sample');
    world.tell(sample('m1', 6));
    const seen = () =>
      client.of('sample').map(one => {
        const { machine, at } = (one as unknown as { measurement: { machine: string; at: number } }).measurement;
        return `${machine} ${at}`;
      });
    await client.when(() => seen().at(-1) === 'm1 6');
    expect(seen()).toContain('m2 9');
    expect(
      seen()
        .slice(0, 2)
        .map(one => one.slice(0, 2))
        .toSorted(),
    ).toEqual(['m1', 'm2']);
  });

  it('are of one machine when that is asked for, and come without history too', async () => {
    world.history.away = true;
    const client = await world.open('viewer', '/api/metrics/ws?machine=m2');
    await client.has(1, 'history');
    expect(client.of('history')[0]).toMatchObject({ kept: false });
    world.tell(sample('m1', 1), sample('m2', 1));
    await client.has(1, 'sample');
    expect(client.of('sample')).toMatchObject([{ measurement: { machine: 'm2' } }]);
    client.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await client.has(1, 'error');
  });
});

describe('what a client says', () => {
  it.each([
    ['no JSON', '{', 'JSON'],
    ['no object', '[]', 'no object'],
    ['nothing that there is', '{"type":"deploy"}', 'subscribe or unsubscribe'],
    ['a topic that there is not', '{"type":"subscribe","id":"a","topic":"secrets"}', 'topic is one of events'],
    ['a member too many', '{"type":"subscribe","id":"a","topic":"status","since":1}', 'additional properties: since'],
    ['a member too few', '{"type":"subscribe","id":"a","topic":"logs"}', "required property 'service'"],
    ['a name that is none', '{"type":"subscribe","id":"a b","topic":"status"}', 'id must match'],
    ['__proto__', '{"type":"subscribe","id":"a","topic":"status","__proto__":{}}', 'additional properties'],
    ['a name of nothing', '{"type":"unsubscribe","id":"x"}', 'follow nothing as x'],
  ])('%s is answered with what is wrong', async (_, text, detail) => {
    const client = await world.open();
    client.say(text);
    await client.has(1, 'error');
    const [{ problem }] = client.of('error') as unknown as [{ problem: { detail: string; code: string } }];
    expect(problem.detail).toContain(detail);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    expect(world.faults).toEqual([]);
  });

  it('is text', async () => {
    const client = await world.open();
    client.socket.send(Buffer.from('{}'));
    await client.has(1, 'error');
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('is short', async () => {
    const client = await world.open();
    client.say('x'.repeat(liveLimits.messageBytes + 1));
    expect((await client.closed).code).toBe(closeCodes.tooBig);
  });

  it('is not said too often', async () => {
    const client = await world.open();
    for (let count = 0; count <= liveLimits.messages; count += 1) client.say('{}');
    expect(await client.closed).toEqual({ code: closeCodes.tooMany, reason: 'too many messages' });
  });

  it('names each subscription once, and not too many', async () => {
    const client = await world.open();
    for (let count = 0; count < liveLimits.subscriptions; count += 1)
      client.say({ type: 'subscribe', topic: 'status', id: `a${count}` });
    await client.has(liveLimits.subscriptions, 'subscribed');
    client.say({ type: 'subscribe', topic: 'status', id: 'a0' });
    client.say({ type: 'subscribe', topic: 'status', id: 'more' });
    await client.has(2, 'error');
    expect(client.of('error')).toMatchObject([
      { id: 'a0', problem: { code: 'request-invalid' } },
      { id: 'more', problem: { code: 'live-limit' } },
    ]);
    client.say({ type: 'unsubscribe', id: 'a0' });
    client.say({ type: 'subscribe', topic: 'status', id: 'more' });
    await client.has(liveLimits.subscriptions + 1, 'subscribed');
  });

  const member = (schema: { readonly type?: string; readonly const?: unknown }) => {
    if (schema.const !== undefined) return fc.constant<unknown>(schema.const);
    return schema.type === 'integer'
      ? (fc.integer({ min: -5, max: 1100 }) as fc.Arbitrary<unknown>)
      : fc.oneof<fc.Arbitrary<unknown>[]>(
          fc.string({ maxLength: 70 }),
          fc.constantFrom('a', 'web', 'web@m1', '__proto__', ''),
          fc.anything({ maxDepth: 1 }),
        );
  };
  const messages = topicNames.map(topic => {
    const { properties, required } = subscribeSchema(topic);
    const members = Object.entries(properties).map(([key, schema]) => [key, member(schema)] as const);
    return fc.record<Record<string, unknown>>(Object.fromEntries(members) as never, {
      requiredKeys: required,
    });
  });

  it('can be anything: it is followed or refused, and nothing breaks', async () => {
    const open = await openLiveWorld({ limits: { messages: 1e9, subscriptions: 1e9 } });
    const client = await open.open();
    let said = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(...messages, fc.anything() as fc.Arbitrary<never>, fc.string() as fc.Arbitrary<never>),
        fc.boolean(),
        async (value, whole) => {
          const text = JSON.stringify(value) ?? 'undefined';
          client.told.length = 0;
          client.say(whole ? text : text.slice(0, -1));
          said += 1;
          // What is asked afterwards is answered afterwards.
          client.say({ type: 'unsubscribe', id: `probe-${said}` });
          await client.when(() => client.told.some(one => one.id === `probe-${said}`));
          expect(client.socket.readyState).toBe(WebSocket.OPEN);
        },
      ),
      { numRuns: 300 },
    );
    expect(open.faults).toEqual([]);
    await open.close();
  });
});

describe('how it ends', () => {
  it('with 1001 for all when the controller stops, and no new ones', async () => {
    const clients = await Promise.all([world.open(), world.open(), world.open('viewer', '/api/metrics/ws')]);
    clients[0]?.say({ type: 'subscribe', topic: 'logs', id: 'a', service: 'web' });
    await until('it is followed', () => world.logs.length === 1);
    await world.server.close();
    for (const one of clients)
      expect(await one.closed).toEqual({ code: 1001, reason: 'the controller is being stopped' });
    expect(world.logs[0]?.signal.aborted).toBe(true);
    expect(world.followers.size).toBe(0);
  });

  it('when its token is revoked or has expired', async () => {
    const quick = await openLiveWorld({ limits: { tokenMs: 10 } });
    const [revoked, expired, stays] = [
      await quick.open('viewer'),
      await quick.open('operator'),
      await quick.open('admin'),
    ];
    quick.tokens.delete('viewer');
    const ended = { code: closeCodes.tokenEnded, reason: 'the token has ended' };
    expect(await revoked.closed).toEqual(ended);
    const operator = quick.tokens.get('operator');
    if (operator !== undefined) quick.tokens.set('operator', { ...operator, expiresAt: 1 });
    expect(await expired.closed).toEqual(ended);
    stays.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await stays.has(1, 'subscribed');
    await quick.close();
  });

  it('and nothing more is followed with a token that has ended a moment ago', async () => {
    const client = await world.open();
    world.tokens.delete('viewer');
    client.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await client.has(1, 'error');
    expect(client.of('error')[0]).toMatchObject({ problem: { code: 'token-missing' } });
  });

  it('when it does not answer, or follows nothing for long', async () => {
    const quick = await openLiveWorld({ limits: { pingMs: 300, idleMs: 900, leaveMs: 10 } });
    const idle = await quick.open();
    expect(await idle.closed).toEqual({ code: closeCodes.idle, reason: 'it follows nothing' });
    const busy = await quick.open();
    busy.say({ type: 'subscribe', topic: 'status', id: 'a' });
    await busy.has(1, 'subscribed');
    let pings = 0;
    busy.socket.on('ping', () => (pings += 1));
    await until('it was asked for longer than one may be idle', () => pings > 4);
    expect(busy.socket.readyState).toBe(WebSocket.OPEN);
    busy.socket.pause();
    // It reads neither pings nor the reason.
    await until('it is gone', () => quick.server.websocketServer.clients.size === 0);
    await quick.close();
  });

  it('when it reads too slowly, whatever is told; memory stays bounded, and others are told all', async () => {
    const slow = await world.open();
    const other = await world.open();
    for (const one of [slow, other]) one.say({ type: 'subscribe', topic: 'run', id: 'a' });
    await Promise.all([slow.has(1, 'subscribed'), other.has(1, 'subscribed')]);
    slow.socket.pause();
    const clients = [...world.server.websocketServer.clients];
    const text = 'x'.repeat(4000);
    let most = 0;
    let told = 0;
    await until('it was dropped', () => {
      for (let count = 0; count < 100; count += 1)
        world.tell({ kind: 'step.line', ...step, text: `${(told += 1)} ${text}` });
      most = Math.max(most, ...clients.map(one => one.bufferedAmount));
      return world.server.websocketServer.clients.size === 1;
    });
    expect(most).toBeLessThan(3 * liveLimits.waitingBytes);
    await other.has(told, 'run');
    expect(world.faults).toEqual([]);
    slow.socket.resume();
    expect([closeCodes.slow, 1006]).toContain((await slow.closed).code);
  });

  it('when too much is told in one moment, too, of which nothing was written yet', async () => {
    const client = await world.open();
    client.say({ type: 'subscribe', topic: 'run', id: 'a' });
    await client.has(1, 'subscribed');
    const text = 'x'.repeat(4000);
    const count = Math.ceil((2 * liveLimits.waitingBytes) / text.length);
    world.tell(...Array.from({ length: count }, () => ({ kind: 'step.line', ...step, text }) as const));
    expect((await client.closed).code).toBe(closeCodes.slow);
    const got = client.of('run').length;
    expect(got).toBeGreaterThan(0);
    expect(got * text.length).toBeLessThan(1.1 * liveLimits.waitingBytes);
  });

  it('for those with the most waiting when too much waits for all together', async () => {
    const tight = await openLiveWorld({ limits: { waitingBytesOfAll: 300_000, leaveMs: 10 } });
    const clients = await Promise.all(Array.from({ length: 5 }, () => tight.open()));
    for (const one of clients) {
      one.say({ type: 'subscribe', topic: 'run', id: 'a' });
      await one.has(1, 'subscribed');
      one.socket.pause();
    }
    const text = 'x'.repeat(4000);
    await until('some were dropped', () => {
      for (let count = 0; count < 50; count += 1) tight.tell({ kind: 'step.line', ...step, text });
      return tight.server.websocketServer.clients.size < 5;
    });
    expect(tight.faults).toEqual([]);
    await tight.close();
  });
});

it('a bug of ours is told to the log, and not to who asked', async () => {
  const broken = await openLiveWorld();
  broken.history.before = () => Promise.reject(new TypeError('cannot read /secret/place'));
  const client = await broken.open();
  client.say({ type: 'subscribe', topic: 'events', id: 'a', after: 'x' });
  await client.has(1, 'error');
  expect(JSON.stringify(client.told.filter(one => one.type === 'error'))).not.toContain('secret');
  expect(broken.faults.every(one => one instanceof AppError)).toBe(true);
  expect(broken.faults.length).toBeGreaterThan(0);
  await broken.close();
});

it('no message holds a secret: of what happens, of what is kept, of logs, and of errors', async () => {
  world.redactor.learn([{ value: 'Sentinel-One' }]);
  const client = await world.open('operator');

  for (const [id, more] of Object.entries({
    s: { topic: 'status' },
    e: { topic: 'events' },
    r: { topic: 'run' },
    l: { topic: 'logs', service: 'web' },
  }))
    client.say({ type: 'subscribe', id, ...more });
  await client.has(4, 'subscribed');
  const of = { run: 'r1', at: 1, machine: 'm1', of: [{ key: 'web@m1', deployment: 'd1' }] } as const;
  world.tell({ kind: 'step.line', ...of, text: 'it said U2VudGluZWwtT25l' });
  world.tell({ kind: 'event', event: anEvent('e2', { text: 'now Sentinel-One' }) });
  await until('the log is followed', () => world.logs.length === 1);
  world.logs[0]?.tell('log Sentinel-One\n');
  client.say({ type: 'subscribe', id: 'x', topic: 'run', run: 'Sentinel-One' });
  await client.has(1, 'run');
  await client.has(1, 'event');
  await client.has(1, 'log');
  await client.has(1, 'error');
  const all = JSON.stringify(client.told);
  expect(all).not.toMatch(/Sentinel|U2VudGluZWwt/);
  for (const kept of ['it said ***', 'now ***', 'log ***', 'nothing is known of ***']) expect(all).toContain(kept);
});
