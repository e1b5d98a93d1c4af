// The demo's three machines: SSH servers in this process that run real commands, each in a private folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EmbeddedMachine, startEmbeddedMachine } from '../adapters/embedded-machine.js';
import { newKeyPair } from '../adapters/ssh-new-key.js';
import { freeRun } from './free-ports.js';

const names = ['alpha', 'beta', 'gamma'] as const;
const portsEach = 10;

export interface DemoMachines {
  readonly machines: readonly EmbeddedMachine[];
  /** Text of `machines.yml`. */
  readonly registry: string;
}

const platform = () => (process.platform === 'darwin' ? 'darwin' : process.platform === 'linux' ? 'linux' : 'bsd');

export async function startMachines(folder: string): Promise<DemoMachines> {
  const keys = await newKeyPair();
  const keyFile = join(folder, 'id_ed25519');
  await writeFile(keyFile, keys.private, { mode: 0o600 });
  const first = await freeRun(names.length * portsEach);
  const machines = await Promise.all(
    names.map(async name => {
      await mkdir(join(folder, name), { recursive: true });
      return await startEmbeddedMachine({ name, folder: join(folder, 'machines', name), authorizedKey: keys.public });
    }),
  );
  const entries = machines.map((machine, index) => {
    const range = `${first + index * portsEach}-${first + (index + 1) * portsEach - 1}`;
    const fields = {
      host: machine.host,
      port: machine.port,
      user: machine.user,
      platform: platform(),
      ssh_key: keyFile,
      host_key: machine.hostKey,
      auto_ports: range,
    };
    return `  ${machine.name}: ${JSON.stringify(fields)}`;
  });
  const registry = [
    '# Written by `portoser demo`.',
    `vars: ${JSON.stringify({ root: folder })}`,
    'machines:',
    ...entries,
    '',
  ].join('\n');
  return { machines, registry };
}
