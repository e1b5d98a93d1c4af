// Hints of webhooks at a controller that runs: what wakes it, how they fold, what is kept, and that none of them chooses a commit.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checks } from '../../reconciler/checks/index.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { type ControllerOptions, runController } from '../../reconciler/loop/turn.js';
import { hook } from '../../reconciler/operations/hook.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { AppError } from '../../schema/errors.js';
import type { PassReport } from '../../schema/status.js';
import type { Delivery, HookAnswer, HookHint } from '../../schema/webhooks.js';
import { settlePromises } from '../fakes/clock.js';
import { createFakePorts, type FakePorts, registryText } from '../fakes/ports.js';

let ports: FakePorts;
let over: AbortController;
let passes: PassReport[];
let running: Promise<void>;
let listed = 0;
let fetched = 0;

beforeEach(() => {
  const made = createFakePorts();
  [listed, fetched] = [0, 0];
  const git = {
    ...made.git,
    remoteHead: () => ((listed += 1), made.git.remoteHead()),
    fetch: () => ((fetched += 1), made.git.fetch()),
    // A clone knows what it has fetched.
    has: async (id: string) => known.has(id),
  };
  known.clear();
  ports = { ...made, source: { ...made.source, git } };
  over = new AbortController();
  passes = [];
  running = Promise.resolve();
});

afterEach(async () => {
  over.abort();
  await running;
});

const known = new Set<string>();
const registry = (note = '') => ({ 'registry.yml': registryText({}, { interval: '1h' }), note });

async function still(): Promise<void> {
  for (let before = -1; before !== passes.length;) {
    before = passes.length;
    for (let round = 0; round < 4; round += 1) await settlePromises();
  }
}

async function advance(ms: number): Promise<void> {
  await ports.clock.advance(ms);
  await still();
}

async function start(options: ControllerOptions = {}): Promise<void> {
  ports.git.make(registry());
  const context = { ports, lists: { drivers, checks }, emit: () => undefined, signal: over.signal };
  const onPass = (report: PassReport) => {
    passes.push(report);
    if (report.commit !== undefined) known.add(report.commit);
  };
  running = runController(context, { onPass, ...options });
  await still();
  [listed, fetched] = [0, 0];
}

const hint = (more: Partial<HookHint> = {}): HookHint => ({
  forge: 'gitea',
  kind: 'push',
  repositories: ['https://git.example.org/srv/fleet'],
  branches: ['main'],
  ...more,
});

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
function take(given: HookHint | { readonly forge: 'github'; readonly refused: string }): Promise<HookAnswer> {
  const actor = { name: given.forge, by: 'api' } as const;
  const context = { ports, lists: { drivers, checks }, settings, actor, emit: () => undefined, signal: over.signal };
  return hook.run(context, given as never);
}

const triggers = () => passes.map(one => one.trigger);
const kept = () => ports.store.deliveries(100);
const noted = () => (ports.notes.get('controller') as { webhooks: object }).webhooks;

describe('a hint', () => {
  it('wakes the loop for the new head, at once', async () => {
    await start();
    const head = ports.git.make(registry('newer'));
    expect(await take(hint())).toEqual({ verdict: 'woken', why: 'main is looked at now' });
    await still();
    expect(triggers()).toEqual(['start', 'webhook']);
    expect(passes[1]?.commit).toBe(head);
    expect(fetched).toBe(1);
    // What only repeats it, or is about something else, changes nothing.
    await take(hint());
    await take(hint({ branches: ['other'] }));
    await take({ forge: 'github', refused: 'there is no signature' });
    const who = { name: 'gitea', by: 'api' };
    expect(ports.audit.entries.filter(one => one.what === 'hook')).toMatchObject([
      { who, what: 'hook', result: 'done', output: { verdict: 'woken' } },
    ]);
  });

  it('of what is known already makes no pass', async () => {
    await start();
    await take(hint());
    await advance(60_000);
    expect(triggers()).toEqual(['start']);
    expect(fetched).toBe(0);
  });

  it('that comes before the forge shows the push looks once more', async () => {
    await start();
    await take(hint());
    await still();
    ports.git.make(registry('late'));
    await advance(2999);
    expect(passes).toHaveLength(1);
    await advance(1);
    expect(triggers()).toEqual(['start', 'webhook']);
  });

  it('while the remote is away is as good as the poll that comes', async () => {
    await start();
    ports.git.fault = new AppError('git-unreachable', 'no answer');
    await take(hint());
    await advance(6000);
    expect(passes).toHaveLength(1);
    delete ports.git.fault;
    ports.git.make(registry('after'));
    await take(hint());
    await still();
    expect(triggers()).toEqual(['start', 'webhook']);
  });

  it.each([
    ['another repository', hint({ repositories: ['https://git.example.org/srv/other'] }), 'follows /srv/fleet.git'],
    ['another branch', hint({ branches: ['topic'] }), 'the branch topic, and this controller follows main'],
    ['nothing that is followed', hint({ kind: 'other' }), 'nothing is done'],
    ['nothing: the forge tries', hint({ kind: 'ping', branches: [] }), 'it arrived'],
    ['a pull request, where nobody looks at them', hint({ kind: 'pull-request', number: 3 }), 'pull requests'],
  ])('about %s is ignored, with the reason', async (_, given, why) => {
    await start();
    ports.git.make(registry('newer'));
    expect(await take(given)).toEqual({ verdict: 'ignored', why: expect.stringContaining(why) as string });
    await still();
    expect([triggers(), listed]).toEqual([['start'], 0]);
  });

  it('that names neither repository nor branch counts', async () => {
    await start();
    expect(await take(hint({ repositories: [], branches: [] }))).toMatchObject({ verdict: 'woken' });
    await advance(10_000);
    expect(await take(hint({ branches: ['topic', 'main'] }))).toMatchObject({ verdict: 'woken' });
  });

  it('of a pull request into the branch is handed on, and wakes nothing', async () => {
    const handed: HookHint[] = [];
    await start({ onPullRequestHint: one => void handed.push(one) });
    const pull = hint({ kind: 'pull-request', number: 3 });
    expect(await take(pull)).toMatchObject({ verdict: 'handed-on' });
    expect(await take({ ...pull, branches: ['other'] })).toMatchObject({ verdict: 'ignored' });
    await still();
    expect(handed).toEqual([pull]);
    expect([triggers(), listed]).toEqual([['start'], 0]);
  });

  it('needs a controller', async () => {
    await expect(take(hint())).rejects.toMatchObject({ code: 'webhook-away' });
    await start();
    over.abort();
    await running;
    await expect(take(hint())).rejects.toMatchObject({ code: 'webhook-away' });
    expect(ports.clock.wakesAt()).toEqual([]);
    over = new AbortController();
  });
});

