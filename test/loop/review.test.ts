// Reviews while the controller runs: what is new is planned and told, an outage of the forge only delays it, and what stands is not told again.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checks } from '../../reconciler/checks/index.js';
import { partsOf } from '../../reconciler/core/review-comment.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { noteAccepted } from '../../reconciler/loop/applied.js';
import { type Review, startReview } from '../../reconciler/loop/review.js';
import type { Considered } from '../../reconciler/loop/preview.js';
import type { CommitStatus } from '../../schema/forge.js';
import type { PassReport } from '../../schema/status.js';
import { AppError } from '../../schema/errors.js';
import { settlePromises } from '../fakes/clock.js';
import { createFakeForge, type FakeForge } from '../fakes/forge.js';
import { createFakePorts, type FakePorts, registryText } from '../fakes/ports.js';

let ports: FakePorts;
let forge: FakeForge;
let review: Review;
let base: string;

const web = { web: { type: 'native', machine: 'm1', path: '/opt/web', command: '/bin/web' } };
const files = (services: object = {}) => ({ 'registry.yml': registryText(services as Record<string, object>) });

beforeEach(() => {
  ports = createFakePorts();
  forge = createFakeForge();
  base = ports.git.make(files());
});
afterEach(() => review.stop());

async function still(): Promise<void> {
  for (let round = 0; round < 12; round += 1) await settlePromises();
}

async function start(): Promise<void> {
  review = startReview(ports, { drivers, checks }, forge);
  await still();
}

async function advance(ms: number): Promise<void> {
  await ports.clock.advance(ms);
  await still();
}

/** A commit that the branch does not have, as the head of a pull request. */
function propose(number: number, content: Record<string, string>, parent = base): string {
  const before = ports.git.head;
  const head = ports.git.make(content, parent);
  ports.git.head = before;
  const at = forge.pulls.findIndex(one => one.number === number);
  const pull = { number, head, ref: `refs/pull/${number}/head` };
  if (at < 0) forge.pulls.push(pull);
  else forge.pulls[at] = pull;
  return head;
}

const headsOf = (number: number) => partsOf(forge.comments.get(number) ?? '').map(one => one.head);
const away = new AppError('forge-unreachable', 'it is away');
const refused = new AppError('forge-refused', 'no');

describe('pull requests', () => {
  it('get a comment and a status each', async () => {
    const one = propose(1, files(web));
    const other = propose(2, { 'registry.yml': 'services: 3' });
    await start();
    expect([headsOf(1), headsOf(2)]).toEqual([[one], [other]]);
    expect(forge.comments.get(2)).toContain('The registry is not valid');
    expect(forge.statuses).toEqual([
      `${one.slice(0, 7)} portoser/plan success`,
      `${other.slice(0, 7)} portoser/plan failure`,
    ]);
  });

  it('keep their comment when they are pushed to again, at once by a hook', async () => {
    const first = propose(1, files(web));
    await start();
    const second = propose(1, files({ ...web, api: { ...web.web, path: '/opt/api' } }));
    review.hint();
    await still();
    expect(headsOf(1)).toEqual([second, first]);
  });

  it('are found by the next look where hooks never come, and soon where the forge lags behind its hook', async () => {
    await start();
    review.hint();
    await still();
    const lagging = propose(1, files(web));
    await advance(3_000);
    expect(headsOf(1)).toEqual([lagging]);
    const late = propose(2, files(web));
    await advance(70_000);
    expect(headsOf(2)).toEqual([late]);
  });

  it('are planned anew on another base, in the same place', async () => {
    const head = propose(1, files(web));
    await start();
    const newer = ports.git.make(files({ api: { ...web.web, path: '/opt/api' } }));
    await advance(70_000);
    expect(partsOf(forge.comments.get(1) ?? '')).toMatchObject([{ head, base: newer }]);
    expect(forge.comments.get(1)).toContain('Nothing of what can be seen now changes.');
  });

  it('are told once', async () => {
    propose(1, files(web));
    await start();
    await advance(200_000);
    await review.stop();
    await start();
    expect(forge.writes).toBe(1);
  });

  it('wait while the forge is away, and are all told after', async () => {
    propose(1, files(web));
    forge.fault = away;
    await start();
    await advance(60_000);
    propose(2, files(web));
    expect(forge.comments.size).toBe(0);
    forge.fault = undefined;
    await advance(66_000);
    expect([...forge.comments.keys()]).toEqual([1, 2]);
    expect(ports.log.lines.some(line => JSON.stringify(line).includes('forge-unreachable'))).toBe(true);
  });

  it('leave a forge alone for as long as it wants, whatever hooks say', async () => {
    propose(1, files(web));
    forge.fault = new AppError('forge-limit', 'too often', { details: { waitMs: 600_000 } });
    await start();
    forge.fault = undefined;
    review.hint();
    await advance(500_000);
    expect(forge.comments.size).toBe(0);
    await advance(100_000);
    expect(forge.comments.size).toBe(1);
  });

  it('do not wait for one that cannot be read', async () => {
    propose(1, {});
    propose(2, files(web));
    forge.pulls[0] = { number: 1, head: 'f'.repeat(40), ref: 'refs/pull/1/head' };
    await start();
    expect(forge.comments.get(1)).toContain('There is no plan');
    expect(forge.comments.get(2)).toContain('Left alone');
  });
});

