// A fleet in memory: machines that hold stamps, files and runners, and take changes as the real ones do. For pure tests of diff and plan.
import { createHash } from 'node:crypto';
import type { Change, Plan } from '../../schema/plan.js';
import type {
  DesiredState,
  FileSeen,
  LiveState,
  MachineFacts,
  MachineSeen,
  Placement,
  Sighting,
  Stamp,
} from '../../schema/state.js';
import { cameFrom } from '../../reconciler/core/came-from.js';
import { groundOf } from '../../reconciler/core/ground.js';
import { identityOf } from '../../reconciler/core/machines.js';
import { finalStamp, prunedStamp } from '../../reconciler/core/stamps.js';
import type { Driver } from '../../reconciler/drivers/driver.js';

export interface FakeRunner {
  run: 'running' | 'stopped';
  settings: Record<string, string>;
  images: Record<string, string>;
}

export interface FakeMachine {
  id?: string;
  identity?: string;
  reachable: boolean;
  facts: MachineFacts;
  stamps: Map<string, Stamp>;
  files: Map<string, FileSeen>;
  own: Map<string, string>;
  /** By service: what stands for its unit, project or process. */
  runners: Map<string, FakeRunner>;
}

export const fakeFacts = (name: string): MachineFacts => ({
  platform: 'linux',
  arch: 'amd64',
  kernel: '6.1',
  hostname: name,
  bootId: `boot-${name}`,
  clock: 1_000_000,
  uptimeSeconds: 100,
  load1: 0,
  cpus: 2,
  memoryTotalBytes: 1e9,
  memoryFreeBytes: 1e9,
  fileSystems: [],
  network: {},
  uid: 0,
  user: 'root',
  home: '/root',
  serviceManager: 'systemd',
  hasUv: true,
});

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export class FakeFleet {
  readonly machines = new Map<string, FakeMachine>();
  /** Every change made, in order. */
  readonly made: { readonly key: string; readonly kind: string }[] = [];

  constructor(private readonly drivers: Readonly<Record<string, Driver>>) {}

  machine(name: string): FakeMachine {
    const known = this.machines.get(name);
    if (known !== undefined) return known;
    const fresh: FakeMachine = {
      reachable: true,
      facts: fakeFacts(name),
      stamps: new Map(),
      files: new Map(),
      own: new Map(),
      runners: new Map(),
    };
    this.machines.set(name, fresh);
    return fresh;
  }

  private files(machine: FakeMachine): Pick<Sighting & { state: 'absent' }, 'files' | 'own'> {
    const own = Object.fromEntries([...machine.own].map(([path, text]) => [path, { sha256: sha256(text), text }]));
    return { files: Object.fromEntries(machine.files), own };
  }

  /** `there`: a machine's files, which all its sightings share, as those of a probe do. */
  private sighting(machine: FakeMachine, service: string, there = this.files(machine)): Sighting {
    const { files, own } = there;
    const runner = machine.runners.get(service);
    if (runner === undefined) return { state: 'absent', files, own };
    return {
      state: 'present',
      run: runner.run,
      settings: { ...runner.settings },
      pids: [1],
      images: { ...runner.images },
      files,
      own,
    };
  }

  look(desired: DesiredState, leaving: readonly string[] = []): LiveState {
    const names = [...desired.machines.map(machine => machine.name), ...leaving];
    const sightings: Record<string, Sighting> = {};
    const machines: Record<string, LiveState['machines'][string]> = {};
    for (const name of names) {
      const machine = this.machine(name);
      if (!machine.reachable) {
        machines[name] = {
          state: 'unknown',
          error: { code: 'ssh-unreachable', message: `${name} is off`, hint: '', retry: 'backoff' },
        };
        continue;
      }
      machines[name] = this.seen(name, machine);
      const services = new Set([
        ...desired.placements.filter(one => one.spec.machine === name).map(one => one.spec.service),
        ...machine.stamps.keys(),
      ]);
      const there = this.files(machine);
      for (const service of services) sightings[`${service}@${name}`] = this.sighting(machine, service, there);
    }
    return { takenAt: 0, machines, sightings };
  }

  private seen(name: string, machine: FakeMachine): MachineSeen {
    return {
      state: 'reachable',
      facts: machine.facts,
      stateFolder: { path: `/var/lib/portoser/${name}`, exists: machine.id !== undefined },
      ...(machine.id === undefined ? {} : { id: machine.id }),
      ...(machine.identity === undefined ? {} : { identity: machine.identity }),
      stamps: [...machine.stamps.values()],
      listeners: [],
      openSteps: [],
    };
  }

  /** Makes all changes of a plan; `fails`: keys whose change does not come through. */
  apply(plan: Plan, desired: DesiredState, fails: ReadonlySet<string> = new Set()): void {
    const failed = new Set<string>();
    const live = this.look(desired);
    for (const change of plan.waves.flat()) {
      if (fails.has(change.key) || change.after.some(key => failed.has(key))) {
        failed.add(change.key);
        continue;
      }
      this.made.push({ key: change.key, kind: change.kind });
      this.change(change, desired, live);
    }
  }

  private change(change: Change, desired: DesiredState, live: LiveState): void {
    const machine = this.machine(change.machine);
    machine.id ??= `id-${change.machine}`;
    machine.identity ??= identityOf(desired);
    const placement = desired.placements.find(one => one.key === change.key);
    const gone =
      change.kind === 'stop' || change.kind === 'remove' || change.kind === 'release' || placement === undefined;
    if (gone) this.stop(machine, change);
    else this.start(machine, change, placement, desired, live);
  }

  private stop(machine: FakeMachine, change: Change): void {
    const stamp = machine.stamps.get(change.service);
    if (stamp !== undefined && change.kind === 'stop') {
      machine.stamps.set(change.service, prunedStamp(stamp, machine.facts.clock));
      const runner = machine.runners.get(change.service);
      if (runner !== undefined) runner.run = 'stopped';
      return;
    }
    machine.stamps.delete(change.service);
    if (change.kind === 'remove') machine.runners.delete(change.service);
  }

  private start(
    machine: FakeMachine,
    change: Change,
    placement: Placement,
    desired: DesiredState,
    live: LiveState,
  ): void {
    const driver = this.drivers[placement.spec.type];
    const before = machine.stamps.get(change.service);
    if (driver === undefined) throw new Error(`no driver ${placement.spec.type}`);
    if (change.kind === 'replace') for (const file of before?.files ?? []) machine.files.delete(file.path);
    const seen = this.seen(change.machine, machine);
    const sighting = this.sighting(machine, change.service);
    const generated = driver.generate(placement, groundOf(placement, seen, sighting, desired));
    if ('code' in generated) throw new Error(generated.message);
    const kept = new Set<string>();
    const put = (path: string, hash: string, mode: number) => {
      kept.add(path);
      machine.files.set(path, { sha256: hash, mode });
    };
    for (const file of generated) put(file.path, sha256(file.text), file.mode);
    for (const file of placement.source) put(`${placement.spec.path}/${file.path}`, file.sha256, file.mode);
    for (const file of before?.files ?? []) if (!kept.has(file.path)) machine.files.delete(file.path);
    machine.runners.set(change.service, {
      run: 'running',
      settings: { enabled: 'enabled', 'unit-load': 'loaded', fingerprint: placement.fingerprint },
      images: {},
    });
    const after = this.sighting(machine, change.service);
    if (after.state === 'unknown') return;
    machine.stamps.set(
      change.service,
      finalStamp({
        placement,
        identity: driver.identity(placement.spec, machine.facts),
        generated,
        sighting: after,
        commit: desired.commit,
        from: cameFrom(placement, before, desired, live),
        ownFiles: driver.ownFiles(placement.spec).map(file => file.path),
      }),
    );
  }
}
