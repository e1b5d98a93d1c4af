// Tools that ignore TERM, print without end, say nothing or read their input: each ends in time, with all that it started, and keeps nobody else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { render, sh } from '../../../reconciler/commands/command.js';
import type { PassReport } from '../../../schema/status.js';
import { aChange, answerOf, aStep, batchOf } from '../../commands/batch-machine.js';
import { eventually, withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';

const lab = withLab({ hosts: 1 });
const host = lab.host(1);

/** Takes the place of uv: loud, greedy for input, and at last silent for longer than people wait without a word. */
const uv = `#!/bin/sh
case $1 in
sync)
  head -c 1073741824 /dev/zero | tr '\\0' x; head -c 1048576 /dev/zero | tr '\\0' y >&2
  echo; echo "read $(cat | wc -c) bytes"
  [ -e /run/works ] || exit 1
  sleep 7; mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python ;;
run) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
`;

let story: Story;
beforeAll(async () => {
  await host.must(
    `echo ${Buffer.from(uv).toString('base64')} | base64 -d >/usr/local/bin/uv; chmod 755 /usr/local/bin/uv`,
  );
  story = await freshStory();
});
afterAll(() => story?.remove());

const registry = (services: StoryRegistry['services']): StoryRegistry => ({
  cluster: 'hang',
  policy: { retries: 0 },
  machines: { m1: labMachine(host, { user: 'deploy' }) },
  services,
});
const app = {
  type: 'local',
  machine: 'm1',
  path: '/opt/app',
  source: 'app',
  command: 'sleep 100000',
  health: { type: 'command', command: 'true' },
};
const files = { 'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n', 'app/uv.lock': '' };

/** Whether a process of these words is there; only the lab itself asks. */
const lives = async (words: string): Promise<boolean> =>
  (await host.inside(`pgrep -f '[${words[0]}]${words.slice(1)}'`)).code === 0;

test('a step of root that ignores TERM is ended at its limit, and the next one is made', async () => {
  const deaf = sh`p_root sh -c ${'trap "" TERM; : deaf-step; while :; do sleep 1; done'}`;
  const changes = [
    aChange('deaf', { steps: [aStep(deaf, { timeLimitMs: 1000 })] }),
    aChange('next', { steps: [aStep(sh`true`)] }),
  ];
  const batch = batchOf(changes, { sudo: 'auto', sshUser: 'deploy' });
  const { code, stdout, stderr } = await host.ssh(render(batch), { user: 'deploy' });
  expect(answerOf(code, stdout, stderr).rows).toMatchObject({ '0.0': '124', '1.0': '0', done: '0' });
  expect(await lives('deaf-step')).toBe(false);
});

test('a gigabyte of output and a read of the input: the end of it is kept, and there was nothing to read', async () => {
  await story.push(registry({ app }), files);
  const { code, report } = await story.once();
  const [outcome] = report.outcomes;
  expect({ code, result: outcome?.result }).toEqual({ code: 1, result: 'failed' });
  const tail = outcome?.result === 'failed' ? (outcome.outputTail ?? '') : '';
  expect(tail).toContain('read 0 bytes');
  expect(tail.length).toBeLessThanOrEqual(2000);
  const sizes = await host.must(`find /var/lib/portoser/clusters/hang /opt/app -type f -size +128k`);
  expect(sizes).toBe('');
});

test('a silent one is waited for, and said so: for what, where, until when', async () => {
  await host.must(': >/run/works');
  const { code, stderr } = await story.cli(['deploy', 'app', '--yes']);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(
      /waiting: (app@m1: that it is healthy|m1: its answer), until .*\d\d:\d\d:\d\d/,
    ) as string,
  });
});

const checked = (command: string, timeout: string): object => ({
  type: 'native',
  machine: 'm1',
  command: 'sleep infinity',
  health: { type: 'command', command: ['sh', '-c', command], timeout, deadline: '8s' },
});

test('health commands: those that hang are killed in time, and nobody waits for them', async () => {
  await story.push(
    registry({
      deaf: { ...checked('trap "" TERM; : deaf-check; while :; do sleep 1; done', '1s'), path: '/opt/deaf' },
      silent: { ...checked(': silent-check; sleep 600; :', '1s'), path: '/opt/silent' },
      loud: { ...checked('head -c 300000000 /dev/zero', '5s'), path: '/opt/loud' },
      reads: { ...checked('cat', '1s'), path: '/opt/reads' },
      app,
    }),
    files,
  );
  const { report } = await story.once();
  expect(endings(report)).toEqual([
    'deaf@m1 failed killed (time limit 1 s)',
    'loud@m1 applied',
    'reads@m1 applied',
    'silent@m1 failed killed (time limit 1 s)',
  ]);
  const gone = async () => !(await lives('deaf-check')) && !(await lives('silent-check'));
  await eventually('nothing of them is left', gone);
});

function endings(report: PassReport): readonly string[] {
  return report.outcomes
    .map(
      one =>
        `${one.key} ${one.result}${one.result === 'failed' ? ` ${/killed \(.*?\)/.exec(one.error.message)?.[0]}` : ''}`,
    )
    .toSorted();
}

test('a program of a person: its output is kept within bounds, and it ends with the command, however deaf', async () => {
  const where = ['--repo', story.repo.bare, '--state-dir', story.stateDir];
  const words = ['sh', '-c', 'head -c 200000000 /dev/zero | tr "\\0" x'];
  const loud = await story.cli(['exec', 'm1', '--json', ...where, '--', ...words]);
  const { code, stdout } = JSON.parse(loud.stdout) as { readonly code: number; readonly stdout: string };
  expect({ code, kept: stdout.length }).toEqual({ code: 0, kept: 8 * 1024 * 1024 });

  const asked = story.start(['exec', 'm1', '--', 'sh', '-c', 'trap "" TERM; : deaf-exec; while :; do sleep 1; done']);
  await eventually('it runs', () => lives('deaf-exec'), 60_000);
  await asked.stop();
  await eventually('it is ended', async () => !(await lives('deaf-exec')));
});
