// The commands of docs/quickstart.md, typed on a terminal against a real host, with every question answered by yes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, keyFile, withLab } from '../harness.js';
import { freshPerson, type Person } from './forms-person.js';

const lab = withLab({ hosts: 1 });
const page = readFileSync(new URL('../../../docs/quickstart.md', import.meta.url), 'utf8');

let person: Person;
/** What each command printed, by section, in order. */
const typed: { readonly section: string; readonly line: string; readonly code: number; readonly said: string }[] = [];

/** `ssh` reads the home of the account, not HOME: the person's key and no memory of hosts. */
function writeSsh(home: string): void {
  const options = `-q -i ${keyFile} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`;
  writeFileSync(join(home, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`);
  chmodSync(join(home, 'bin/ssh'), 0o755);
}

beforeAll(async () => {
  person = await freshPerson();
  writeSsh(person.home);
  mkdirSync(join(person.home, 'desk'));
});
afterAll(() => person?.remove());

interface Block {
  readonly section: string;
  readonly lines: readonly string[];
}

function blocksOf(text: string): readonly Block[] {
  return text
    .split(/^## /m)
    .slice(1)
    .flatMap(part => {
      const section = part.split('\n')[0] ?? '';
      return [...part.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, code = '']) => ({
        section,
        lines: code.trim().split('\n'),
      }));
    });
}

const blocks = blocksOf(page);
/** The page's machine and its user, as they are here. */
const here = (line: string): string =>
  line.replaceAll('192.168.0.245', lab.host(1).address).replaceAll(/\badmin\b/g, 'deploy');

/** script(1) gives the commands a terminal; what they ask is answered as it comes. */
async function onTerminal(lines: readonly string[], answer: string): Promise<string> {
  const file = join(person.home, 'block.sh');
  writeFileSync(file, lines.map(line => `${line}\necho "[exit $?]"\n`).join(''));
  const env = { ...person.env, TERM: 'xterm', PS1: '' };
  const child = spawn('script', ['-qec', `sh ${file}`, '/dev/null'], { cwd: join(person.home, 'desk'), env });
  let said = '';
  let asked = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    said += String(chunk);
    for (; asked < said.split('[y/N]').length - 1; asked += 1) child.stdin.write(`${answer}\n`);
  });
  await once(child, 'close');
  return said;
}

/** Later blocks stand in the repository that the first made. */
const inFleet = (block: Block): readonly string[] => (block.lines[0]?.includes('mkdir fleet') ? [] : ['cd fleet']);

async function typeBlock(block: Block): Promise<void> {
  const before = inFleet(block);
  const lines = [...before, ...block.lines.map(here)];
  const parts = stripVTControlCharacters(await onTerminal(lines, 'y')).split(/\[exit (\d+)\]\r?\n/);
  lines.forEach((line, at) => {
    if (at < before.length) return;
    typed.push({ section: block.section, line, said: parts[2 * at] ?? '', code: Number(parts[2 * at + 1]) });
  });
}

const saidTo = (pattern: RegExp): readonly string[] => typed.filter(one => pattern.test(one.line)).map(one => one.said);

test('the page installs as the README does, and says everything once', () => {
  const install = 'npm ci && npm run build && npm link';
  expect(blocks[0]).toEqual({ section: '1. Install', lines: [install] });
  expect(readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')).toContain(install);
  expect(blocks.flatMap(block => block.lines).filter(line => line === 'portoser run')).toHaveLength(1);
});

const isRun = (block: Block): boolean => block.lines[0] === 'portoser run';
const beforeRun = blocks.slice(1, blocks.findIndex(isRun));

test('every command up to `portoser run` does what the page says', async () => {
  for (const block of beforeRun) await typeBlock(block);
  const failed = typed.filter(one => one.code !== (one.line === 'portoser plan' ? 2 : 0));
  expect(failed).toEqual([]);
  expect(saidTo(/machine trust/)[0]).toMatch(/SHA256:[^]*Pin the key\? \[y\/N\][^]*Committed as/);
  const [first, again, repaired] = saidTo(/portoser deploy/);
  expect(first).toMatch(
    /create hello@m1[^]*Apply this plan\? \[y\/N\][^]*hello@m1 created[^]*Everything is as the registry says/,
  );
  expect(again).toMatch(/hello@m1[^]*Everything is as the registry says/);
  expect(repaired).toContain('Everything is as the registry says');
  const [hello, helloAgain] = saidTo(/^curl/);
  expect(hello).toContain('<h1>Hello from git</h1>');
  expect(helloAgain).toContain('<h1>Hello again</h1>');
  expect(saidTo(/portoser status/)[0]).toMatch(/hello +m1 +synced +healthy/);
  expect(saidTo(/portoser plan/)[1]).toMatch(/hello@m1 \(stopped/);
  expect(saidTo(/portoser logs/)[0]).toContain('GET / HTTP');
  expect(await lab.host(1).must('systemctl is-active portoser-hello')).toBe('active\n');
});

test('`portoser run` keeps it so until it is stopped', async () => {
  const controller = person.start(`sh -c 'cd ${person.home}/desk/fleet && exec portoser run'`);
  try {
    await eventually('it follows', async () => /is in force/.test(controller.output()), 60_000);
    await lab.host(1).must('rm /srv/hello/index.html');
    const page = async () => (await lab.host(1).inside('curl -s localhost:8000/')).stdout.includes('Hello again');
    await eventually('the file is back', page, 120_000);
  } finally {
    expect(await controller.stop('SIGINT')).toBe(0);
  }
});

test('taken away again, it is stopped and its files stay', async () => {
  typed.length = 0;
  for (const block of blocks.slice(blocks.findIndex(isRun) + 1)) await typeBlock(block);
  expect(typed.map(one => one.code)).toEqual([0, 0]);
  expect((await lab.host(1).inside('systemctl is-active portoser-hello')).stdout).not.toBe('active\n');
  expect(await lab.host(1).must('cat /srv/hello/index.html')).toBe('<h1>Hello again</h1>\n');
});
