// The survey's script, run by a real shell: with folders of the test in the place of systemd's, and programs that answer as the real ones do.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { composeSurvey, surveyCommand } from '../../reconciler/commands/adopt.js';
import { type Command, render } from '../../reconciler/commands/command.js';
import { type ProbeSection, readProbe } from '../../reconciler/commands/probe.js';
import { readCompose, readSurvey } from '../../reconciler/core/adopt-seen.js';

let top = '';

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'survey-'));
  for (const folder of ['bin', 'units', 'run', 'vendor', 'state']) mkdirSync(join(top, folder));
});
afterEach(() => rmSync(top, { recursive: true }));

function program(name: string, body: string): void {
  writeFileSync(join(top, 'bin', name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(top, 'bin', name), 0o755);
}

function run(command: Command): readonly ProbeSection[] {
  const script = render(command)
    .replaceAll('/etc/systemd/system', join(top, 'units'))
    .replaceAll('/run/systemd/system', join(top, 'run'))
    .replaceAll('/usr/lib/systemd/system', join(top, 'vendor'));
  const env = { PATH: `${top}/bin:${process.env['PATH'] ?? ''}`, HOME: top, XDG_STATE_HOME: join(top, 'state') };
  const { stdout, stderr } = spawnSync('/bin/sh', ['-s'], { input: script, env, encoding: 'utf8' });
  expect(stderr).toBe('');
  const sections = readProbe(stdout, 'n');
  if (sections === undefined) throw new Error(stdout);
  return sections;
}

const survey = () => readSurvey(run(surveyCommand({ nonce: 'n', sudo: 'never', cluster: 'home' })));
const unit = (name: string): void => writeFileSync(join(top, 'units', name), '[Service]\n');

it('asks about units that are plain files there, instances of templates among them, and whose they are', () => {
  for (const name of [
    'site.service',
    'my own.service',
    'pack.service',
    'copy.service',
    'tick.timer',
    'worker@.service',
    'note.txt',
  ])
    unit(name);
  symlinkSync('/dev/null', join(top, 'units/masked.service'));
  writeFileSync(join(top, 'vendor/copy.service'), '');
  program(
    'systemctl',
    `case $1 in
  list-units) printf '%s\\n' 'ssh.service loaded active running x' 'worker@1.service loaded active running x' 'getty@tty1.service loaded active running x' ;;
  show) shift; for u do case $u in -*) ;; *) printf 'Id=%s\\nLoadState=loaded\\nWorkingDirectory=/srv/x\\n\\n' "$u" ;; esac; done ;;
esac`,
  );
  program('dpkg-query', `case $2 in */pack.service) exit 0 ;; *) exit 1 ;; esac`);
  const { units } = survey();
  expect(units.map(one => `${one.name} ${one.system}`).toSorted()).toEqual([
    'copy.service true',
    'my own.service false',
    'pack.service true',
    'site.service false',
    'tick.timer false',
    'worker@1.service false',
  ]);
  expect(units.every(one => one.load === 'loaded' && one.folder === '/srv/x')).toBe(true);
});

it('tells who listens by the control group of the process', () => {
  unit('site.service');
  program('systemctl', `case $1 in show) printf 'Id=site.service\\nLoadState=loaded\\n\\n' ;; esac`);
  program(
    'ss',
    `echo 'LISTEN 0 5 127.0.0.1:9101 0.0.0.0:* users:(("a",pid=${process.pid},fd=3),("a",pid=999999999,fd=3))'`,
  );
  const sections = run(surveyCommand({ nonce: 'n', sudo: 'never', cluster: 'home' }));
  expect(sections.find(one => one.name === 'listening')?.lines[0]).toContain(':9101');
  expect(sections.some(one => one.name === 'cgroups')).toBe(true);
});

it('names what stamps of other clusters name, and not those of ours', () => {
  for (const [cluster, name] of [
    ['home', 'web'],
    ['work', 'shop'],
  ] as const) {
    const folder = join(top, 'state/portoser/clusters', cluster, 'stamps');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `portoser-stamp 1\nunit ${name}.service\nproject ${name}\nend\n`);
  }
  expect(survey().others).toEqual(
    new Map([
      ['unit shop.service', 'work'],
      ['project shop', 'work'],
    ]),
  );
});

it('is whole where there is neither Docker nor systemd', () => {
  rmSync(join(top, 'run'), { recursive: true });
  expect(survey()).toMatchObject({ units: [], others: new Map() });
});

it.each([
  ['exit 0', { names: ['compose.yaml'], hashes: new Map([['main', 'a'.repeat(64)]]), said: '' }],
  ['echo "services.main: nonsense" >&2; exit 15', { names: ['compose.yaml'], said: 'services.main: nonsense' }],
])('asks Compose what it would bring up: %s', (end, wanted) => {
  const folder = join(top, "it's $here");
  mkdirSync(folder);
  writeFileSync(join(folder, 'compose.yaml'), '');
  program(
    'docker',
    `case "$*" in
  "compose version --short") echo 2.26.1 ;;
  *"-p web -f "*"/compose.yaml config --hash *") echo 'level=warning msg="B is not set"' >&2; echo "main ${'a'.repeat(64)}"; ${end} ;;
  *) echo "unexpected: $*"; exit 9 ;;
esac`,
  );
  const question = {
    project: 'web',
    folder,
    files: [`${folder}/compose.yaml`],
    names: ['compose.yaml', 'compose.yml'],
  };
  const sections = run(composeSurvey({ nonce: 'n', sudo: 'never' }, [question]));
  expect(readCompose(sections.find(one => one.name === 'project')?.lines ?? [])).toEqual(wanted);
});

it('says when a folder is gone', () => {
  const question = { project: 'web', folder: join(top, 'gone'), files: [], names: [] };
  const sections = run(composeSurvey({ nonce: 'n', sudo: 'never' }, [question]));
  expect(readCompose(sections[1]?.lines ?? [])).toEqual({ names: [], said: 'its folder cannot be entered' });
});
