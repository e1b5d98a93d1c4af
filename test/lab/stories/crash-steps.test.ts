// A host crashes at each step of a deploy to it, and is back at once or after the run: the others finish, it is done cleanly, and half a file is never seen.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, keyFile, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';

/** `tool nth words`: the call of it that never returns. `base64` then has laid half a file. */
const points = [
  { at: 'the claim is put in place', call: 'mv 1 *stamps/app2' },
  { at: 'half of a file is laid', call: 'base64 3 -d' },
  { at: 'one of two files is in place', call: 'mv 1 */opt/app/b.txt' },
  { at: 'the app is set up', call: 'uv 1 sync*' },
  { at: 'units are read anew', call: 'systemctl 1 daemon-reload*' },
  { at: 'the unit is started', call: 'systemctl 1 restart*' },
  { at: 'the gate waits', call: 'none' },
  { at: 'the stamp is put in place', call: 'mv 2 *stamps/app9' },
] as const;

const lab = withLab({ hosts: points.length + 1 });
const near = lab.host(1);
const far = points.map((point, index) => ({ ...point, host: lab.host(index + 2), early: index % 2 === 0 }));

/** Stands before the real tools, and hangs at the call that /run/at names; that is gone after a crash. */
const tool = `#!/bin/sh
tool=\${0##*/}
if { read -r want nth words </run/at; } 2>/dev/null && [ "$want" = "$tool" ]; then
  case "$*" in $words)
    n=$(($(cat /run/calls 2>/dev/null || echo 0) + 1)); echo $n >/run/calls
    if [ "$n" = "$nth" ]; then
      [ "$tool" != base64 ] || /usr/bin/base64 "$@" | head -c 20000
      : >/run/reached; while :; do sleep 0.1; done
    fi ;;
  esac
fi
if [ "$tool" != uv ]; then exec "/usr/bin/$tool" "$@"; fi
case $1 in
sync) mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python ;;
run) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
`;
const setUp = `echo ${Buffer.from(tool).toString('base64')} | base64 -d >/usr/local/bin/uv; chmod 755 /usr/local/bin/uv
for t in mv base64 systemctl; do ln -s uv /usr/local/bin/$t; done; : >/opt/starts`;

/** Notes at each start which version it is, and what it finds; it listens only once /run/closed is away. */
const program = `echo "$VERSION $(head -c 1 a.txt)$(wc -c <a.txt) $(head -c 1 b.txt)$(wc -c <b.txt)" >>/opt/starts
while [ -e /run/closed ]; do sleep 0.1; done
exec python3 -m http.server 9501 --bind 127.0.0.1 >/dev/null 2>&1
`;

const all = [near, ...far.map(one => one.host)];
const registry = (version: string): StoryRegistry => ({
  cluster: 'crash',
  machines: Object.fromEntries(all.map(host => [`m${host.index}`, labMachine(host)])),
  services: Object.fromEntries(
    all.map(host => [
      `app${host.index}`,
      {
        type: 'local',
        machine: `m${host.index}`,
        path: '/opt/app',
        source: 'app',
        command: 'sh run.sh',
        scope: 'system',
        env: { VERSION: version },
        port: 9501,
        health: { type: 'tcp', deadline: '60s' },
      },
    ]),
  ),
});

const size = 40_000;
const push = (version: string): Promise<string> =>
  story.push(registry(version), {
    'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n',
    'app/uv.lock': '',
    'app/run.sh': program,
    'app/a.txt': version.repeat(size),
    'app/b.txt': version.repeat(size),
  });

let story: Story;
let controller: Controller;
let newest: string;

beforeAll(async () => {
  await Promise.all(all.map(host => host.must(setUp)));
  story = await freshStory();
  const commit = await push('x');
  controller = story.run();
  await untilApplied(story, controller, commit);
}, 180_000);

afterAll(() => story?.remove());

const startsOn = async (host: Host): Promise<readonly string[]> =>
  (await host.must('cat /opt/starts')).split('\n').filter(line => line !== '');

/** Files of a host that is off, from the disk that it will boot with. */
function wholeOnDisk(host: Host): boolean {
  const folder = join(dirname(keyFile), `h${host.index}`, 'root/opt/app');
  const wholes = ['x', 'y'].map(letter => letter.repeat(size));
  return ['a.txt', 'b.txt'].every(name => wholes.includes(readFileSync(join(folder, name), 'utf8')));
}

test('each crashes at its step; the other host finishes, and every file that can be seen is whole', async () => {
  await Promise.all(far.map(({ host, call }) => host.must(`echo '${call}' >/run/at; rm -f /run/calls`)));
  await Promise.all(far.filter(one => one.call === 'none').map(one => one.host.must(': >/run/closed')));
  newest = await push('y');
  await Promise.all(
    far.map(async ({ host, at, call }) => {
      const there = async (): Promise<boolean> =>
        call === 'none'
          ? (await startsOn(host)).some(line => line.startsWith('y '))
          : (await host.inside('test -e /run/reached')).code === 0;
      await eventually(`${host.name}: ${at}`, there, 60_000);
      await host.crash();
      expect.soft(wholeOnDisk(host), at).toBe(true);
    }),
  );
  await eventually('the other host has it', async () => (await startsOn(near)).at(-1)?.startsWith('y '), 60_000);
});

test('back while the run still waits, or after it: done cleanly, once', async () => {
  await Promise.all(far.filter(one => one.early).map(one => one.host.boot()));
  const failed = (host: Host): boolean => controller.output().includes(`app${host.index}@m${host.index}: failed`);
  const late = far.filter(one => !one.early).map(one => one.host);
  await eventually('those that stay away are given up', async () => late.every(failed), 120_000);
  await Promise.all(late.map(host => host.boot()));
  await untilApplied(story, controller, newest);
  await eventually('all is synced', async () => (await story.cli(['status'])).code === 0, 120_000);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect(await controller.stop()).toBe(0);
});

test.each(far)('$at: the newest runs, from whole files, and nothing is left behind', async ({ host }) => {
  const starts = await startsOn(host);
  const whole = `${size}`;
  for (const line of starts) expect(line).toMatch(new RegExp(`^[xy] [xy]${whole} [xy]${whole}$`));
  expect(starts.at(-1)).toBe(`y y${whole} y${whole}`);
  // Once by us, and by systemd itself where the host came up with the new unit already.
  expect(starts.filter(line => line.startsWith('y ')).length).toBeLessThanOrEqual(2);
  const left = await host.must(`cd /var/lib/portoser/clusters/crash; ls -d lock* steps/*/ 2>/dev/null
find / -xdev -name '.portoser-new*' -print; find incoming -type f; grep -c ^fingerprint stamps/*`);
  expect(left.trim()).toBe('1');
});
