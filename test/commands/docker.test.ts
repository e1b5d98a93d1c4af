// The words for Docker: run by a real shell, with programs in the place of docker that answer as other versions do.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, render } from '../../reconciler/commands/command.js';
import {
  composeSetup,
  composeUp,
  engineWords,
  lookAtProjects,
  projectLogs,
  removeProject,
  stopProject,
} from '../../reconciler/commands/docker.js';
import { haveImages } from '../../reconciler/commands/docker-images.js';
import { prelude } from '../../reconciler/commands/prelude.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'docker-words-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A program that notes its words in `calls`, and then does what `body` says. */
function program(name: string, body: string): void {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho "${name} $*" >>${folder}/calls\n${body}\n`);
  chmodSync(path, 0o755);
}

/** docker with a Compose plugin of that version ('' = none), whose `up` ends with `code`. */
function dockerWith(compose: string, code = 0): void {
  program(
    'docker',
    `case "$*" in
  "compose version --short") ${compose === '' ? 'exit 1' : `echo ${compose}`} ;;
  compose*) exit ${code} ;;
esac`,
  );
}

function run(command: Command): {
  readonly code: number | null;
  readonly stderr: string;
  readonly calls: readonly string[];
} {
  // only these programs: a docker of this machine must not be found
  for (const name of ['date', 'grep', 'id', 'sh', 'timeout']) {
    const real = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    if (real !== '') writeFileSync(join(folder, name), `#!/bin/sh\nexec ${real} "$@"\n`, { mode: 0o755 });
  }
  const script = render(lines([prelude({ nonce: 'n', sudo: 'never' }), command])).replace(/^PATH=.*$/m, '');
  const env = { PATH: folder, HOME: folder, DOCKER_HOST: 'unix:///nowhere' };
  const { status, stderr } = spawnSync('/bin/sh', ['-s'], { input: script, env, encoding: 'utf8' });
  let calls: readonly string[] = [];
  try {
    calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  } catch {
    calls = []; // nothing was called
  }
  return { code: status, stderr: stderr.trim(), calls };
}

const call = (more: object = {}) => ({
  path: folder,
  project: 'web',
  files: [`${folder}/compose.yml`, `${folder}/.portoser/compose.override.yml`],
  envFiles: [`${folder}/.env`, `${folder}/.portoser/compose.env`] as [string, ...string[]],
  variables: [],
  overrideTag: false,
  ...more,
});

const plainUp = { recreate: 'changed', pullNever: false } as const;
const upCalls = (calls: readonly string[]) =>
  calls.filter(one => / up /.test(one)).map(one => one.replaceAll(folder, '/opt/web'));

describe('which compose', () => {
  test('the plugin, with both files and our variables', () => {
    dockerWith('2.26.1-4');
    const { code, calls } = run(composeUp(call(), plainUp));
    expect(code).toBe(0);
    expect(upCalls(calls)).toEqual([
      'docker compose -p web -f /opt/web/compose.yml -f /opt/web/.portoser/compose.override.yml --env-file /opt/web/.portoser/compose.env up -d --remove-orphans --quiet-pull',
    ]);
  });

  test('.env only where it is there, and before ours', () => {
    dockerWith('2.26.1');
    writeFileSync(join(folder, '.env'), '');
    expect(upCalls(run(composeUp(call(), plainUp)).calls)[0]).toContain(
      '--env-file /opt/web/.env --env-file /opt/web/.portoser/compose.env up',
    );
  });

  test('the older program when there is no plugin', () => {
    dockerWith('');
    program('docker-compose', 'case "$*" in version*) echo 1.29.2;; esac');
    const { code, calls } = run(composeUp(call(), plainUp));
    expect(code).toBe(0);
    expect(upCalls(calls)[0]).toMatch(/^docker-compose -p web -f .* up -d/);
  });

  test('neither, and no docker at all, are told apart', () => {
    dockerWith('');
    expect(run(composeUp(call(), plainUp))).toMatchObject({ code: 69, stderr: engineWords.compose });
    rmSync(join(folder, 'docker'));
    expect(run(composeUp(call(), plainUp))).toMatchObject({ code: 69, stderr: engineWords.missing });
  });

  test.each([
    ['1.29.2', false],
    ['2.2.3', false],
    ['2.17.0', false],
    ['2.23.3', false],
    ['v2.24.3', false],
    ['2.24.3-desktop.1', false],
    ['2.24.4', true],
    ['2.24.10', true],
    ['2.26.1-4', true],
    ['2.32.4-desktop.1', true],
    ['v2.40.0', true],
    ['5.0.1', true],
  ])('%s may replace ports: %s', (version, may) => {
    dockerWith(version);
    const { code, stderr, calls } = run(composeUp(call({ overrideTag: true }), plainUp));
    expect(code).toBe(may ? 0 : 70);
    expect(stderr).toBe(may ? '' : engineWords.old);
    expect(upCalls(calls)).toHaveLength(may ? 1 : 0);
  });
});

