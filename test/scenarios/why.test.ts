// Why, as a person types it: a service of this machine, changed by others, edited by hand, stopped, and taken out again.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WhyReport } from '../../schema/why.js';
import { program } from '../program.js';

let top = '';
let repo = '';

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  XDG_STATE_HOME: join(top, 'xdg'),
  PORTOSER_STATE_DIR: join(top, 'state'),
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function portoser(line: string): Promise<Ended> {
  const words = [program, ...line.split(' ')];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd: repo, env: env() });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, out: stdout, err: stderr };
  }
}

const git = async (...words: string[]): Promise<string> =>
  (await promisify(execFile)('git', ['-C', repo, ...words])).stdout.trim();

const write = (path: string, text: string): Promise<void> => writeFile(join(repo, path), text);

async function commit(author: string, message: string): Promise<string> {
  await git('add', '-A');
  await git('commit', '-q', '--author', `${author} <${author.toLowerCase()}@example.org>`, '-m', message);
  return (await git('rev-parse', 'HEAD')).slice(0, 12);
}

const included = (services: string): string => `services:${services}\n`;
const tick = (word: string): string => `
  tick:
    type: local
    machine: me
    path: ${top}/tick
    scope: none
    source: apps/tick
    command: sh tick.sh
    env:
      WORD: ${word}
    health: {type: command, command: ["true"]}`;
const main = (greeting: string): string => `cluster: why-${process.pid}
include: [services/*.yml]
vars: {GREETING: ${greeting}}
machines:
  me: {host: local, user: root, platform: linux}
`;

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-why-')));
  repo = join(top, 'repo');
  for (const folder of ['services', 'apps/tick']) await mkdir(join(repo, folder), { recursive: true });
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.org');
  await write('registry.yml', main('tock'));
  await write('services/tick.yml', included(tick('"{{ GREETING }}"')));
  await write('apps/tick/tick.sh', 'while :; do echo "$WORD"; sleep 1; done\n');
  await commit('Ada', 'Add tick');
});
/** Also when the test failed half-way: the supervisor's record names the process, which leads its group. */
function endTick(): void {
  const record = join(top, 'xdg/portoser/clusters', `why-${process.pid}`, 'supervise/tick');
  const [pid = ''] = existsSync(record) ? readFileSync(record, 'utf8').split(' ') : [];
  if (/^\d+$/.test(pid) && existsSync(`/proc/${pid}`)) process.kill(-Number(pid), 'SIGKILL');
}

afterAll(async () => {
  endTick();
  if (top !== '') await rm(top, { recursive: true, force: true });
});

describe('why', () => {
  it('tells of one service, from its creation to its removal', async () => {
    const missing = await portoser('why tick');
    expect(missing).toMatchObject({ code: 2, err: '' });
    expect(missing.out).toContain('tick@me missing: it is not there');
    expect(missing.out).toMatch(/services\/tick\.yml:4 services\.tick\.machine, commit \w{12} of Ada, .*: Add tick/);
    expect(missing.out).toContain(`write ${top}/tick/tick.sh`);
    expect(missing.out).toContain('p_supervise_start tick');
    expect(missing.out).not.toContain('p_supervise_start() {');

    expect(await portoser('deploy tick')).toMatchObject({ code: 0 });
    const settled = await portoser('why tick');
    expect(settled).toMatchObject({ code: 0, err: '' });
    expect(settled.out).toContain('nothing to do');

    await write('registry.yml', main('tack'));
    const greeting = await commit('Bob', 'Greet otherwise');
    await write('apps/tick/tick.sh', 'while :; do echo "$WORD"; sleep 2; done\n');
    const slower = await commit('Eve', 'Be slower');
    const changed = await portoser('why tick');
    expect(changed.code).toBe(2);
    expect(changed.out).toContain('env.WORD: found tock, wanted tack');
    expect(changed.out).toMatch(new RegExp(`registry\\.yml:3 vars\\.GREETING, commit ${greeting} of Bob, .*: Greet`));
    expect(changed.out).toMatch(/through services\/tick\.yml:10 services\.tick\.env\.WORD, commit \w+ of Ada/);
    expect(changed.out).toMatch(new RegExp(`apps/tick/tick\\.sh, commit ${slower} of Eve, .*: Be slower`));

    const json = JSON.parse((await portoser('why tick@me --json')).out) as WhyReport;
    expect(json).toMatchObject({ service: 'tick@me', placements: [{ decision: 'change', reason: 'changed' }] });
    expect(json.placements[0]?.work?.steps.map(step => step.what)).toContain('start the process');

    expect(await portoser('deploy')).toMatchObject({ code: 0 });
    await writeFile(join(top, 'tick/tick.sh'), 'sleep 99\n');
    const drifted = await portoser('why tick');
    expect(drifted).toMatchObject({ code: 2 });
    expect(drifted.out).toContain(`tick@me drifted: changed by hand on me: file:${top}/tick/tick.sh`);
    expect(drifted.out).toMatch(/tick\.sh edited.*by whom is unknown/);
    expect(drifted.out).toMatch(new RegExp(`apps/tick/tick\\.sh, commit ${slower} of Eve`));
    expect(await portoser('deploy')).toMatchObject({ code: 0 });

    await write('services/tick.yml', included(tick('mine')));
    const lying = await portoser('why tick');
    expect(lying.code).toBe(2);
    expect(lying.out).toContain('These files differ from the commit');
    expect(lying.out).toContain('services/tick.yml:10 services.tick.env.WORD, not committed yet');
    expect(await portoser('why tick --committed')).toMatchObject({ code: 0 });

    await write('services/tick.yml', included(' {}'));
    const out = await commit('Bob', 'Drop tick');
    const orphaned = await portoser('why tick');
    expect(orphaned.code).toBe(2);
    expect(orphaned.out).toMatch(
      new RegExp(`does not name tick: it was taken out by commit ${out} of Bob, .*: Drop tick`),
    );
    const [, plan = ''] = /portoser approve (\w+)/.exec(orphaned.out) ?? [];
    expect(await portoser(`approve ${plan}`)).toMatchObject({ code: 0 });
    expect(await portoser('run --once')).toMatchObject({ code: 0 });
    const gone = await portoser('why tick');
    expect(gone.code).toBe(0);
    expect(gone.out).toContain('it left the registry and was stopped; its data is kept');
  }, 120_000);

  it('answers a wrong name with the right one, and a broken registry with its faults', async () => {
    await write('services/tick.yml', included(tick('mine')));
    const wrong = await portoser('why tikc');
    expect(wrong).toMatchObject({ code: 1, out: '' });
    expect(wrong.err).toContain('there is no service `tikc`');
    expect(wrong.err).toContain('Did you mean `tick`?');
    await write('services/tick.yml', included(tick('"{{ GREETNG }}"')));
    const broken = await portoser('why tick');
    expect(broken.code).toBe(1);
    expect(broken.out).toContain('services/tick.yml:10:13 error nothing is known under the name `GREETNG`');
    expect(await portoser('why')).toMatchObject({ code: 1, err: expect.stringContaining('[usage]') as string });
  });
});
