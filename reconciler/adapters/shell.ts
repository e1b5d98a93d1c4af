// The shell that everybody uses: this machine by child processes, all others by SSH.
import type { Machine } from '../../schema/registry-types.js';
import type { RemoteShell } from '../ports.js';
import { carryBytes, type OpenStreams } from './carry.js';
import { openLocalShell } from './local-shell.js';
import type { ShellSettings, StreamingShell } from './ssh.js';

/** Chooses by `machine.host`. The SSH side is loaded when the first machine needs it: it costs start-up time. */
export function openShell(settings: ShellSettings = {}): RemoteShell {
  const local = openLocalShell(settings.reveal === undefined ? {} : { reveal: settings.reveal });
  let machines: readonly Machine[] = [];
  let remote: Promise<StreamingShell> | undefined;

  async function openRemote(): Promise<StreamingShell> {
    const { openRemoteShell } = await import('./ssh.js');
    const shell = openRemoteShell(settings);
    shell.setMachines(machines);
    return shell;
  }

  async function shellFor(machine: Machine): Promise<StreamingShell> {
    if (machine.host === 'local') return local;
    remote ??= openRemote();
    return remote;
  }

  const stream: OpenStreams = async end => (await shellFor(end.machine)).stream(end);

  return {
    carry: (from, to, limits) => carryBytes(stream, from, to, limits),
    run: async (machine, command, limits) => (await shellFor(machine)).run(machine, command, limits),
    dial: async (machine, host, port, limitMs) => (await shellFor(machine)).dial(machine, host, port, limitMs),
    hostKeys: async machine => (await shellFor(machine)).hostKeys(machine),
    setMachines: now => {
      machines = now;
      void remote?.then(shell => shell.setMachines(machines));
    },
    connectAhead: now => {
      const [first] = now.filter(machine => machine.host !== 'local');
      if (first === undefined) return;
      // Who asks a machine is told what went wrong.
      shellFor(first).then(
        shell => shell.connectAhead?.(now),
        () => undefined,
      );
    },
    close: async () => {
      await local.close();
      await (await remote)?.close();
    },
  };
}
