// A server that really listens, over the whole engine, on machines that are folders of this one: nothing else can be touched by what is asked.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { buildServer } from '../../../api/server.js';
import { display } from '../../../reconciler/commands/command.js';
import { createEngine } from '../../../reconciler/engine.js';
import { resolveSettings } from '../../../reconciler/settings.js';
import { type ApiToken, roles } from '../../../schema/access.js';
import { AppError } from '../../../schema/errors.js';
import { createWorld } from '../../passes/world.js';
import { hostileTexts } from './values.js';
import type { Meaning } from './requests.js';

export const secret = 'b5e1c8d2f04a47c6';

const unlimited = { burst: 1e9, perMinute: 1e9 };

/** What changes a machine beyond the folders that it is told of. */
const tooReal =
  /^(docker|podman|systemctl|systemd-.*|loginctl|launchctl|service|rc-service|sudo|doas|reboot|shutdown|halt|poweroff|apt.*|dpkg.*|mkfs.*|mount|umount|useradd|userdel|groupadd|git|ssh|curl|wget)$/;

/** All programs of this machine but these. */
function throwAwayPath(folder: string): string {
  mkdirSync(folder);
  for (const place of ['/usr/bin', '/bin', '/usr/sbin', '/sbin'])
    for (const name of readdirSync(place))
      if (!tooReal.test(name)) {
        try {
          symlinkSync(join(place, name), join(folder, name));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
      }
  return folder;
}

const words = (...all: readonly string[]) => fc.constantFrom(...all, ...hostileTexts.filter(one => one !== ''));

function meaningOf(top: string): Meaning {
  const service = words('web', 'api', 'web@m1', 'api@m2', 'new');
  const machine = words('m1', 'm2', 'm3');
  const machines = fc.array(machine, { maxLength: 2 });
  const path = fc.constantFrom(
    join(top, 'm1/web'),
    join(top, 'm2/api'),
    join(top, 'new'),
    'relative',
    '../nowhere',
    `${top}/a\0b`,
    `${top}/${'x'.repeat(300)}`,
  );
  const unset = fc.array(words('tags', 'description', 'env', 'port', 'host', 'group'), { maxLength: 2 });
  const command = words('sleep 1000', 'true', 'false', 'no-such-program-here');
  const env = fc.array(words('A=1', 'A=', 'SECRET_TOKEN=x', '=', 'PORT=1'), { maxLength: 3 });
  const program = fc.oneof(
    fc.constantFrom(['true'], ['false'], ['sh', '-c', 'exit 3'], ['no-such-program-here']),
    fc.array(words('x'), { maxLength: 3 }).map(more => ['echo', ...more]),
  );
  return {
    known: {
      service,
      services: fc.array(service, { maxLength: 2 }),
      target: service,
      machine,
      placement: service,
      id: words('a1', 'a2', 'a7'),
      plan: words('abcdef12', 'a1'),
      since: fc.oneof(words('10m', '2h'), fc.nat()),
      group: words('g'),
      tag: words('t'),
      commit: words('HEAD', '0'.repeat(40)),
      path,
      command,
    },
    knownOf: {
      exec: { command: program },
      events: { since: fc.nat() },
      metrics: { since: fc.nat() },
      uptime: { since: fc.nat() },
      'machine.add': { name: machine },
      'machine.show': { name: machine },
      'machine.update': { name: machine, unset },
      'machine.remove': { name: machine },
      'machine.forget': { name: machine },
      'machine.trust': { name: machine },
      'machine.claim': { name: machine },
      'machine.doctor': { name: machine },
      'service.add': { name: service, machine: machines, env },
      'service.show': { name: service },
      'service.remove': { name: service },
      'service.update': { name: service, machine: machines, env, unset },
      adopt: { accept: fc.array(words('nothing-that-is-there'), { maxLength: 2 }) },
    },
    fixed: { 'service.add': { type: 'local', scope: 'none' }, 'service.update': { type: 'local', scope: 'none' } },
  };
}

export async function openFuzzWorld() {
  const world = await createWorld();
  const top = mkdtempSync(join(tmpdir(), 'portoser-fuzz-'));
  const path = process.env['PATH'];
  process.env['PATH'] = throwAwayPath(join(top, 'bin'));
  const faults: AppError[] = [];
  const { shell } = world.ports;
  const ports = {
    ...world.ports,
    shell: {
      ...shell,
      run: async (...[machine, command, limits]: Parameters<typeof shell.run>) => {
        // The last wall: what would be written beside the folders of this world ends here.
        if (
          /p_note done/.test(display(command)) &&
          /\/etc\/|systemd\/(system|user)|Library\/Launch/.test(display(command))
        )
          throw new AppError('command-failed', 'that would leave the throw-away machine');
        return await shell.run(machine, command, limits);
      },
    },
  };
  await world.push(
    { web: { machine: 'm1' }, api: { machine: 'm2', depends_on: ['web'], path: join(top, 'm2/api') } },
    { top: { groups: { g: ['web'] } } },
  );
  const settings = resolveSettings({ flags: {}, env: { HOME: top }, uid: 1000 });
  const engine = createEngine({
    settings,
    open: async () => ({ ports, lists: world.lists }),
    close: async () => undefined,
  });
  const tokenOf = (role: (typeof roles)[number]): ApiToken => ({
    id: role,
    name: role,
    role,
    createdAt: 0,
    expiresAt: 1e15,
  });
  const server = await buildServer({
    engine,
    auth: {
      tokens: {
        find: async token => roles.map(tokenOf).find(one => one.id === token),
        list: async () => roles.map(tokenOf),
      },
    },
    version: '1',
    webhookSecrets: [secret],
    ready: () => true,
    // How often one may ask is another test's.
    limits: { requests: unlimited, wrongTokens: unlimited },
    onFault: error => void faults.push(error),
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    server,
    port: (server.server.address() as AddressInfo).port,
    meaning: meaningOf(top),
    /** What was told to the log as a bug of ours. */
    faults,
    async close() {
      await server.close();
      await world.close();
      process.env['PATH'] = path;
      rmSync(top, { recursive: true, force: true });
    },
  };
}

export type FuzzWorld = Awaited<ReturnType<typeof openFuzzWorld>>;
