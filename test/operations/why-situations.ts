// Situations of a service, each as what led to it and the question that is asked then.
import { AppError, type ErrorCode } from '../../schema/errors.js';
import { failureText } from '../../api/cli/failure.js';
import { createPaint } from '../../api/cli/paint.js';
import type { LiveState, Stamp } from '../../schema/state.js';
import { report } from '../../reconciler/core/machines.js';
import { seenAs } from '../core/thinking.js';
import type { FakeMachine } from '../fakes/fleet.js';
import { WhyBench } from './why-bench.js';

type Tell = () => Promise<string>;

const machines = `machines:
  m1: {host: 10.0.0.1, user: root, platform: linux}
  m2: {host: 10.0.0.2, user: root, platform: linux}
`;

/** A registry of one service in block style, so that each key has a line. */
const web = (keys: Readonly<Record<string, string>> = {}, head = machines): string => {
  const all = { type: 'native', machine: 'm1', path: '/opt/web', command: '/bin/serve', ...keys };
  const lines = Object.entries(all).map(([key, value]) => `    ${key}: ${value}\n`);
  return `${head}services:\n  web:\n${lines.join('')}`;
};

const registry = (text: string) => ({ 'registry.yml': text });

/** One service that Ada wrote, in force. */
async function begun(text = web(), files: Readonly<Record<string, string>> = {}): Promise<WhyBench> {
  const bench = new WhyBench();
  bench.commit('Ada', 'Add web', { ...registry(text), ...files });
  await bench.apply();
  return bench;
}

const unknown =
  (machine: string, code: ErrorCode, message: string) =>
  (live: LiveState): LiveState => ({
    ...live,
    machines: { ...live.machines, [machine]: { state: 'unknown', error: report(code, message) } },
  });

function stampOn(machine: FakeMachine): Stamp {
  const stamp = machine.stamps.get('web');
  if (stamp === undefined) throw new Error('web is not applied');
  return stamp;
}

/** As a rollback leaves it: the newer revision failed, the one before it runs. */
function rolledBack(machine: FakeMachine, failed: string): void {
  const { fingerprint = '', commit, ...stamp } = stampOn(machine);
  const healthy = { fingerprint, commit, images: {}, pinned: false };
  machine.stamps.set('web', { ...stamp, commit, fingerprint, failed, healthy });
}

const change: Tell = async () => {
  const bench = await begun(web({ port: '8080' }));
  bench.commit('Bob', 'Listen elsewhere', registry(web({ port: '9090' })));
  return await bench.ask('web');
};

const policy = (text: string): string => `${machines}policy: ${text}\n`;

async function changedUnder(head: string): Promise<WhyBench> {
  const bench = await begun(web({ port: '8080' }, head));
  bench.commit('Bob', 'Listen elsewhere', registry(web({ port: '9090' }, head)));
  return bench;
}

