// Asks machines on which something was changed by hand when and by whom: one exec each, only there, and nothing depends on the answer.
import { asAppError } from '../../schema/errors.js';
import type { Change, Culprit, FieldChange, LeftAlone, Plan } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Stamp } from '../../schema/state.js';
import { everyChange } from '../../schema/holds.js';
import { culpritCommand, type CulpritTarget } from '../commands/culprit.js';
import { readProbe } from '../commands/probe.js';
import { accuse, unasked } from '../core/culprit.js';
import { readEvidence } from '../core/culprit-read.js';
import { sinceOf, type Suspect, unitLinks } from '../core/culprit-suspect.js';
import { lookupOf, stampOf } from '../core/lookup.js';
import { basisOf } from '../core/ownership.js';
import type { Ports } from '../ports.js';
import { sessionOf } from './session.js';

/** A repair waits for it: longer than this, and it stays unknown. */
const askLimitMs = 10_000;
/** Of one machine; what was changed in more files is told of these. */
const mostFiles = 24;

interface Scene {
  readonly desired: DesiredState;
  readonly live: LiveState;
}

type Case = Omit<Suspect, 'target' | 'files'> & { readonly machine: string; readonly seen: MachineSeen };

/** What stands there finished, is not as we left it, and was not changed in git: nobody of ours did that. */
function caseOf({ desired, live }: Scene, key: Change['key'], fields: readonly FieldChange[]): readonly Case[] {
  const placement = lookupOf(desired).byKey.get(key);
  const seen = placement === undefined ? undefined : live.machines[placement.spec.machine];
  if (placement === undefined || seen?.state !== 'reachable') return [];
  const stamp = stampOf(seen, placement.spec.service);
  if (stamp?.fingerprint === undefined || stamp.prunedAt !== undefined) return [];
  const sighting = live.sightings[key];
  const down = sighting?.state === 'absent' || (sighting?.state === 'present' && isDown(sighting.run));
  const owner = placement.spec.user ?? seen.facts.user;
  return [{ key, machine: placement.spec.machine, seen, fields, down, stamp, owner }];
}

const isDown = (run: string): boolean => run === 'stopped' || run === 'failed';

function ofChange(scene: Scene, { key, kind, reason, fields }: Change): readonly Case[] {
  const own = fields.filter(one => one.field.startsWith('own:'));
  if (reason === 'changed') return own.length === 0 || kind === 'replace' ? [] : caseOf(scene, key, own);
  return reason === 'drifted' || reason === 'stopped' || reason === 'missing' ? caseOf(scene, key, fields) : [];
}

const ofLeft = (scene: Scene, { key, state, fields = [] }: LeftAlone): readonly Case[] =>
  state === 'drifted' ? caseOf(scene, key, fields) : [];

function targetOf(stamp: Stamp): CulpritTarget {
  const since = Math.floor(sinceOf(stamp) / 1000);
  const { unit, scope, service } = stamp;
  if (stamp.driver === 'docker') return { kind: 'project', project: stamp.project ?? service, since };
  return unit === undefined || scope === 'none'
    ? { kind: 'process', service, since }
    : { kind: 'unit', unit, scope, since };
}

/** Its files, and the links that say whether its unit is masked or enabled. */
function pathsOf({ fields, stamp, seen }: Case): readonly string[] {
  const links = unitLinks(stamp, seen.facts.home);
  return fields.flatMap(({ field }) => {
    if (field === 'masked') return [links.unit];
    if (field === 'enabled') return [links.wants];
    return /^(?:file|mode|own):(.*)$/s.exec(field)?.[1] ?? [];
  });
}

async function ask(ports: Ports, cluster: string, machine: Machine, cases: readonly Case[]) {
  const files = [...new Set(cases.flatMap(pathsOf))].slice(0, mostFiles);
  const targets = cases.map(one => targetOf(one.stamp));
  const nonce = ports.newId();
  const uid = cases[0]?.seen.facts.uid ?? 0;
  const command = culpritCommand({ nonce, sudo: machine.sudo, cluster, uid, targets, files });
  const result = await ports.shell.run(machine, command, { timeLimitMs: askLimitMs });
  const evidence = readEvidence(readProbe(result.stdout, nonce) ?? []);
  return { files: new Map(files.map((path, index) => [path, index])), evidence, slow: result.timedOut };
}

async function judgeMachine(
  ports: Ports,
  cluster: string,
  machine: Machine,
  cases: readonly Case[],
): Promise<readonly (readonly [Case, readonly Culprit[]])[]> {
  try {
    const { files, evidence, slow } = await ask(ports, cluster, machine, cases);
    if (evidence === undefined) {
      const why = slow ? `did not answer within ${askLimitMs / 1000} s` : 'could not be asked';
      return cases.map(one => [one, unasked(`${machine.name} ${why}`)]);
    }
    return cases.map((one, target) => {
      const { facts } = one.seen;
      const bootedAt = (facts.clock - facts.uptimeSeconds) * 1000;
      return [one, accuse({ ...one, target, files }, evidence, { user: facts.user, home: facts.home, bootedAt })];
    });
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return cases.map(one => [one, unasked(error.message)]);
  }
}

/** The same drift over the same stamp was asked for already. */
const caseId = ({ key, stamp, fields, down }: Case): string => JSON.stringify([key, basisOf(stamp), fields, down]);

/** The plan with what the machines tell. Asked once for each drift, as long as it lasts. */
export async function withCulprits(ports: Ports, { desired, live }: Scene, plan: Plan): Promise<Plan> {
  const scene = { desired, live };
  const changes = everyChange(plan).flatMap(one => ofChange(scene, one));
  const cases = [...changes, ...plan.leftAlone.flatMap(one => ofLeft(scene, one))];
  const { culprits: known } = sessionOf(ports);
  const now = new Set(cases.map(caseId));
  for (const id of known.keys()) if (!now.has(id)) known.delete(id);
  if (cases.length === 0) return plan;
  await Promise.all(
    desired.machines.map(async machine => {
      const own = cases.filter(one => one.machine === machine.name && !known.has(caseId(one)));
      if (own.length === 0) return;
      for (const [one, told] of await judgeMachine(ports, desired.cluster, machine, own)) known.set(caseId(one), told);
    }),
  );
  const byKey = new Map(cases.map(one => [one.key, known.get(caseId(one)) ?? []]));
  const add = <T extends { readonly key: Change['key'] }>(one: T): T => {
    const culprits = byKey.get(one.key);
    return culprits === undefined ? one : { ...one, culprits };
  };
  return {
    ...plan,
    waves: plan.waves.map(wave => wave.map(add)),
    leftAlone: plan.leftAlone.map(one => (one.state === 'drifted' ? add(one) : one)),
    ...(plan.waiting === undefined
      ? {}
      : { waiting: plan.waiting.map(part => ({ ...part, changes: part.changes.map(add) })) }),
  };
}