/** Runs on machines so far. */
let looks: number;
const newer = { api: { ...web.web, path: '/opt/api' } };

async function minutes(count: number): Promise<void> {
  for (let minute = 0; minute < count; minute += 1) await advance(66_000);
}

/** What is done meanwhile looks at no machine. */
async function expectNoLook(during: Promise<void>): Promise<void> {
  const before = looks;
  expect(before).toBeGreaterThan(0);
  await during;
  expect(looks).toBe(before);
}

describe('machines are not looked at again', () => {
  beforeEach(() => {
    looks = 0;
    const run: FakePorts['shell']['run'] = (...asked) => {
      looks += 1;
      return real.run(...asked);
    };
    const real = ports.shell;
    ports = { ...ports, shell: { ...real, run } };
    ports.notes.set('git', { appliedCommit: base });
  });

  const toldOf = (number: number) => partsOf(forge.comments.get(number) ?? '').map(one => `${one.head} ${one.base}`)[0];

  it('while the newest registry is refused, and are for a new head or a registry that is not', async () => {
    const head = propose(1, files(web));
    ports.git.make({ 'registry.yml': 'services: 3' });
    await start();
    expect(toldOf(1)).toBe(`${head} ${base}`);
    await expectNoLook(minutes(5));
    const pushed = propose(1, files(newer), base);
    await minutes(1);
    expect(toldOf(1)).toBe(`${pushed} ${base}`);
    await expectNoLook(minutes(5));
    const good = ports.git.make(files(web));
    await minutes(1);
    expect(toldOf(1)).toBe(`${pushed} ${good}`);
    await expectNoLook(minutes(5));
  });

  it('while a rewritten branch is held, and are once it is accepted', async () => {
    const head = propose(1, files(web));
    const rewritten = ports.git.make(files(newer), '');
    await start();
    review.considered(considered());
    await still();
    expect(toldOf(1)).toBe(`${head} ${base}`);
    await expectNoLook(minutes(5));
    await noteAccepted(ports.state, rewritten);
    review.considered(considered([], rewritten));
    await still();
    expect(toldOf(1)).toBe(`${head} ${rewritten}`);
    await expectNoLook(minutes(5));
  });

  it('but are when it was accepted in the middle of a round', async () => {
    const head = propose(1, files(web));
    const rewritten = ports.git.make(files(newer), '');
    const { setStatus } = forge;
    forge.setStatus = async (...said) => {
      forge.setStatus = setStatus;
      await setStatus(...said);
      await noteAccepted(ports.state, rewritten);
      review.considered(considered([], rewritten));
    };
    await start();
    expect(toldOf(1)).toBe(`${head} ${rewritten}`);
  });

  it.each(['comment', 'setStatus'] as const)(
    'for ten minutes where the forge refuses a %s, but at once for another head',
    async what => {
      let asked = 0;
      const { [what]: allowed } = forge;
      const refuse = () => {
        asked += 1;
        return Promise.reject(refused);
      };
      propose(1, files(web));
      forge[what] = refuse;
      await start();
      await expectNoLook(minutes(8));
      expect(asked).toBe(1);
      const head = propose(1, files(newer));
      await minutes(1);
      expect(asked).toBe(2);
      await expectNoLook(minutes(8));
      expect(asked).toBe(2);
      await minutes(2);
      expect(asked).toBe(3);
      Object.assign(forge, { [what]: allowed });
      await minutes(11);
      expect([toldOf(1), forge.statuses.at(-1)]).toEqual([
        `${head} ${base}`,
        `${head.slice(0, 7)} portoser/plan success`,
      ]);
      await expectNoLook(minutes(12));
    },
  );

  it('for one that is refused while others are planned on another base, and it is once its time is over', async () => {
    const [one, other] = [propose(1, files(web)), propose(2, files(web))];
    await start();
    const { comment } = forge;
    forge.comment = (number, ...more) => (number === 1 ? Promise.reject(refused) : comment(number, ...more));
    const next = ports.git.make(files(newer));
    await minutes(1);
    expect([toldOf(1), toldOf(2)]).toEqual([`${one} ${base}`, `${other} ${next}`]);
    await expectNoLook(minutes(5));
    forge.comment = comment;
    await minutes(6);
    expect(toldOf(1)).toBe(`${one} ${next}`);
  });
});