export const situations: Readonly<Record<string, Tell>> = {
  'nothing to do': async () => await (await begun()).ask('web'),

  missing: async () => {
    const bench = new WhyBench();
    bench.commit('Ada', 'Add web', registry(web()));
    return await bench.ask('web');
  },

  stopped: async () => {
    const bench = await begun();
    const runner = bench.fleet.machine('m1').runners.get('web');
    if (runner) runner.run = 'stopped';
    return await bench.ask('web');
  },

  'a port that was changed': change,

  'an environment that was changed through a variable': async () => {
    const text = (port: string) => `vars: {PORT: ${port}}\n${web({ env: '{LISTEN: "0.0.0.0:{{ PORT }}"}' })}`;
    const bench = await begun(text('8080'));
    bench.commit('Bob', 'Move the port', registry(text('9090')));
    bench.commit('Ada', 'Say hello', { 'README.md': 'hello\n' });
    return await bench.ask('web');
  },

  'a variable of the machine': async () => {
    const head = (mode: string) =>
      `machines:\n  m1:\n    host: 10.0.0.1\n    user: root\n    platform: linux\n    vars:\n      MODE: ${mode}\n`;
    const bench = await begun(web({ env: '{MODE: "{{ MODE }}", ON: "{{ machine.name }}"}' }, head('slow')));
    bench.commit(
      'Bob',
      'Go fast',
      registry(web({ env: '{MODE: "{{ MODE }}", ON: "{{ machine.name }}"}' }, head('fast'))),
    );
    return await bench.ask('web');
  },

  'a default of the registry': async () => {
    const head = (value: string) => `defaults:\n  env: {TZ: ${value}}\n${machines}`;
    const bench = await begun(web({}, head('UTC')));
    bench.commit('Bob', 'Come home', registry(web({}, head('CET'))));
    return await bench.ask('web');
  },

  'a key that was taken away': async () => {
    const bench = await begun(web({ env: '{A: 1, B: 2}' }));
    bench.commit('Bob', 'Need no B', registry(web({ env: '{A: 1}' })));
    return await bench.ask('web');
  },

  'a port in an include': async () => {
    const main = `include: [services/*.yml]\n${machines}`;
    const included = (port: string) =>
      `services:\n  web: {type: native, machine: m1, path: /opt/web, command: serve, port: ${port}}\n`;
    const bench = await begun(main, { 'services/web.yml': included('8080') });
    bench.commit('Bob', 'Listen elsewhere', { 'services/web.yml': included('9090') });
    return await bench.ask('web');
  },

  'a source file that was changed': async () => {
    const bench = await begun(web({ source: 'apps/web' }), { 'apps/web/app.py': 'one\n', 'apps/web/old.py': 'x\n' });
    bench.commit('Bob', 'Answer faster', { 'apps/web/app.py': 'two\n', 'apps/web/old.py': null });
    return await bench.ask('web');
  },

  'an image tag that was changed': async () => {
    const compose = (tag: string) => ({ 'apps/web/compose.yaml': `services: {web: {image: "nginx:${tag}"}}\n` });
    const text = `${machines}services:\n  web: {type: docker, machine: m1, path: /opt/web, source: apps/web}\n`;
    const bench = await begun(text, compose('1.27'));
    bench.commit('Bob', 'Take the newer nginx', compose('1.28'));
    return await bench.ask('web');
  },

  'a file that was edited on the machine': async () => {
    const bench = await begun(web({ source: 'apps/web' }), { 'apps/web/app.py': 'one\n' });
    bench.fleet.machine('m1').files.set('/opt/web/app.py', { sha256: 'e'.repeat(64), mode: 0o644 });
    return await bench.ask('web');
  },

  'a unit that was edited and disabled on the machine': async () => {
    const bench = await begun();
    const machine = bench.fleet.machine('m1');
    machine.files.set('/etc/systemd/system/web.service', { sha256: 'e'.repeat(64), mode: 0o644 });
    const runner = machine.runners.get('web');
    if (runner) runner.settings['enabled'] = 'disabled';
    return await bench.ask('web');
  },

  'drift that policy leaves': async () => {
    const bench = await begun(web({}, policy('{drift: report}')));
    const runner = bench.fleet.machine('m1').runners.get('web');
    if (runner) runner.settings['enabled'] = 'disabled';
    return await bench.ask('web');
  },

  'a service that moved': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Move web', registry(web({ machine: 'm2' })));
    return await bench.ask('web');
  },

  'a service that moved by a tag': async () => {
    const head = (one: string, two: string) => `machines:
  m1: {host: 10.0.0.1, user: root, platform: linux, tags: [${one}]}
  m2: {host: 10.0.0.2, user: root, platform: linux, tags: [${two}]}
services:
  web: {type: native, machines: {tags: [web]}, path: /opt/web, command: /bin/serve}
`;
    const bench = await begun(head('web', 'db'));
    bench.commit('Bob', 'Give web to m2', registry(head('db', 'web')));
    return await bench.ask('web@m2');
  },

  'a service with data that moves': async () => {
    const bench = await begun(web({ stateful: 'true' }));
    bench.commit('Bob', 'Move web', registry(web({ stateful: 'true', machine: 'm2' })));
    return await bench.ask('web');
  },

  'a service that left the registry': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Drop web', registry(`${machines}services: {}\n`));
    bench.commit('Ada', 'Say hello', { 'README.md': 'hello\n' });
    return await bench.ask('web', { approved: ['remove:web@m1'] });
  },

  'a service that left the registry and was stopped': async () => {
    const bench = await begun(`${web()}  api: {type: native, machine: m1, path: /opt/api, command: /bin/api}\n`);
    bench.commit(
      'Bob',
      'Drop web',
      registry(`${machines}services:\n  api: {type: native, machine: m1, path: /opt/api, command: /bin/api}\n`),
    );
    await bench.apply();
    return await bench.ask('web');
  },

  'a machine that is unreachable': async () =>
    await (await begun()).ask('web', { see: unknown('m1', 'ssh-unreachable', 'm1 (10.0.0.1:22) does not answer') }),

  'a machine that is not trusted': async () =>
    await (
      await begun()
    ).ask('web', {
      see: unknown('m1', 'ssh-host-key-changed', 'the host key of m1 (10.0.0.1:22) is another one now'),
    }),

  'a dependency that is not healthy': async () => {
    const db = '  db: {type: native, machine: m2, path: /opt/db, command: /bin/db}\n';
    const bench = await begun(`${web({ port: '8080', depends_on: '[db]' })}${db}`);
    bench.commit('Bob', 'Listen elsewhere', registry(`${web({ port: '9090', depends_on: '[db]' })}${db}`));
    return await bench.ask('web', { verdicts: { 'db@m2': { state: 'fail', found: 'connection refused' } } });
  },

  'a stranger of the same name': async () => {
    const bench = new WhyBench();
    bench.commit('Ada', 'Add web', registry(web()));
    bench.fleet.machine('m1').runners.set('web', { run: 'running', settings: {}, images: {} });
    return await bench.ask('web');
  },

  'a key that is not supported yet': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Want a certificate', registry(web({ tls: 'true' })));
    return await bench.ask('web');
  },

  'a revision in quarantine, with the one before it running': async () => {
    const bench = await begun(web({ env: '{VERSION: 1}' }));
    bench.commit('Bob', 'Bring version 2', registry(web({ env: '{VERSION: 2}' })));
    const { newest } = await bench.wanted();
    rolledBack(bench.fleet.machine('m1'), newest.placements[0]?.fingerprint ?? '');
    return await bench.ask('web');
  },

  'suspended by the registry': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Hands off', registry(web({ suspend: 'disk is exchanged', port: '9090' })));
    return await bench.ask('web');
  },

  'a machine suspended by the registry': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Hands off m1', registry(web().replace('10.0.0.1,', '10.0.0.1, suspend: true,')));
    return await bench.ask('web');
  },

  'suspended by a command': async () => {
    const suspends = [{ service: 'web', reason: 'backup', by: 'ada', at: 999_000, until: 1_003_600 }];
    return await (await begun()).ask('web', { see: live => seenAs(live, 'm1', { suspends }) });
  },

  'waits for approval': async () => await (await changedUnder(policy('{apply: approve}'))).ask('web'),

  'waits for approval by a condition': async () => {
    const bench = await changedUnder(policy('{approve_when: [services > 0]}'));
    return await bench.ask('web');
  },

  'a closed window': async () => {
    const bench = await changedUnder(policy('{windows: {allow: true, cron: "0 22 * * *", for: 4h}}'));
    return await bench.ask('web', { see: live => ({ ...live, takenAt: Date.UTC(2026, 0, 5, 12) }) });
  },

  'only observed': async () => await (await changedUnder(policy('{apply: observe}'))).ask('web'),

  'a change that is running': async () => await (await changedUnder(machines)).ask('web', { busy: ['m1'] }),

  'not healthy': async () =>
    await (
      await begun(web({ port: '8080', health: '{endpoint: /health}' }))
    ).ask('web', {
      verdicts: { 'web@m1': { state: 'fail', found: 'HTTP 502' } },
    }),

  'an automatic port': async () => {
    const head = (range: string) =>
      `machines:\n  m1: {host: 10.0.0.1, user: root, platform: linux, auto_ports: ${range}}\n`;
    const bench = await begun(web({ port: 'auto' }, head('20000-20000')));
    bench.commit('Bob', 'Make room', registry(web({ port: 'auto' }, head('30000-30000'))));
    return await bench.ask('web');
  },

  'a template that cannot be filled': async () => {
    const bench = new WhyBench();
    bench.commit('Ada', 'Add web', registry(web({ port: '"{{ PORTT }}"' }, `vars: {PORT: 8080}\n${machines}`)));
    return bench.text(await bench.perform('web'));
  },

  'an edit that is not committed': async () => {
    const bench = await begun(web({ port: '8080' }));
    return await bench.ask('web', { lying: registry(web({ port: '9090' })) });
  },

  'history that cannot be read': async () => {
    const bench = await begun(web({ port: '8080' }));
    bench.commit('Bob', 'Listen elsewhere', registry(web({ port: '9090' })));
    bench.ports.git.commitFacts = () => Promise.reject(new AppError('git-broken', 'object 12ab is missing'));
    return await bench.ask('web');
  },

  'a machine that left the registry': async () => {
    const bench = await begun(web({ machine: 'm2' }));
    bench.commit('Bob', 'Sell m2', registry(web().replace(/ {2}m2:.*\n/, '')));
    return await bench.ask('web', { leaving: ['m2'] });
  },

  'what is no longer wanted on a machine that is suspended': async () => {
    const bench = await begun();
    const off = machines.replace('10.0.0.1,', '10.0.0.1, suspend: moving house,');
    bench.commit('Bob', 'Drop web', registry(`${off}services: {}\n`));
    return await bench.ask('web');
  },

  'what was removed and is seen nowhere': async () => {
    const bench = new WhyBench();
    bench.commit('Ada', 'Add web', registry(web()));
    bench.commit('Bob', 'Drop web', registry(`${machines}services: {}\n`));
    return await bench.ask('web');
  },

  'a removal that is not committed': async () => {
    const bench = await begun();
    return await bench.ask('web', { lying: registry(`${machines}services: {}\n`), approved: ['remove:web@m1'] });
  },

  'too many removals at once': async () => {
    const bench = await begun();
    bench.commit('Bob', 'Drop all', registry(`${machines}services: {}\n`));
    return await bench.ask('web');
  },

  'a name that is not known': async () => {
    const bench = new WhyBench();
    bench.commit('Ada', 'Add web', registry(web()));
    return await bench.perform('wbe').then(
      one => bench.text(one),
      (failed: unknown) => failureText(failed, createPaint(false)),
    );
  },
};
