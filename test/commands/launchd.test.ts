// Property lists, read by a real parser where one is there, words for launchctl, and recorded answers of it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { display, renderBody } from '../../reconciler/commands/command.js';
import { lookAtJobs, readJob, startJob, stopJob } from '../../reconciler/commands/launchd.js';
import { plistText, type PlistWish } from '../../reconciler/commands/launchd-plist.js';

const wish: PlistWish = {
  label: 'web',
  service: 'web',
  cluster: 'home',
  user: 'deploy',
  folder: '/srv/web',
  command: ['/bin/sh', '/srv/web/.portoser/run'],
  logFile: '/srv/web/.portoser/log',
  stopTimeoutMs: 10_000,
};

const hasPlistutil = spawnSync('plistutil', ['--version']).error === undefined;
if (!hasPlistutil) console.log('left out: a parser reads our property lists (plistutil of libplist-utils is missing)');

/** Strings of a property list after a real parser made it binary, and text again. */
function throughParser(text: string): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'portoser-plist-'));
  try {
    const [from, binary, to] = ['a.plist', 'b.plist', 'c.plist'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(from, text);
    expect(spawnSync('plistutil', ['-i', from, '-o', binary])).toMatchObject({ status: 0 });
    expect(spawnSync('plistutil', ['-i', binary, '-o', to])).toMatchObject({ status: 0 });
    expect(readFileSync(binary).subarray(0, 6).toString()).toBe('bplist');
    const plain = (xml: string) => xml.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    return [...readFileSync(to, 'utf8').matchAll(/<string>([^<]*)<\/string>|<string\/>/g)].map(found =>
      plain(found[1] ?? ''),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a daemon says all that running needs', () => {
  const text = plistText(wish);
  expect(text).toContain('<key>Label</key>\n  <string>web</string>');
  expect(text).toContain('<key>UserName</key>\n  <string>deploy</string>');
  expect(text).toContain('<key>KeepAlive</key>\n  <true/>');
  expect(text).toContain('<key>ExitTimeOut</key>\n  <integer>10</integer>');
  const { user: _, ...agent } = wish;
  expect(plistText(agent)).not.toContain('UserName');
});

test.skipIf(!hasPlistutil)('a real parser finds every word as it was', () => {
  const command = ['/bin/x', '<a>&amp;"\'', 'one\ntwo', '', '$HOME', 'ü', ']]>'];
  const [label, ...rest] = throughParser(plistText({ ...wish, command }));
  expect(label).toBe('web');
  expect(rest).toEqual(expect.arrayContaining([...command, 'deploy', '/srv/web']));
  expect(rest.slice(rest.indexOf('/bin/x'), rest.indexOf('/bin/x') + command.length)).toEqual(command);
});

test('what XML cannot hold is refused', () => {
  expect(() => plistText({ ...wish, command: ['a\u0001'] })).toThrow(TypeError);
});

test('a changed job is taken out before it is loaded', () => {
  const words = display(startJob('system', 'web', 'anew', 20));
  expect(words.indexOf('bootout')).toBeLessThan(words.indexOf('bootstrap'));
  expect(words).toMatch(/p_launchctl kickstart {2}"\$p_domain\/"web$/);
  expect(display(startJob('system', 'web', 'start', 20))).not.toContain('bootout');
  expect(display(startJob('system', 'web', 'again', 20))).toMatch(/kickstart -k "\$p_domain\/"web$/);
  expect(display(stopJob('user', 'web', 20))).toContain('p_launchctl disable "$p_domain/"web');
});

test.each([
  ['start', startJob('system', "x';reboot", 'anew', 5)],
  ['stop', stopJob('user', "x';reboot", 5)],
  ['look', lookAtJobs],
])('the words to %s are shell, whatever the label is', (_, command) => {
  const script = `p_do() {\n${renderBody(command)}\n}\n`;
  expect(spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  expect(script).not.toMatch(/^x';reboot/m);
});

const lines = (state: string, exit: string) => [
  'plist',
  `\tstate = ${state}`,
  '\tpid = 0',
  '\truns = 4',
  `\tlast exit code = ${exit}`,
];

test.each([
  [
    ['plist', '\tstate = running', '\tpid = 512', '\truns = 1', '\tlast exit code = (never exited)'],
    { run: 'running', pid: 512, runs: 1 },
  ],
  [lines('spawn scheduled', '1'), { run: 'crash-looping', lastExit: '1' }],
  [lines('spawn scheduled', '(never exited)'), { run: 'starting' }],
  [lines('not running', '0'), { run: 'stopped' }],
  [lines('not running', '78: EX_CONFIG'), { run: 'failed', lastExit: '78' }],
  [['plist'], { run: 'stopped', disabled: false }],
  [['\t"web" => disabled', 'plist'], { run: 'stopped', disabled: true }],
  [['\t"web" => true', 'plist'], { disabled: true }],
  [['\t"web" => enabled', '\tstate = running'], { run: 'running', disabled: false }],
])('%j', (answer, seen) => expect(readJob(answer)).toMatchObject(seen));

test('neither loaded nor a property list: there is no such job', () => expect(readJob([])).toBeUndefined());