describe('compose up', () => {
  test('keeps the exit code, and says that the file is refused', () => {
    dockerWith('2.26.1', 15);
    expect(run(composeUp(call(), plainUp))).toMatchObject({ code: 15, stderr: engineWords.invalid });
    dockerWith('2.26.1', 18);
    expect(run(composeUp(call(), plainUp))).toMatchObject({ code: 18, stderr: '' });
  });

  test('says that the engine is down when it is', () => {
    program('docker', `case "$*" in "compose version --short") echo 2.26.1 ;; *) exit 1 ;; esac`);
    expect(run(composeUp(call(), plainUp))).toMatchObject({ code: 1, stderr: engineWords.down });
  });

  test('takes what is asked', () => {
    dockerWith('2.26.1');
    const asked = run(composeUp(call(), { recreate: 'always', pullNever: true, stopSeconds: 30 }));
    expect(upCalls(asked.calls)[0]).toMatch(/up -d --remove-orphans --quiet-pull --pull never -t 30 --force-recreate$/);
  });

  test.each([
    ['', '', false],
    ['a', 'a b', false],
    ['', 'a b', true],
  ])('with %j running of %j, recreates after a stop: %s', (running, all, anew) => {
    program(
      'docker',
      `case "$*" in
  "compose version --short") echo 2.26.1 ;;
  *status=paused*) ;;
  "ps -q "*) echo ${running} ;;
  "ps -aq "*) echo ${all} ;;
  inspect*) echo always; echo no ;;
esac`,
    );
    const { calls } = run(composeUp(call(), { recreate: 'stopped', pullNever: false }));
    expect(upCalls(calls)[0]?.endsWith('--force-recreate')).toBe(anew);
  });

  test('variables of the shell do not win over those of the files, but the way to the engine stays', () => {
    program(
      'docker',
      `case "$*" in "compose version --short") echo 2.26.1 ;; compose*) echo "HOME=$HOME HOST=$DOCKER_HOST LC=$LC_ALL" >>${folder}/calls ;; esac`,
    );
    const { calls } = run(composeUp(call({ variables: ['HOME', 'DOCKER_HOST', 'LC_ALL', 'bad-name'] }), plainUp));
    expect(calls.at(-1)).toBe(`HOME=${folder} HOST=unix:///nowhere LC=`);
  });

  test('pull and build read the same files', () => {
    dockerWith('2.26.1');
    expect(run(composeSetup(call(), 'pull')).calls.at(-1)).toMatch(/-f .*override\.yml .* pull --quiet$/);
    expect(run(composeSetup(call(), 'build --pull')).calls.at(-1)).toMatch(/ build --pull$/);
  });
});

describe('stop and remove', () => {
  test('find containers by project alone', () => {
    program(
      'docker',
      `case "$*" in "compose version --short") echo 2.26.1 ;; "ps "*|"network ls"*) echo x1 ;; "network inspect"*) echo 0 ;; esac`,
    );
    expect(run(stopProject('web', 20)).calls.filter(one => !one.includes('version'))).toEqual([
      'docker ps -aq --filter label=com.docker.compose.project=web --filter label=com.docker.compose.oneoff=False',
      'docker update --restart=no x1',
      'docker compose -p web stop -t 20',
      'docker ps -q --filter label=com.docker.compose.project=web',
      'docker stop -t 20 x1',
    ]);
    rmSync(join(folder, 'calls'));
    const { calls } = run(removeProject('web'));
    expect(calls).toContain('docker rm x1');
    expect(calls).toContain('docker network rm x1');
    expect(calls.join('\n')).not.toMatch(/volume|-v|prune|rmi/);
  });

  test('nothing there is nothing to do', () => {
    dockerWith('2.26.1');
    expect(run(stopProject('web')).code).toBe(0);
    expect(run(removeProject('web')).code).toBe(0);
  });
});

