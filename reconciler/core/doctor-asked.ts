// Reads what a machine answered to the doctor's own questions; what it did not say counts as no.

/** How root can be had: we are root, sudo works, or why it does not. */
export type Sudo = 'root' | 'yes' | 'password' | 'missing' | 'never';

export interface EngineSeen {
  readonly state: 'ok' | 'missing' | 'down' | 'refused';
  readonly docker?: string;
  /** Without a leading `v`. */
  readonly compose?: string;
  /** `docker compose`, or the older `docker-compose`. */
  readonly program?: string;
}

export interface Asked {
  readonly sudo: Sudo;
  /** The state folder can be written, or made, without root. */
  readonly stateOpen: boolean;
  /** The user's own services run without a login. */
  readonly lingers: boolean;
  /** Folders that we may not write without root. */
  readonly closed: ReadonlySet<string>;
  /** Absent: nothing there is run by Docker. */
  readonly engine?: EngineSeen;
}

const sudos: readonly string[] = ['root', 'yes', 'password', 'missing', 'never'] satisfies readonly Sudo[];
const engines: readonly string[] = ['ok', 'missing', 'down', 'refused'] satisfies readonly EngineSeen['state'][];

const valueOf = (lines: readonly string[], name: string): string | undefined =>
  lines.find(line => line.startsWith(`${name} `))?.slice(name.length + 1);

function readEngine(lines: readonly string[]): EngineSeen {
  const state = valueOf(lines, 'engine') ?? '';
  const docker = valueOf(lines, 'docker');
  const [version = '', ...program] = (valueOf(lines, 'compose') ?? '').split(' ');
  return {
    state: engines.includes(state) ? (state as EngineSeen['state']) : 'down',
    ...(docker ? { docker } : {}),
    ...(program.length === 0 ? {} : { compose: version.replace(/^v/, ''), program: program.join(' ') }),
  };
}

/** `folders`: as they were asked, by index. undefined: not what was asked for. */
export function readAsked(
  doctor: readonly string[],
  engine: readonly string[] | undefined,
  folders: readonly string[],
): Asked | undefined {
  const sudo = valueOf(doctor, 'sudo');
  if (sudo === undefined || !sudos.includes(sudo)) return undefined;
  return {
    sudo: sudo as Sudo,
    stateOpen: doctor.includes('state yes'),
    lingers: doctor.includes('linger yes'),
    closed: new Set(folders.filter((_, index) => !doctor.includes(`folder ${index} yes`))),
    ...(engine === undefined ? {} : { engine: readEngine(engine) }),
  };
}
