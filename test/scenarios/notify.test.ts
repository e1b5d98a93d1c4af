// A controller that tells people: a deploy that fails is one message however long it stands and whoever starts it anew, and its end is one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPost } from '../../reconciler/adapters/post.js';
import { run } from '../../reconciler/operations/run.js';
import { notifyTest } from '../../reconciler/operations/notify-test.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { serve, type Service, webhookLike } from '../adapters/notify-servers.js';
import { createWorld, type World } from '../passes/world.js';
import { until } from './until.js';

const key = `whsec_${Buffer.from('a key of some length').toString('base64')}`;

let world: World;
let service: Service;
let context: Context;
let over: AbortController;
let running: Promise<unknown> | undefined;

beforeEach(async () => {
  world = await createWorld();
  service = await serve(webhookLike(key));
  const post = openPost({ env: { PORTOSER_NOTIFY_KEY: key }, folder: world.clone });
  const ports = { ...world.ports, post };
  const actor = { name: 'ada', by: 'cli' } as const;
  over = new AbortController();
  context = {
    ports,
    lists: world.lists,
    settings: {} as Context['settings'],
    actor,
    emit: one => void world.told.push(one),
    signal: over.signal,
  };
});
afterEach(async () => {
  await stop();
  await service.close();
  await world.close();
});

function start(): void {
  over = new AbortController();
  running = run.run({ ...context, signal: over.signal }, {});
}

async function stop(): Promise<void> {
  over.abort();
  await running;
  running = undefined;
}

const hook = (on: readonly string[]) => [{ type: 'webhook', url: service.url, secret: 'env:PORTOSER_NOTIFY_KEY', on }];

async function push(state: 'good' | 'bad'): Promise<string> {
  const health = {
    type: 'command',
    command: ['grep', '-q', 'good', 'state'],
    deadline: '1s',
    interval: '100ms',
    soak: '0s',
  };
  const notify = hook(['deploy.failed', 'deploy.done', 'machine.down', 'service.down']);
  const services = { web: { machine: 'm1', source: 'apps/web', health }, api: { machine: 'm1' } };
  return await world.push(services, {
    files: { 'apps/web/state': state },
    policy: { interval: '1s' },
    top: { notify },
  });
}

const told = (): readonly string[] =>
  service.taken.map(
    ({ body }) =>
      `${String(body['state'])} ${String(body['kind'])} ${(body['items'] as readonly { subject: string }[]).map(one => one.subject).join(' ')}`,
  );
const looks = (): number => world.sent.filter(one => one === 'm1 probe').length;

async function passes(count: number): Promise<void> {
  const before = looks();
  await until(`there were ${count} more passes`, () => looks() >= before + count);
}

const come = (count: number): Promise<void> =>
  until(
    `${count} messages came`,
    () => told().length >= count,
    () => told().join('\n'),
  );

describe('a controller with a webhook', () => {
  it('tells a run once, a failure once, over passes and starts, and its end once', async () => {
    await push('good');
    start();
    await come(1);
    expect(told()).toEqual(['notice deploy.done api@m1 web@m1']);
    const bad = await push('bad');
    await come(2);
    const [, failure] = service.taken;
    expect(failure?.body).toMatchObject({
      state: 'open',
      kind: 'deploy.failed',
      items: [{ subject: 'web@m1', commit: bad }],
    });
    expect(String(failure?.body['text'])).toMatch(
      /did not become healthy[^]*what was healthy at commit [^]* runs instead[^]*portoser why web/,
    );
    await passes(20);
    await stop();
    start();
    await passes(5);
    expect(told().slice(1)).toEqual(['open deploy.failed web@m1']);
    await push('good');
    await come(3);
    await passes(5);
    const ended = told().slice(2);
    expect(ended).toEqual(['over deploy.failed web@m1']);
    const { body, headers } = service.taken[2] ?? {};
    expect([body?.['id'], String(body?.['title'])]).toEqual([
      headers?.['webhook-id'],
      expect.stringMatching(/^\[c\] web@m1 could not be deployed: over after \d+ s$/),
    ]);
  });

  it('`notify test` says what each answered, and goes on where one does not', async () => {
    const notify = [
      ...hook([]),
      { name: 'nobody', type: 'slack', url: 'http://127.0.0.1:1/s' },
      { name: 'nothing', type: 'ntfy', url: 'env:PORTOSER_NOTIFY_NTFY' },
    ];
    await world.push({}, { top: { notify } });
    const tested = await notifyTest.run(context, {});
    expect(tested).toMatchObject([
      { name: 'webhook', told: true, answer: '204 No Content' },
      { name: 'nobody', told: false, code: 'notify-away', answer: '127.0.0.1:1 cannot be reached (ECONNREFUSED)' },
      { name: 'nothing', told: false, code: 'notify-secret', answer: 'PORTOSER_NOTIFY_NTFY is not set' },
    ]);
    expect(told()).toEqual(['test undefined ']);
    expect(await notifyTest.run(context, { name: 'webhook' })).toMatchObject([{ told: true }]);
    await expect(notifyTest.run(context, { name: 'webhok' })).rejects.toMatchObject({
      code: 'unknown-name',
      hint: expect.stringContaining('webhook') as string,
    });
  });
});
