// Tools that ignore TERM, print without end, say nothing or read their input: each ends in time, with all that it started, and keeps nobody else.
// The silent one is silent for 7 s, or for as many as PORTOSER_SILENT_SECONDS says (npm run soak: 10 minutes).
import { afterAll, beforeAll, expect, test } from 'vitest';
import { render, sh } from '../../../reconciler/commands/command.js';
import type { PassReport } from '../../../schema/status.js';
import { aChange, answerOf, aStep, batchOf } from '../../commands/batch-machine.js';
import { eventually, withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';

const silentSeconds = Number(process.env['PORTOSER_SILENT_SECONDS'] ?? 7);

const lab = withLab({ hosts: 2 });
/** On the second one a step comes to its time limit, while the first has the other tools. */
const [host, slow] = [lab.host(1), lab.host(2)];

/** Takes the place of uv: loud, greedy for input, and at last silent for longer than people wait without a word. */
const uv = `#!/bin/sh
case $1 in
sync)
  head -c 1073741824 /dev/zero | tr '\\0' x; head -c 1048576 /dev/zero | tr '\\0' y >&2
  echo; echo "read $(cat | wc -c) bytes"
  [ -e /run/works ] || exit 1
  : >/tmp/silent; sleep ${silentSeconds}; while [ -e /run/hold ]; do sleep 0.1; done; rm /tmp/silent
  mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python ;;
run) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
`;

/**
 * Takes the place of test(1) in the step with the shortest limit of all, 30 s: whether an env file is there that only the
 * service's own user sees. It never says, and neither it nor its child ends by TERM.
 */
const deafTest = `#!/bin/sh
[ "$*" = '-e /opt/sealed/own.env' ] || exec /usr/bin/test "$@"
trap '' TERM
sh -c 'trap "" TERM; : deaf-child; while :; do sleep 1; done' &
while :; do sleep 1; done
`;

const program = (name: string, text: string): string =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d >/usr/local/bin/${name}; chmod 755 /usr/local/bin/${name}`;

const registry = (services: StoryRegistry['services'], on = host): StoryRegistry => ({
  cluster: 'hang',
  policy: { retries: 0 },
  machines: { m1: labMachine(on, { user: 'deploy' }) },
  services,
});

let story: Story;
let late: Story;
let ended: ReturnType<Story['once']>;
beforeAll(async () => {
  await host.must(program('uv', uv));
  await slow.must(`${program('test', deafTest)}
install -d -m 700 -o plain /opt/sealed; echo WORD=one >/opt/sealed/own.env; chown plain /opt/sealed/own.env`);
  story = await freshStory();
  late = await freshStory();
  const unit = {
    type: 'native',
    machine: 'm1',
    command: 'sleep infinity',
    health: { type: 'command', command: 'true' },
  };
  const sealed = { ...unit, path: '/opt/sealed', user: 'plain', env_file: 'own.env' };
  await late.push(registry({ sealed, next: { ...unit, path: '/opt/next' } }, slow));
  ended = late.once();
  ended.catch(() => undefined); // it is awaited by a test
});
afterAll(() => Promise.all([story?.remove(), late?.remove()]));

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
const lives = async (words: string, on = host): Promise<boolean> =>
  (await on.inside(`pgrep -f '[${words[0]}]${words.slice(1)}'`)).code === 0;

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

test(
  'a silent one is waited for, and said so while it is: for what, where, until when',
  async () => {
    await host.must(': >/run/works; : >/run/hold');
    const deploy = story.start(['deploy', 'app', '--yes']);
    const isSilent = async (): Promise<boolean> => (await host.inside('test -e /tmp/silent')).code === 0;
    await eventually('it is silent', isSilent, 60_000);
    const said = (): boolean => /waiting: m1: its answer, until .*\d\d:\d\d:\d\d/.test(deploy.output());
    await eventually('that is said', async () => said() || deploy.ended());
    expect({ said: said(), isSilent: await isSilent() }, deploy.output()).toEqual({ said: true, isSilent: true });
    await host.must('rm /run/hold');
    await eventually('it has ended', async () => deploy.ended(), silentSeconds * 1000 + 60_000);
    expect(await deploy.stop(), deploy.output()).toBe(0);
  },
  silentSeconds * 1000 + 180_000,
);

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

test('a deploy of which one step ignores TERM: all of it is ended at the limit, and what is beside it comes up', async () => {
  const { code, report } = await ended;
  const [next, stuck] = report.outcomes.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  expect({ code, outcomes: [next, stuck] }).toMatchObject({
    code: 1,
    outcomes: [
      { key: 'next@m1', result: 'applied' },
      {
        key: 'sealed@m1',
        result: 'failed',
        error: {
          code: 'command-timeout',
          message: 'on m1 it took longer than 30 s to look for the env files, and was ended there',
        },
      },
    ],
  });
  const steps = stuck?.result === 'failed' ? (stuck.steps ?? []) : [];
  expect(steps.slice(-4).map(one => `${one.what} ${one.result}`)).toEqual([
    'look for the env files failed',
    'enable the unit not-run',
    'load unit files anew not-run',
    'start the unit anew not-run',
  ]);
  for (const words of ['/opt/sealed/own.env', 'deaf-child']) expect(await lives(words, slow)).toBe(false);
  expect(await slow.must('systemctl is-active next sealed || :')).toBe('active\ninactive\n');
});
