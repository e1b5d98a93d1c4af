// The controller is cut off from all hosts at once: one word says so, nothing is judged, planned or noted as removed, and what was pushed meanwhile is made once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HistoryEvent } from '../../../schema/history.js';
import { eventually, withLab } from '../harness.js';
import {
  changesOf,
  freshStory,
  labMachine,
  untilApplied,
  type Controller,
  type Story,
  type StoryRegistry,
} from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 3 });
const hosts = [1, 2, 3].map(index => lab.host(index));

const page = (port: number, version: number): object => ({
  type: 'native',
  path: `/opt/s${port}`,
  command: ['sh', '-c', `exec python3 -m http.server ${port} --bind 127.0.0.1`],
  env: { VERSION: String(version) },
  port,
  health: { type: 'http', endpoint: '/', interval: '2s', timeout: '1s', retries: 2, soak: '60s' },
});

/** Two services on each host. `version` is that of the last one; the last but one leaves with `without`. */
function registry(version: number, without = false): StoryRegistry {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const all = names.map((name, index) => [
    name,
    { machine: `m${1 + (index % 3)}`, ...page(9401 + index, name === 'f' ? version : 1) },
  ]);
  return {
    cluster: 'cut',
    policy: { interval: '5s' },
    machines: Object.fromEntries(hosts.map((host, index) => [`m${index + 1}`, labMachine(host)])),
    services: Object.fromEntries(without ? all.filter(([name]) => name !== 'e') : all),
  };
}

let story: Story;
let controller: Controller;

beforeAll(async () => {
  story = await freshStory({ database: true });
  const commit = await story.push(registry(1));
  controller = story.run({ env: { PORTOSER_LOG: 'warn' } });
  await untilApplied(story, controller, commit);
  // Said once its database stands, which may be after the first pass.
  await eventually('it listens', async () => controller.output().includes('listens on '), 60_000);
}, 120_000);

afterAll(() => story?.remove());

const lives = async (): Promise<readonly string[]> => await Promise.all(hosts.map(livesOn));
const all = (what: 'cut' | 'join') => Promise.all(hosts.map(host => host[what]()));
const linesSince = (length: number): readonly string[] =>
  controller
    .output()
    .slice(length)
    .split('\n')
    .filter(line => /^\d\d:\d\d:\d\d /.test(line))
    .map(line => line.slice(9));
const sayingOf = async (length: number, what: RegExp): Promise<void> => {
  await eventually(`it says ${what}`, async () => linesSince(length).some(line => what.test(line)), 90_000);
};

const isolated = 'the controller is isolated: none of its 3 machines can be reached';

test('cut off: one word, no change is planned, nothing is called unhealthy, and nothing is touched', async () => {
  const before = await lives();
  const said = controller.output().length;
  await all('cut');
  await sayingOf(said, /isolated/);

  const [{ code, report }, text, status] = await Promise.all([story.plan(), story.cli(['status']), story.status()]);
  expect({ code, changes: changesOf(report), isolated: report.plan?.isolated }).toEqual({
    code: 1,
    changes: [],
    isolated: { why: isolated },
  });
  expect(text.stdout.match(/isolated|cannot be reached|can be reached/g)).toEqual(['isolated', 'can be reached']);
  expect(text).toMatchObject({ code: 2, stdout: expect.not.stringMatching(/unhealthy|not answering/) as string });
  expect(status.isolated).toBe(isolated);
  expect(new Set(status.placements.map(one => `${one.sync} ${one.health}`))).toEqual(new Set(['unknown unknown']));

  expect(linesSince(said)).toEqual([`${isolated}; what runs there runs on`]);
  expect(await lives()).toEqual(before);
});

test('what was pushed meanwhile waits; joined again, it is made once, and said once', async () => {
  const [, second, third] = hosts;
  const said = controller.output().length;
  const applied = (await story.status()).appliedCommit;
  await story.push(registry(2));
  const newest = await story.push(registry(3, true));
  await sayingOf(said, new RegExp(`commit ${newest.slice(0, 12)}`));
  expect((await story.status()).appliedCommit).toBe(applied);
  expect(changesOf((await story.plan()).report)).toEqual([]);

  const before = await lives();
  await all('join');
  await untilApplied(story, controller, newest);
  const told = linesSince(said).filter(line => !line.startsWith('commit '));
  expect(told.toSorted()).toEqual(
    [
      'e@m2: done',
      'e@m2: stopping',
      'everything is as the registry says',
      'f@m3: healthy',
      'f@m3: updating',
      'machines can be reached again',
    ].toSorted(),
  );
  expect((await lives())[0]).toBe(before[0]);
  expect(await second?.inside('systemctl is-active b.service e.service')).toMatchObject({
    stdout: 'active\ninactive\n',
  });
  const environment = `tr '\\0' '\\n' </proc/$(systemctl show -P MainPID f)/environ | grep VERSION`;
  expect(await third?.must(environment)).toBe('VERSION=3\n');
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
});

test('history has one event for the cut and one for its end', async () => {
  const events = await story.cli(['events', '--json', '--limit', '500']);
  expect(events, events.stdout).toMatchObject({ code: 0 });
  const cut = (JSON.parse(events.stdout) as readonly HistoryEvent[]).filter(
    one => one.kind.startsWith('controller.') && one.kind !== 'controller.started',
  );
  expect(cut.map(one => one.kind).toSorted()).toEqual(['controller.isolated', 'controller.rejoined']);
  expect(await controller.stop()).toBe(0);
});
