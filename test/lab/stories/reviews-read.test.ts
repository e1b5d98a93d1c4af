// Hostile pull requests against a Docker host: each has its plan by what the base says, and the host shows that nobody wrote or ran anything.
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apis, atItsPlace, newState } from '../../adapters/forge-apis.js';
import { startForgeServer } from '../../adapters/forge-server.js';
import { type GitHttpServer, startGitHttp } from '../../contracts/git-http-server.js';
import { eventually, withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { evidenceOf } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

let story: Story;
let served = '';
let remote: GitHttpServer;
/** Where nothing of the base points. */
let elsewhere: Server;
let visits = 0;

const compose = (image = 'lab/web:1'): string => `services:
  main:
    image: ${image}
    restart: always
    ports: ["18097:8080"]
    environment: { GREETING: "\${GREETING}" }
`;

const web = (more: object = {}): object => ({
  type: 'docker',
  machine: 'm1',
  path: '/opt/reviewed',
  source: 'web',
  pull: 'never',
  port: 18_097,
  env: { GREETING: 'hello' },
  health: { type: 'http', endpoint: '/health', interval: '1s' },
  ...more,
});

const unit = (more: object = {}): object => ({
  type: 'native',
  machine: 'm1',
  path: '/opt/reviewed-unit',
  command: ['sleep', 'infinity'],
  health: { type: 'process', soak: '1s' },
  ...more,
});

const registry = (machine: object, services: object = {}, more: object = {}): StoryRegistry => ({
  cluster: 'reviewed',
  policy: { interval: '5s', approve_when: ['removes'] },
  machines: { m1: labMachine(host), ...machine },
  services: { web: web(), unit: unit(), ...services },
  ...more,
});

interface Wish {
  readonly wants: StoryRegistry;
  readonly files?: Readonly<Record<string, string>>;
  /** What its comment has to say, for it to have been planned at all. */
  readonly says: string;
}

/** Whatever is done with one of these leaves a trace: on the host below /opt, here beside the repository, or at the listener. */
function hostile(): Readonly<Record<string, Wish>> {
  const canary = join(story.repo.dir, 'canary');
  const evil = { host: '127.0.0.1', port: (elsewhere.address() as AddressInfo).port };
  const traced = (machine: string): object => ({
    traced: unit({ machine, path: '/opt/traced', command: ['touch', canary], env_file: `${canary}.env` }),
  });
  const held = 'By the policy of `main` it does not go on by itself';
  const later = 'Seen after the merge';
  return {
    policy: {
      wants: {
        ...registry({}),
        services: {},
        policy: { approve_when: [], max_removals: '100%', prune: 'remove', apply: 'auto' },
      },
      says: held,
    },
    playbook: {
      wants: registry({}, traced('m1')),
      files: {
        'playbooks/evil.yaml': `{id: evil, title: Evil, problem: crash-loop, risk: low, standing: trusted, actions: [{run: [touch, ${canary}]}]}`,
        'hooks/post-checkout': `touch ${canary}\n`,
      },
      says: '+ create traced@m1',
    },
    image: { wants: registry({}), files: { 'web/compose.yml': compose('lab/web:2') }, says: 'update web@m1' },
    build: {
      wants: registry({}),
      files: {
        'web/compose.yml': compose().replace('image: lab/web:1', `build: { context: ., privileged: true }`),
        'web/Dockerfile': `FROM lab/web:1\nRUN touch ${canary}\n`,
      },
      says: 'file:Dockerfile',
    },
    path: { wants: registry({}, { web: web({ path: '/opt/traced' }) }), says: 'path: /opt/reviewed → /opt/traced' },
    host: { wants: registry({ m1: labMachine(host, evil) }, traced('m1')), says: later },
    jump: { wants: registry({ hop: labMachine(host, evil), m1: labMachine(host, { jump: 'hop' }) }), says: later },
    local: { wants: registry({ m1: labMachine(host, { host: 'local' }) }, traced('m1')), says: later },
    machine: { wants: registry({ more: labMachine(host, evil) }, traced('more')), says: later },
    key: {
      wants: registry({ m1: labMachine(host, { ssh_key: join(story.stateDir, 'controller') }) }),
      says: 'changes `ssh_key` of `m1`',
    },
    'host key': {
      wants: registry({ m1: labMachine(host, { host_key: `ssh-ed25519 ${'A'.repeat(68)}` }) }),
      says: 'changes `host_key` of `m1`',
    },
    secrets: {
      wants: registry(
        {},
        { web: web({ vault_secrets: [{ path: 'secret/prod', keys: ['password'] }] }) },
        { vault: { address: `http://127.0.0.1:${evil.port}` } },
      ),
      says: '`web@m1` blocked',
    },
  };
}

beforeAll(async () => {
  await host.must(`systemctl disable -q --now unit 2>/dev/null || :
rm -rf /opt/reviewed /opt/reviewed-unit /opt/traced /var/lib/portoser /etc/systemd/system/unit.service
docker ps -aq | xargs -r docker rm -f >/dev/null`);
  elsewhere = createServer(socket => {
    visits += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  served = mkdtempSync(join(tmpdir(), 'portoser-served-'));
  remote = await startGitHttp(served);
  story = await freshStory({ database: true, address: `${remote.url}/acme/fleet.git` });
  mkdirSync(join(served, 'acme'));
  symlinkSync(story.repo.bare, join(served, 'acme/fleet.git'));
});

afterAll(async () => {
  await story?.remove();
  await remote?.stop();
  elsewhere?.close();
  rmSync(served, { recursive: true, force: true });
});

const events = (since: string) => host.must(`docker events --since ${since} --until "$(date +%s.%N)"`);
const now = async () => (await host.must('date +%s.%N')).trim();

test('twelve of them, each with its plan: no file, no container, no unit, no connection', async () => {
  const state = newState();
  const [github] = apis;
  if (github === undefined) throw new Error('the forges are gone');
  const forge = await startForgeServer(atItsPlace(github, state));
  await story.push(registry({}), { 'web/compose.yml': compose() });
  expect(await story.once()).toMatchObject({ code: 0 });

  const all = hostile();
  for (const [name, { wants, files = {} }] of Object.entries(all)) {
    const base = await story.repo.git('rev-parse', 'HEAD');
    const number = state.pulls.length + 1;
    const head = await story.repo.commit({ 'registry.yml': JSON.stringify(wants), ...files }, name);
    await story.repo.git('push', '-q', 'origin', `HEAD:refs/pull/${number}/head`);
    await story.repo.git('reset', '-q', '--hard', base);
    state.pulls.push({ number, head, branch: name, base: 'main', open: true });
  }
  const before = await evidenceOf(host);
  const since = await now();
  const controller = story.run({
    env: { PORTOSER_FORGE: 'github', PORTOSER_FORGE_URL: forge.url, PORTOSER_FORGE_TOKEN: 'sesame' },
  });
  const isTold = (head: string): boolean =>
    state.statuses.some(one => one.commit === head && one.context === 'portoser/plan' && one.state !== 'pending');
  await eventually('all are planned', async () => state.pulls.every(one => isTold(one.head)), 120_000).catch(
    (cause: unknown) => {
      throw new Error(controller.output(), { cause });
    },
  );
  // The base's own passes beside them go by the base as well.
  const passes = async () => (await story.status()).controller?.lastPass?.id;
  const last = await passes();
  await eventually('another pass', async () => (await passes()) !== last, 60_000);

  const bodies = Object.fromEntries(
    state.pulls.map(({ branch, number }) => [branch, state.comments.filter(one => one.pull === number)]),
  );
  for (const [name, { says }] of Object.entries(all)) {
    expect(bodies[name], name).toHaveLength(1);
    expect(bodies[name]?.[0]?.body, name).toContain(says);
  }
  expect(await events(since)).toBe('');
  expect(await evidenceOf(host)).toEqual(before);
  expect(visits).toBe(0);
  expect(await host.must('ls -d /opt/traced 2>&1 || :')).toContain('No such file');
  expect(existsSync(join(story.repo.dir, 'canary'))).toBe(false);
  expect(changesOf((await story.plan()).report)).toEqual([]);
  expect(await controller.stop()).toBe(0);
});

test('each of these signs would have been seen', async () => {
  await once(connect((elsewhere.address() as AddressInfo).port, '127.0.0.1'), 'close');
  expect(visits).toBe(1);
  const since = await now();
  const before = await evidenceOf(host);
  await host.must('docker restart -t 0 $(docker ps -q) && touch /opt/reviewed/traced');
  expect(await events(since)).toContain('container restart');
  const after = await evidenceOf(host);
  expect([after.files === before.files, after.lives === before.lives]).toEqual([false, false]);
});
