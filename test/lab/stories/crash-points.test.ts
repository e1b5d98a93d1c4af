// The controller is killed at seeded points of applies to nine services on three hosts: the next start converges, and no change was made twice.
// PORTOSER_SOAK=1 (npm run soak) tries thirty points; otherwise there are a few, of the same seed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLab, type Ended } from '../harness.js';
import { freshStory, type Story, type StoryRegistry } from '../story.js';
import { fleetFiles, fleetRegistry, kept } from './fleet.js';

const soaks = process.env['PORTOSER_SOAK'] === '1';
const seed = 20;
const wanted = soaks ? 30 : 5;

const lab = withLab({ hosts: 3, docker: [1, 2], uv: [3] });
const hosts = [lab.host(1), lab.host(2), lab.host(3)] as const;

type Service = keyof typeof kept;
const services = Object.keys(kept) as Service[];
/** What changes together: one service on each host, and every way of keeping one in its turn. */
const trios: readonly (readonly Service[])[] = [
  ['web', 'cache', 'queue'],
  ['api', 'store', 'worker'],
  ['metrics', 'edge', 'app'],
];

let story: Story;
const versions = new Map<Service, number>();

beforeAll(async () => {
  story = await freshStory();
});
afterAll(() => story?.remove());

function registry(): StoryRegistry {
  const { services: all, ...rest } = fleetRegistry(hosts);
  const changed = Object.entries(all).map(([name, one]) => {
    const { env = {} } = one as { readonly env?: object };
    return [name, { ...one, env: { ...env, VERSION: String(versions.get(name as Service) ?? 0) } }];
  });
  return { ...rest, services: Object.fromEntries(changed) };
}

async function change(names: readonly Service[]): Promise<void> {
  for (const name of names) versions.set(name, (versions.get(name) ?? 0) + 1);
  await story.push(registry(), fleetFiles(), `Change ${names.join(', ')}`);
}

/** How often each was started since then, by those who start them: systemd's journal, Docker's events, the program's own log. */
async function startsSince(seconds: number): Promise<Readonly<Record<string, number>>> {
  const pairs = services.map(async name => {
    const [host, thing] = kept[name];
    const unit = 'unit' in thing ? thing.unit : '';
    // systemd.journal-fields(7), sd-messages(3): SD_MESSAGE_UNIT_STARTED
    const script =
      'unit' in thing
        ? `journalctl -q -o cat --since=@${seconds} UNIT=${unit} MESSAGE_ID=39f53479d3a045ac8e11786248231fbf | wc -l`
        : 'container' in thing
          ? `docker events --since ${seconds} --until $(date +%s) --filter event=start --filter label=com.docker.compose.project=${name} --format x | wc -l`
          : `grep -c '^listens on' /opt/${name}/.portoser/log || :`;
    return [name, Number(await lab.host(host).must(script))] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}

interface Counted {
  readonly at: number;
  readonly before: Readonly<Record<string, number>>;
}

async function begin(): Promise<Counted> {
  // Docker and journald tell times to the second here: what was started in this one belongs to what was before.
  const at = Math.ceil(Date.now() / 1000);
  return { at, before: { worker: await workerStarts() } };
}

const workerStarts = async (): Promise<number> =>
  Number(await hosts[2].must(`grep -c '^listens on' /opt/worker/.portoser/log 2>/dev/null || :`));

/** Services that were not started just as often as they should have been. */
async function wrongStarts({ at, before }: Counted, changed: readonly Service[]): Promise<readonly string[]> {
  const starts = await startsSince(at);
  return services.flatMap(name => {
    const count = (starts[name] ?? 0) - (before[name] ?? 0);
    const should = changed.includes(name) ? 1 : 0;
    return count === should ? [] : [`${name} was started ${count} times, not ${should}`];
  });
}

const apply = (crashAt?: string): Promise<Ended> =>
  story.cli(['run', '--once', '--json'], crashAt === undefined ? {} : { env: { PORTOSER_CRASH_AT: crashAt } });

/** Passes until one of them is in sync; steps of the killed one may still work over there. */
async function converge(): Promise<void> {
  const went: Ended[] = [];
  while (went.at(-1)?.code !== 0) {
    if (went.length > 15) throw new Error(`it does not converge: ${JSON.stringify(went.slice(-2), null, 1)}`);
    went.push(await apply());
  }
}

/** Rows of the journal whose id has no second one. */
function openIntents(): readonly string[] {
  const files = readdirSync(story.stateDir, { recursive: true, withFileTypes: true });
  const journals = files.filter(one => one.isFile() && /^journal\..*\.jsonl$/.test(one.name));
  const rows = journals.flatMap(one =>
    readFileSync(join(one.parentPath, one.name), 'utf8').split('\n').filter(Boolean),
  );
  const ids = rows.map(row => (JSON.parse(row) as { readonly id: string }).id);
  return ids.filter(id => ids.indexOf(id) === ids.lastIndexOf(id));
}

/** Locks, step folders and files laid aside. */
async function leftOver(): Promise<readonly string[]> {
  const script = `cd /var/lib/portoser/clusters/story; ls -d lock* steps/*/ incoming/* 2>/dev/null; find /opt /etc/systemd/system -name '.portoser-new*'`;
  const found = await Promise.all(hosts.map(async host => (await host.inside(script)).stdout));
  return found.flatMap(text => text.split('\n').filter(Boolean));
}

/** Everything that is wrong after a kill at that point, and a restart. */
async function troublesAt(at: number, changed: readonly Service[]): Promise<readonly string[]> {
  const counted = await begin();
  await change(changed);
  const killed = await apply(String(at));
  const name = /crash point .*/.exec(killed.stderr)?.[0] ?? 'no crash point';
  const troubles = killed.code === 137 ? [] : [`it was not killed: ${killed.stderr}`];
  await converge();
  const [starts, left, plan] = await Promise.all([wrongStarts(counted, changed), leftOver(), story.plan()]);
  troubles.push(...starts, ...left.map(path => `left behind: ${path}`));
  troubles.push(...openIntents().map(id => `open in the journal: ${id}`));
  if (plan.code !== 0 || plan.report.changes !== 0)
    troubles.push(`the next plan is not empty: ${JSON.stringify(plan)}`);
  return troubles.map(trouble => `${name}: ${trouble}`);
}

/** `count` numbers from 1 to `highest`, the same for the same seed (Park and Miller's generator). */
function sample(highest: number, count: number): readonly number[] {
  const chosen = new Set<number>();
  for (let state = seed; chosen.size < Math.min(count, highest);) {
    state = (state * 48_271) % 2_147_483_647;
    chosen.add(1 + (state % highest));
  }
  return [...chosen];
}

let points = 0;

test('killed in the middle of bringing all nine up', async () => {
  expect(await troublesAt(9, services)).toEqual([]);
});

test('a change that nobody kills starts each of its services once; the points that it passes are counted', async () => {
  const [trio = []] = trios;
  const counted = await begin();
  await change(trio);
  const ended = await apply('count');
  expect(ended).toMatchObject({ code: 0 });
  expect(await wrongStarts(counted, trio)).toEqual([]);
  points = ended.stderr.split('\n').filter(line => line.startsWith('crash point ')).length;
  expect(points).toBeGreaterThan(25);
});

test(
  `killed at ${wanted} points of changes`,
  async () => {
    const troubles: string[] = [];
    for (const [index, at] of sample(points, wanted).entries()) {
      troubles.push(...(await troublesAt(at, trios[index % trios.length] ?? [])));
    }
    expect(troubles).toEqual([]);
  },
  soaks ? 1_800_000 : 300_000,
);
