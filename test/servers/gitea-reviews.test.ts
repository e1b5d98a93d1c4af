// Pull requests on a real Gitea: each has its plan in one comment, whoever sends it and whatever it says; merged, the statuses turn.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partsOf } from '../../reconciler/core/review-comment.js';
import type { StatusReport } from '../../schema/status.js';
import { git } from '../contracts/git-fixture.js';
import { until } from '../scenarios/until.js';
import { createFleet, type Comment, type Fleet } from './gitea-fleet.js';
import { giteaAdmin, giteaObstacle } from './gitea.js';
import { type Sshd, startSshd } from './sshd.js';

const obstacle = giteaObstacle();
if (obstacle !== undefined) console.log(`skipped: ${obstacle}`);

/** What is asked for once a minute has come by then, on a slow machine too. */
const pollMs = 150_000;

let fleet: Fleet;
let sshd: Sshd;
/** Where nothing of the base points. */
let elsewhere: Server;
let visits = 0;

const service = (name: string, more: object = {}) => ({
  type: 'local',
  machine: 'me',
  scope: 'none',
  path: join(fleet.top, 'srv', name),
  command: 'sleep 1000',
  stop_timeout: '1s',
  health: { type: 'command', command: ['true'], deadline: '30s' },
  ...more,
});

const there = (more: object = {}) => ({
  host: '127.0.0.1',
  port: sshd.port,
  user: sshd.user,
  platform: 'linux',
  ssh_key: sshd.keyFile,
  host_key: sshd.hostKey(),
  ...more,
});

interface Wish {
  readonly machines?: object;
  readonly services?: object;
  readonly policy?: object;
  readonly more?: object;
  readonly files?: Readonly<Record<string, string>>;
}

/** What the base wants by now. */
let base: Readonly<Record<string, object>>;
const filesOf = ({ machines, services = base, policy, more, files }: Wish = {}) => ({
  'registry.yml': JSON.stringify({
    cluster: fleet.cluster,
    machines: { me: { host: 'local', user: 'root', platform: 'linux' }, there: there(), ...machines },
    services,
    policy: { interval: '5s', approve_when: ['removes'], ...policy },
    ...more,
  }),
  ...files,
});

const said = (all: readonly Comment[]) => all.filter(one => one.user.login === giteaAdmin);
const headOf = (all: readonly Comment[]) => partsOf(said(all)[0]?.body ?? '')[0]?.head;

/** The comment on a pull request, once it is of that commit. */
async function told(pull: number, head: string, waitMs?: number): Promise<Comment> {
  await until(`#${pull} is planned`, async () => headOf(await fleet.comments(pull)) === head, fleet.tell, waitMs);
  const [comment] = said(await fleet.comments(pull));
  if (comment === undefined) throw new Error('it went away');
  return comment;
}

const turns = (commit: string, context: string, to: string, waitMs?: number) =>
  until(
    `${context} of ${commit} is ${to}`,
    async () => (await fleet.status(commit, context))?.status === to,
    fleet.tell,
    waitMs,
  );