const report = (more: Partial<PassReport> = {}): PassReport => ({
  id: 'p1',
  trigger: 'test',
  startedAt: 0,
  endedAt: 1,
  commit: base,
  diagnostics: [],
  outcomes: [],
  findings: [],
  next: { next: 'settled' },
  plan: { id: 'x', commit: base, waves: [], leftAlone: [], machines: [] },
  ...more,
});
const change = { key: 'web@m1', machine: 'm1', service: 'web' };
const considered = (changes: readonly object[] = [], commit = base) =>
  ({
    desired: { commit },
    plan: { id: 'x', commit, waves: [changes], leftAlone: [], machines: [] },
  }) as unknown as Considered;
const applied = { key: 'web@m1', result: 'applied', kind: 'create', durationMs: 1 } as const;
const said = () => forge.statuses.map(one => one.slice(8));

describe('the commit in force', () => {
  it('turns with its pass and with health', async () => {
    await start();
    review.considered(considered([change]));
    await still();
    review.health(new Map([['web@m1', { state: 'starting' }]]));
    review.passed(report({ outcomes: [applied] }));
    review.health(new Map([['web@m1', { state: 'starting' }]]));
    await still();
    review.health(new Map([['web@m1', { state: 'healthy' }]]));
    await still();
    expect(said()).toEqual([
      'portoser/apply pending',
      'portoser/health pending',
      'portoser/apply success',
      'portoser/health pending',
      'portoser/health success',
    ]);
    expect(forge.described.get(`${base} portoser/apply`)).toBe('1 change applied');
  });

  it('is not told what it was told, also by the next process', async () => {
    await start();
    review.considered(considered());
    review.passed(report());
    review.health(new Map([['web@m1', { state: 'healthy' }]]));
    await still();
    await review.stop();
    await start();
    review.considered(considered());
    review.passed(report());
    review.passed(report({ outcomes: [applied] }));
    review.health(new Map([['web@m1', { state: 'healthy' }]]));
    await still();
    expect(said()).toEqual(['portoser/apply success', 'portoser/health success']);
  });

  it('says what failed by its title, and what waits', async () => {
    await start();
    review.considered(considered([change]));
    const error = { code: 'gate-failed', message: 'secret output', hint: '', retry: 'human' } as const;
    review.passed(report({ outcomes: [{ key: 'web@m1', result: 'failed', error }] }));
    await still();
    expect(said().at(-2)).toBe('portoser/apply failure');
    expect(forge.described.get(`${base} portoser/apply`)).toBe('web@m1: The service did not become healthy in time');
    const held = { id: 'abc', commit: base, waves: [], leftAlone: [], machines: [], held: { why: 'too much' } };
    review.passed(report({ plan: held }));
    await still();
    expect(forge.described.get(`${base} portoser/apply`)).toBe('waits for approval of plan abc');
  });

  it('is not told again with every pass where the forge refuses it, but after a while, and what is new at once', async () => {
    await start();
    const asked = () => ports.log.lines.filter(line => JSON.stringify(line).includes('statuses not told')).length;
    const passes = async (count: number) => {
      for (let pass = 0; pass < count; pass += 1) {
        review.considered(considered());
        review.passed(report());
        await still();
      }
    };
    forge.fault = refused;
    await passes(3);
    expect(asked()).toBe(1);
    await advance(600_000);
    await passes(3);
    expect(asked()).toBe(2);
    forge.fault = undefined;
    review.passed(report({ outcomes: [{ key: 'web@m1', result: 'applied', kind: 'create', durationMs: 1 }] }));
    await still();
    expect(said()).toEqual(['portoser/apply success']);
  });

  it('is told of beside a newer one that was refused, and that one with what is wrong in it', async () => {
    const refused = ports.git.make({ 'registry.yml': 'services: 3' });
    const wrong = {
      code: 'wrong-type',
      severity: 'error',
      file: 'registry.yml',
      line: 1,
      column: 11,
      path: 'services',
      message: 'services is <b>3</b>',
    } as const;
    await start();
    for (let pass = 0; pass < 2; pass += 1) {
      review.considered(considered());
      review.passed(report({ refused, diagnostics: [wrong, wrong] }));
      await still();
    }
    expect(forge.statuses.toSorted()).toEqual(
      [`${base.slice(0, 7)} portoser/apply success`, `${refused.slice(0, 7)} portoser/apply failure`].toSorted(),
    );
    const text = 'registry.yml:1:11 wrong-type and 1 more: services is ‹b>3‹/b>';
    expect(forge.described.get(`${refused} portoser/apply`)).toBe(text);
  });

  it('waits while the forge is away, and only the newest word is told', async () => {
    forge.fault = away;
    await start();
    review.considered(considered([change]));
    await still();
    review.passed(report({ outcomes: [applied] }));
    await advance(12_000);
    forge.fault = undefined;
    await advance(60_000);
    expect(said()).toEqual(['portoser/apply success', 'portoser/health pending']);
  });

  it('troubles nobody again who refused it', async () => {
    forge.fault = refused;
    await start();
    review.considered(considered([change]));
    await still();
    forge.fault = undefined;
    await advance(30_000);
    expect(said()).toEqual([]);
    review.passed(report({ outcomes: [applied] }));
    await still();
    expect(said()).toEqual(['portoser/apply success']);
  });

  /** What the forge is asked of the commit in force, and refuses while it says so. */
  function refuseOnly(isRefused: (status: CommitStatus) => boolean): string[] {
    const asked: string[] = [];
    const { setStatus } = forge;
    forge.setStatus = (commit, status) => {
      asked.push(`${status.context} ${status.description}`);
      return isRefused(status) ? Promise.reject(refused) : setStatus(commit, status);
    };
    return asked;
  }

  it('is told of the one context where only the other is refused', async () => {
    const asked = refuseOnly(({ context }) => context === 'portoser/apply');
    await start();
    review.considered(considered([change]));
    await still();
    expect(asked).toEqual(['portoser/apply applying 1 change', 'portoser/health being applied']);
    expect(said()).toEqual(['portoser/health pending']);
    review.passed(report({ outcomes: [applied] }));
    review.health(new Map([['web@m1', { state: 'healthy' }]]));
    await still();
    expect(said()).toEqual(['portoser/health pending', 'portoser/health success']);
  });

  it('is not asked for again where each pass says two things that are refused', async () => {
    const asked = refuseOnly(() => true);
    await start();
    const error = { code: 'gate-failed', message: 'no', hint: '', retry: 'human' } as const;
    for (let pass = 0; pass < 3; pass += 1) {
      review.considered(considered([change]));
      await still();
      review.passed(report({ outcomes: [{ key: 'web@m1', result: 'failed', error }] }));
      await still();
    }
    expect(asked.filter(one => one.startsWith('portoser/apply'))).toEqual([
      'portoser/apply applying 1 change',
      'portoser/apply web@m1: The service did not become healthy in time',
    ]);
  });

  it('is not told what waited and is not true any more, where what is true was refused', async () => {
    await start();
    forge.fault = refused;
    review.considered(considered());
    review.passed(report());
    await still();
    forge.fault = away;
    review.considered(considered([change]));
    await still();
    review.passed(report());
    forge.fault = undefined;
    await advance(60_000);
    expect(said()).toEqual([]);
    review.considered(considered([change]));
    await still();
    expect(said()).toEqual(['portoser/apply pending']);
  });
});
