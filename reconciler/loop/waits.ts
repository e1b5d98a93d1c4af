// Ports that tell what is waited for (for what, on which machine, until when: people see it when a wait is long), and what history is handed.
import type { Bus } from '../../schema/live.js';
import type { Progress } from '../operations/operation.js';
import type { GitRepo, Ports, RemoteShell } from '../ports.js';

type Tell = (progress: Progress) => void;

/** The time of day of the controller's own place, as its people read it. */
export function timeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** While `work` goes on, `text` is told as a wait at this place; an empty text ends it. */
async function during<T>(
  tell: Tell,
  place: Pick<Progress, 'machine'>,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  tell({ kind: 'waiting', ...place, text });
  try {
    return await work();
  } finally {
    tell({ kind: 'waiting', ...place, text: '' });
  }
}

/** The same object with some members replaced; it may be of a class with members of its own. */
function overlay<T extends object>(base: T, members: Partial<T>): T {
  return new Proxy(base, {
    get(_, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown;
      const value: unknown = Reflect.get(base, name, base);
      return typeof value === 'function' ? (value.bind(base) as unknown) : value;
    },
  });
}

function tellingShell(shell: RemoteShell, ports: Pick<Ports, 'clock'>, tell: Tell): RemoteShell {
  const until = (limitMs: number): string => `until ${timeOfDay(ports.clock.now() + limitMs)} at the latest`;
  return overlay(shell, {
    run: (machine, command, limits) =>
      during(tell, { machine: machine.name }, `its answer, ${until(limits.timeLimitMs)}`, () =>
        shell.run(machine, command, limits),
      ),
    hostKeys: machine => during(tell, { machine: machine.name }, 'its host keys', () => shell.hostKeys(machine)),
  });
}

function tellingGit(git: GitRepo, tell: Tell): GitRepo {
  return overlay(git, {
    remoteHead: () => during(tell, {}, `an answer of ${git.address}`, () => git.remoteHead()),
    fetch: () => during(tell, {}, `the commits of ${git.address}`, () => git.fetch()),
  });
}

/** The same ports, with shell and repository telling. */
export function tellWaits(ports: Ports, tell: Tell): Ports {
  const { git } = ports.source;
  const source = git === undefined ? ports.source : { ...ports.source, git: tellingGit(git, tell) };
  return { ...ports, source, shell: tellingShell(ports.shell, ports, tell) };
}

/** The same ports, with what the store is handed told to who follows. */
export function tellRecords(ports: Ports, bus: Bus): Ports {
  const store = overlay(ports.store, {
    record: record => {
      ports.store.record(record);
      bus.tell(record);
    },
  });
  return { ...ports, store, bus };
}