beforeAll(async () => {
  if (obstacle !== undefined) return;
  elsewhere = createServer(socket => {
    visits += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  sshd = await startSshd();
  fleet = await createFleet(`reviews-${process.pid}`);
  base = { web: service('web') };
  const first = await fleet.push(filesOf(), 'main');
  await fleet.startController();
  await turns(first, 'portoser/health', 'success');
}, 1_500_000);

afterAll(async () => {
  if (obstacle !== undefined) return;
  await fleet.remove();
  await sshd.remove();
  elsewhere.close();
});

describe.skipIf(obstacle !== undefined)('a pull request', () => {
  let number: number;
  let removeHook: () => Promise<void>;
  beforeAll(async () => {
    removeHook = await fleet.addHook();
  });

  it('has its plan in a comment within ten seconds of its hook', async () => {
    const head = await fleet.push(
      filesOf({ services: { web: service('web', { env: { LEVEL: 'debug' } }) } }),
      'change',
    );
    number = await fleet.openPull('change');
    const comment = await told(number, head);
    const { controller } = JSON.parse((await fleet.portoser('status --json')).out) as StatusReport;
    const hook = controller?.webhooks?.last.find(one => one.kind === 'pull-request' && one.number === number);
    if (hook === undefined) throw new Error('its hook did not come');
    expect(Date.parse(comment.created_at) - hook.at).toBeLessThan(10_000);
    expect(comment.body).toContain('! update web@me (changed: env.LEVEL changed in git)');
    await turns(head, 'portoser/plan', 'success');
  });

  it('that is pushed to again has its plan in the same comment, the one before folded', async () => {
    const [before] = said(await fleet.comments(number));
    const [first] = partsOf(before?.body ?? '');
    base = { web: service('web', { env: { LEVEL: 'trace' } }), api: service('api') };
    await git(fleet.clone, 'fetch', '--quiet', 'origin', 'change');
    await git(fleet.clone, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
    const head = await fleet.push(filesOf(), 'change');
    await fleet.update();
    const comment = await told(number, head);
    expect(comment.id).toBe(before?.id);
    expect(said(await fleet.comments(number))).toHaveLength(1);
    expect(comment.body).toContain('+ create api@me');
    expect(comment.body).toContain('Earlier plans (1)');
    expect(partsOf(comment.body).map(one => one.head)).toEqual([head, first?.head]);
  });

  it('turns the statuses once it is merged', async () => {
    const merged = await fleet.merge(number);
    await turns(merged, 'portoser/apply', 'success');
    await turns(merged, 'portoser/health', 'success');
    expect(await fleet.stamps()).toContain(merged);
  });

  it('loses nothing while the forge is away', async () => {
    const release = join(fleet.top, 'released');
    const slow = service('slow', {
      health: { type: 'command', command: ['test', '-e', release], interval: '1s', deadline: '240s' },
    });
    base = { ...base, slow };
    const head = await fleet.push(filesOf(), 'slow');
    const pull = await fleet.openPull('slow');
    await told(pull, head);
    const merged = await fleet.merge(pull);
    await turns(merged, 'portoser/apply', 'pending');
    // Nobody may tell of this one, and the forge goes before anybody looks.
    await removeHook();
    const late = await fleet.push(filesOf({ services: { ...base, late: service('late') } }), 'late');
    const latePull = await fleet.openPull('late');
    await fleet.gitea.stop();
    await writeFile(release, '');
    await until('it is deployed all the same', async () => (await fleet.stamps()).includes(merged), fleet.tell);
    await until('it is missed', () => fleet.tell().includes('statuses not told'), fleet.tell);
    await fleet.gitea.start();
    await turns(merged, 'portoser/apply', 'success', pollMs);
    await turns(merged, 'portoser/health', 'success', pollMs);
    expect((await told(latePull, late, pollMs)).body).toContain('+ create late@me');
    expect(said(await fleet.comments(pull))).toHaveLength(1);
  });

  it('whose delivery never came is found by the poll', async () => {
    base = { ...base, quiet: service('quiet') };
    const head = await fleet.push(filesOf(), 'quiet');
    const pull = await fleet.openPull('quiet');
    expect((await told(pull, head, pollMs)).body).toContain('+ create quiet@me');
    const merged = await fleet.merge(pull);
    await turns(merged, 'portoser/health', 'success', pollMs);
  });
});

describe.skipIf(obstacle !== undefined)('a commit', () => {
  it('whose registry is refused is told so, with what is wrong in it; the one before stays in force', async () => {
    const before = await fleet.stamps();
    const refused = await fleet.push({ 'registry.yml': 'services: 3\n' }, 'main');
    await turns(refused, 'portoser/apply', 'failure');
    const said = await fleet.status(refused, 'portoser/apply');
    expect(said?.description).toMatch(/^registry\.yml:1:11 wrong-type/);
    expect(await fleet.stamps()).toBe(before);
    const mended = await fleet.push(filesOf(), 'main');
    await turns(mended, 'portoser/apply', 'success');
    expect((await fleet.status(refused, 'portoser/apply'))?.status).toBe('failure');
  });
});

describe.skipIf(obstacle !== undefined)('a hostile pull request', () => {
  const canary = () => join(fleet.top, 'canary');
  const evil = () => ({ host: '127.0.0.1', port: (elsewhere.address() as AddressInfo).port });
  /** Whatever is done with it leaves a trace. */
  const traced = (machine: string) =>
    service('traced', {
      machine,
      path: join(canary(), machine),
      command: ['touch', canary()],
      env_file: join(canary(), 'env'),
      health: { type: 'command', command: ['touch', canary()] },
    });
  const playbook = () =>
    `{id: evil, title: Evil, problem: crash-loop, risk: low, standing: trusted, actions: [{run: [touch, ${canary()}]}]}`;
  const all = (): Readonly<Record<string, Wish>> => ({
    policy: { services: {}, policy: { approve_when: [], max_removals: '100%', prune: 'remove', apply: 'auto' } },
    playbook: {
      files: { 'playbooks/evil.yaml': playbook(), 'hooks/post-checkout': 'exit 1\n' },
      services: { ...base, traced: traced('me') },
    },
    host: { machines: { there: there(evil()) }, services: { ...base, traced: traced('there') } },
    jump: { machines: { hop: there(evil()), there: there({ jump: 'hop' }) } },
    local: { machines: { there: there({ host: 'local' }) }, services: { ...base, traced: traced('there') } },
    machine: { machines: { new: there(evil()) }, services: { ...base, traced: traced('new') } },
    key: { machines: { there: there({ ssh_key: join(fleet.top, 'state') }) } },
    path: { services: { web: service('web', { path: canary() }) } },
    secrets: {
      services: { web: service('web', { vault_secrets: [{ path: 'secret/prod', keys: ['password'] }] }) },
      more: { vault: { address: `http://127.0.0.1:${evil().port}` } },
    },
  });
  const names = ['policy', 'playbook', 'host', 'jump', 'local', 'machine', 'key', 'path', 'secrets'];
  const elsewhereBy = new Set(['host', 'jump', 'local', 'machine']);
  /** By name: its number and head. */
  const opened = new Map<string, readonly [number, string]>();
  let before: string;

  beforeAll(async () => {
    before = await fleet.stamps();
    await fleet.addHook();
    const user = { username: 'eve', email: 'eve@example.org', password: 'eve-Passw0rd-1', must_change_password: false };
    await fleet.gitea.api('POST', '/admin/users', user);
    await fleet.gitea.api('POST', `/repos/${giteaAdmin}/fleet/forks?sudo=eve`, {});
    await git(fleet.clone, 'remote', 'add', 'eve', fleet.gitea.remote('eve/fleet'));
    for (const name of names) {
      const head = await fleet.push(filesOf(all()[name]), `evil-${name}`);
      opened.set(name, [await fleet.openPull(`evil-${name}`), head]);
    }
    const { policy, ...heads } = all();
    const machines = Object.values(heads).reduce<object>((sum, one) => ({ ...sum, ...one.machines }), {});
    const gift = { ...policy, machines, services: { traced: traced('there') } };
    const head = await fleet.push(filesOf(gift), 'gift', 'eve');
    const pull = await fleet.openPull('gift', 'eve');
    const body = `<!-- portoser:plan:${fleet.cluster} -->\nall is well`;
    await fleet.gitea.api('POST', `/repos/${giteaAdmin}/fleet/issues/${pull}/comments?sudo=eve`, { body });
    opened.set('gift', [pull, head]);
  });

  const bodyOf = async (name: string): Promise<string> => (await told(...(opened.get(name) ?? [0, '']))).body;

  it.each(names)('by its %s has a plan by what the base says', async name => {
    const held = 'By the policy of `main` it does not go on by itself';
    const saying = name === 'policy' ? held : elsewhereBy.has(name) ? 'Seen after the merge' : 'on `main` at';
    expect(await bodyOf(name)).toContain(saying);
  });

  it('from a fork is planned likewise, whatever its sender says in our name', async () => {
    expect(await bodyOf('gift')).toContain('By the policy of `main` it does not go on by itself');
    const [pull, head] = opened.get('gift') ?? [0, ''];
    expect((await fleet.comments(pull)).map(one => one.user.login).toSorted()).toEqual(['eve', giteaAdmin]);
    await turns(head, 'portoser/plan', 'success');
  });

  it('touches nothing, and connects nowhere', async () => {
    const passId = async () => {
      const { controller } = JSON.parse((await fleet.portoser('status --json')).out) as StatusReport;
      return controller?.lastPass?.id;
    };
    // The base's own pass after them goes by the base as well.
    const last = await passId();
    await until('another pass', async () => (await passId()) !== last, fleet.tell);
    expect(visits).toBe(0);
    expect(existsSync(canary())).toBe(false);
    expect(await fleet.stamps()).toBe(before);
  });

  it('would have been heard where it points', async () => {
    await once(connect(evil().port, '127.0.0.1'), 'close');
    expect(visits).toBe(1);
    await mkdir(canary());
    expect(existsSync(canary())).toBe(true);
  });
});