describe('look', () => {
  test('asks again when a container went away between the two questions', () => {
    program(
      'docker',
      `case $1 in ps) echo x1 ;; inspect) if [ -e ${folder}/once ]; then echo '{"name":"/x"}'; else : >${folder}/once; exit 1; fi ;; esac`,
    );
    expect(run(lookAtProjects()).calls).toHaveLength(4);
  });
});

describe('log', () => {
  test('takes its words as they are, and keeps the exit code', () => {
    dockerWith('2.26.1', 3);
    const wish = { project: 'web', path: folder, follow: true, lines: 20, since: '10m; reboot', names: false };
    const { code, calls } = run(projectLogs(wish));
    expect(code).toBe(3);
    expect(calls).toContain('docker compose -p web logs --no-color --no-log-prefix --tail 20 --since 10m; reboot -f');
  });
});

describe('images', () => {
  const emulators = () => join(folder, 'binfmt');
  /** `there`: kinds by name; what is pulled is of the last kind. */
  function engine(kernel: string, there: Readonly<Record<string, string>>, pulls = ''): void {
    program('uname', `case $1 in -s) echo Linux ;; *) echo ${kernel} ;; esac`);
    const known = Object.entries(there).map(([name, kind]) => `  image*" ${name}") echo ${kind} ;;`);
    program(
      'docker',
      `case "$*" in
${known.join('\n')}
  image*) if [ -e ${folder}/pulled ]; then echo ${pulls}; else exit 1; fi ;;
  pull*) if [ -n "${pulls}" ]; then : >${folder}/pulled; else echo 'manifest unknown' >&2; exit 1; fi ;;
esac`,
    );
  }
  const have = (images: readonly string[], never = false) => run(haveImages(images, never, emulators()));
  const pulled = (calls: readonly string[]) => calls.filter(one => one.startsWith('docker pull'));

  test.each([
    ['x86_64', 'amd64', ''],
    ['x86_64', '386', ''],
    ['x86_64', 'arm64', 'arm64'],
    ['x86_64', 'arm', 'arm'],
    ['x86_64', 'riscv64', ''],
    ['aarch64', 'arm64', ''],
    ['aarch64', 'arm', ''],
    ['aarch64', 'amd64', 'amd64'],
    ['armv7l', 'arm', ''],
    ['armv7l', '386', '386'],
    ['x86_64', '', ''],
  ])('on %s one for %j', (kernel, kind, refused) => {
    engine(kernel, { 'app:1': kind });
    const { code, stderr, calls } = have(['app:1']);
    const why = `portoser: the image app:1 is made for another kind of machine: ${kind}, and this one is ${kernel}`;
    expect([code, stderr, pulled(calls)]).toEqual(refused === '' ? [0, '', []] : [1, why, []]);
  });

  test('one for another machine may start where something is registered to run it', () => {
    engine('aarch64', { 'app:1': 'amd64' });
    mkdirSync(emulators());
    for (const name of ['register', 'status', 'python3.11']) writeFileSync(join(emulators(), name), '');
    expect(have(['app:1']).code).toBe(1);
    writeFileSync(join(emulators(), 'qemu-x86_64'), '');
    expect(have(['app:1']).code).toBe(0);
  });

  test('what is missing is pulled, and looked at then', () => {
    engine('aarch64', { 'db:1': 'arm64' }, 'amd64');
    const { code, stderr, calls } = have(['db:1', 'app:1']);
    expect([code, pulled(calls)]).toEqual([1, ['docker pull -q app:1']]);
    expect(stderr).toContain('the image app:1 is made for another kind of machine: amd64');
  });

  test('what cannot be pulled says why; with `never` that is left to Compose', () => {
    engine('x86_64', {});
    expect(have(['app:1'])).toMatchObject({ code: 1, stderr: 'manifest unknown' });
    const { code, calls } = have(['app:1', 'app:2'], true);
    expect([code, pulled(calls).length]).toEqual([0, 1]);
  });
});