describe('many hints', () => {
  it('500 at once, of one push, are two looks, one fetch and one pass', async () => {
    await start();
    ports.git.make(registry('newer'));
    const answers = await Promise.all(Array.from({ length: 500 }, () => take(hint())));
    expect(answers.filter(one => one.verdict === 'woken')).toHaveLength(1);
    expect(answers.filter(one => one.verdict === 'folded')).toHaveLength(499);
    await advance(20_000);
    expect(triggers()).toEqual(['start', 'webhook']);
    expect(fetched).toBe(1);
    // Those of the pass itself, too.
    expect(listed).toBeLessThanOrEqual(3);
  });

  it('500 over half a minute are a look every 3 s at most', async () => {
    await start();
    for (let at = 0; at < 500; at += 1) {
      if (at === 100) ports.git.make(registry('newer'));
      await take(hint());
      await ports.clock.advance(60);
    }
    await advance(10_000);
    expect(triggers()).toEqual(['start', 'webhook']);
    expect(fetched).toBe(1);
    expect(listed).toBeLessThanOrEqual(16);
  });

  it('of several pushes in a row miss none', async () => {
    await start();
    const heads: string[] = [];
    for (let push = 0; push < 5; push += 1) {
      heads.push(ports.git.make(registry(`push ${push}`)));
      await take(hint());
      await advance(700);
    }
    await advance(10_000);
    expect(passes.at(-1)?.commit).toBe(heads.at(-1));
  });
});

describe('what is kept', () => {
  it('is one record for those that say the same within a minute, with their count', async () => {
    await start();
    await take(hint());
    for (let time = 0; time < 9; time += 1) await take(hint());
    await take({ forge: 'github', refused: 'there is no signature' });
    expect((await kept()).map(one => [one.verdict, one.times])).toEqual([
      ['woken', 1],
      ['folded', 1],
      ['refused', 1],
    ]);
    await advance(60_000);
    const folded = (await kept()).find(one => one.verdict === 'folded');
    expect(folded).toMatchObject({
      forge: 'gitea',
      kind: 'push',
      repository: 'https://git.example.org/srv/fleet',
      branch: 'main',
      times: 9,
    });
    await take(hint());
    expect((await kept()).filter(one => one.verdict === 'woken')).toHaveLength(2);
  });

  it('also at the end of the controller', async () => {
    await start();
    for (let time = 0; time < 4; time += 1) await take({ forge: 'github', refused: 'no' });
    over.abort();
    await running;
    expect(await kept()).toMatchObject([{ verdict: 'refused', times: 4 }]);
  });

  it('is bounded however many different ones come', async () => {
    await start();
    for (let branch = 0; branch < 300; branch += 1) await take(hint({ branches: [`b${branch}`] }));
    expect(await ports.store.deliveries(1000)).toHaveLength(100);
    expect(sessionOf(ports).hints?.counts()).toMatchObject({ accepted: 300, refused: 0 });
    expect((await ports.store.deliveries(1000)).length).toBe(100);
  });

  it('is told to who asks how the controller stands', async () => {
    await start();
    await take(hint({ branches: ['topic'] }));
    await take({ forge: 'github', refused: 'no' });
    await still();
    const last: Partial<Delivery>[] = [
      { forge: 'github', verdict: 'refused' },
      { forge: 'gitea', branch: 'topic', verdict: 'ignored' },
    ];
    expect(noted()).toMatchObject({ accepted: 1, refused: 1, last });
  });
});

describe('a payload', () => {
  it('never chooses what is deployed: whatever it says, the pass goes by the head of the branch', async () => {
    await start();
    const words = fc.oneof(fc.constantFrom('main', 'refs/heads/main', '/srv/fleet.git', 'a'.repeat(40)), fc.string());
    const anyHint = fc.record({
      forge: fc.constantFrom('github', 'gitlab', 'generic'),
      kind: fc.constantFrom('push', 'pull-request', 'ping', 'other'),
      repositories: fc.array(
        words.filter(one => one !== ''),
        { maxLength: 3 },
      ),
      branches: fc.array(
        words.filter(one => one !== ''),
        { maxLength: 3 },
      ),
      number: fc.integer({ min: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyHint, { maxLength: 5 }), fc.boolean(), async (hints, pushes) => {
        const old = ports.git.head;
        if (pushes) ports.git.make(registry(createHash('sha1').update(JSON.stringify(hints)).digest('hex')));
        for (const one of hints) await take(one);
        await advance(10_000);
        const commit = passes.at(-1)?.commit;
        expect([old, ports.git.head]).toContain(commit);
        // Said or not said: the poll sees it.
        await advance(40_000);
        expect(passes.at(-1)?.commit).toBe(ports.git.head);
      }),
      { numRuns: 40 },
    );
  });
});
