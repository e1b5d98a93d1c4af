// Looks at what runs on a machine besides ours, and at what it would be as services of the registry. Changes nothing.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Difference } from '../../schema/plan.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { composeSurvey, surveyCommand } from '../commands/adopt.js';
import type { Command } from '../commands/command.js';
import { type ProbeSection, readProbe } from '../commands/probe.js';
import { type Place, projectWish, unitWish, type Wish } from '../core/adopt.js';
import { draftWith } from '../core/adopt-draft.js';
import { askedNames, findProjects, type FoundProject, type NotAdoptable } from '../core/adopt-projects.js';
import { type ComposeSaid, readCompose, readSurvey, type Survey } from '../core/adopt-seen.js';
import { findUnits } from '../core/adopt-units.js';
import type { EditMap } from '../core/edit.js';
import { stampOf } from '../core/lookup.js';
import { judgeMachines } from '../core/machines.js';
import { optional } from '../core/optional.js';
import { adoptedStamp } from '../core/stamps.js';
import type { Lists } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { desire } from './desired.js';
import { look } from './look.js';
import { registryTexts } from './registry-texts.js';
import { sessionOf } from './session.js';
import type { Synced } from './sync.js';
import { judgedWith } from './verify.js';

export interface AdoptRun {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly synced: Synced;
  readonly machine: Machine;
}

/** Something that can be taken over as it runs. */
export interface Adoptable {
  readonly service: string;
  readonly what: 'project' | 'unit';
  /** Of the project, or of the unit. */
  readonly name: string;
  readonly path: string;
  /** What would be written to the registry; absent: it is there already. */
  readonly entry?: EditMap;
  /** What the next changes bring along. */
  readonly notes: readonly string[];
}

export interface Surveyed {
  readonly things: readonly Adoptable[];
  readonly refused: readonly NotAdoptable[];
}

const surveyLimitMs = 60_000;
/** Each project may take Compose 10 s, which nobody has seen. */
const composeLimitMs = 120_000;

/** Words that only look, and their answer in sections. */
async function asked(
  { ports, machine }: AdoptRun,
  words: (nonce: string) => Command,
  timeLimitMs: number,
): Promise<readonly ProbeSection[]> {
  const nonce = ports.newId();
  const result = await ports.shell.run(machine, words(nonce), { timeLimitMs });
  const sections = readProbe(result.stdout, nonce);
  if (sections !== undefined) return sections;
  const why = result.timedOut ? `nothing within ${timeLimitMs / 1000} s` : lastOf(result.stderr.trim(), 400);
  throw new AppError('machine-shell', `${machine.name} answered with something else: ${why}`);
}

/** Throws why nothing may be touched there. */
export function needFree(machine: Machine, desired: DesiredState, live: LiveState, ports: Ports): MachineSeen {
  const seen = live.machines[machine.name];
  const note = judgeMachines(desired, live, new Set(sessionOf(ports).busy.keys())).get(machine.name);
  if (note?.error !== undefined) throw new AppError(note.error.code, note.error.message, { hint: note.error.hint });
  if (note !== undefined)
    throw new AppError('machine-lock', `${machine.name}: ${note.why}`, { hint: 'Try again when that is over.' });
  if (seen?.state !== 'reachable') throw new AppError('ssh-unreachable', `${machine.name} was not looked at`);
  return seen;
}

export interface Adoption {
  readonly placement: Placement;
  readonly stamp: Stamp;
}

/** The stamp that would make it ours as it was seen; undefined: nothing of that name is there. */
export function adoptionOf(
  key: PlacementKey,
  desired: DesiredState,
  live: LiveState,
  lists: Lists,
): Adoption | undefined {
  const placement = desired.placements.find(one => one.key === key);
  const driver = placement === undefined ? undefined : lists.drivers[placement.spec.type];
  const seen = placement === undefined ? undefined : live.machines[placement.spec.machine];
  const sighting = live.sightings[key];
  if (placement === undefined || driver === undefined || seen?.state !== 'reachable') return undefined;
  if (sighting?.state !== 'present') return undefined;
  const ownFiles = driver.ownFiles(placement.spec).map(file => file.path);
  const identity = driver.identity(placement.spec, seen.facts);
  const stamp = adoptedStamp({ placement, identity, commit: desired.commit, sighting, ownFiles });
  return { placement, stamp };
}

/** What of a difference a person can do something about, in words. */
function whyNot({ because, fields }: Difference, name: string): string {
  const enabled = fields.some(one => one.field === 'enabled');
  return enabled
    ? `it is not enabled, and would not come back after a reboot: run \`systemctl enable ${name}\` there first`
    : because;
}

/** As the engine itself would judge it by that stamp: what would be changed by itself cannot be taken over as it runs. */
function judge(
  thing: Adoptable,
  adoption: Adoption | undefined,
  desired: DesiredState,
  live: LiveState,
  lists: Lists,
): Adoptable | NotAdoptable {
  const { what, name } = thing;
  if (adoption === undefined) return { what, name, why: 'it is not there any more' };
  const { placement, stamp } = adoption;
  const judged = judgedWith(desired, live, lists.drivers, placement.key, stamp);
  const left = judged?.leftAlone.find(one => one.key === placement.key && one.state !== 'suspended');
  if (judged === undefined || left !== undefined)
    return { what, name, why: left?.why ?? 'the machine does not answer' };
  const differs = judged.differences.find(one => one.key === placement.key);
  if (differs !== undefined && differs.reason !== 'changed') return { what, name, why: whyNot(differs, name) };
  const notes = differs === undefined ? [] : [`the next pass changes it: ${differs.because}`];
  return { ...thing, notes: [...thing.notes, ...notes] };
}

async function composeSaid(run: AdoptRun, found: readonly FoundProject[]): Promise<readonly ComposeSaid[]> {
  if (found.length === 0) return [];
  const questions = found.map(({ project, folder, files }) => ({ project, folder, files, names: askedNames }));
  const settings = { sudo: run.machine.sudo };
  const sections = await asked(run, nonce => composeSurvey({ ...settings, nonce }, questions), composeLimitMs);
  return found.map((_, index) =>
    readCompose(sections.find(one => one.name === 'project' && one.rest === String(index))?.lines ?? []),
  );
}

/** Services that stand in the registry, run there, and have no stamp: only that is missing. */
function unstamped(
  { machine }: AdoptRun,
  desired: DesiredState,
  live: LiveState,
  seen: MachineSeen,
): readonly Placement[] {
  return desired.placements.filter(
    ({ key, spec }) =>
      spec.machine === machine.name &&
      spec.type !== 'local' &&
      stampOf(seen, spec.service) === undefined &&
      live.sightings[key]?.state === 'present',
  );
}

interface Known {
  readonly projects: ReadonlySet<string>;
  readonly units: ReadonlySet<string>;
}

function thingOf({ spec }: Placement): Adoptable {
  const { service, path, docker, unitName } = spec;
  const base = { service, path, notes: [] };
  return docker === undefined
    ? { ...base, what: 'unit', name: unitName }
    : { ...base, what: 'project', name: docker.project ?? service };
}

/** Names of what is ours, and of what the registry has already. */
function known(run: AdoptRun, desired: DesiredState, seen: MachineSeen): Known {
  const placed = desired.placements
    .filter(one => one.spec.machine === run.machine.name)
    .map(({ spec }) => run.lists.drivers[spec.type]?.identity(spec, seen.facts));
  const all = [...placed, ...seen.stamps];
  return {
    projects: new Set(all.flatMap(one => one?.project ?? [])),
    units: new Set(all.flatMap(one => one?.unit ?? [])),
  };
}

async function wishesOf(
  run: AdoptRun,
  survey: Survey,
  names: Known,
  taken: ReadonlySet<string>,
): Promise<readonly (Wish | NotAdoptable)[]> {
  const projects = findProjects(survey, names.projects);
  const units = findUnits(survey, names.units);
  const said = await composeSaid(run, projects.found);
  const inUse = new Set(taken);
  const placed = (make: (place: Place) => Wish | NotAdoptable): Wish | NotAdoptable => {
    const wish = make({ machine: run.machine.name, taken: inUse });
    if ('service' in wish) inUse.add(wish.service);
    return wish;
  };
  return [
    ...projects.found.map((found, index) =>
      placed(place => projectWish(found, said[index] ?? { names: [], said: '' }, place)),
    ),
    ...units.found.map(found => placed(place => unitWish(found, place))),
    ...projects.refused,
    ...units.refused,
  ];
}

/** Throws why nothing may be touched on the machine, and what the registry says wrong. */
export async function surveyMachine(run: AdoptRun): Promise<Surveyed> {
  const { ports, lists, synced, machine } = run;
  const only = { only: new Set([machine.name]) };
  const now = await desire(ports, lists, synced);
  const live = await look(ports, lists, now, only);
  const seen = needFree(machine, now, live, ports);
  const survey = readSurvey(
    await asked(run, nonce => surveyCommand({ nonce, sudo: machine.sudo, cluster: now.cluster }), surveyLimitMs),
  );
  const { texts: files, paths } = await registryTexts(synced.files, ports.source.path);
  const taken = new Set(now.placements.map(one => one.spec.service));
  const found = await wishesOf(run, survey, known(run, now, seen), taken);
  const draft = draftWith(
    found.filter(one => 'entries' in one),
    { main: ports.source.path, files, paths },
  );
  const next = await desire(ports, lists, { ...synced, ...optional('registry', draft.parsed?.registry) });
  const after = await look(ports, lists, next, only);
  const fresh = draft.wishes.map((wish): Adoptable => {
    const { entries: _, ...thing } = wish;
    return thing;
  });
  const placed = unstamped(run, now, live, seen).map(thingOf);
  const judged = [...placed, ...fresh].map(wish => {
    const adoption = adoptionOf(`${wish.service}@${machine.name}`, next, after, lists);
    return judge(wish, adoption, next, after, lists);
  });
  return {
    things: judged.filter(one => 'service' in one),
    refused: [...judged.filter(one => 'why' in one), ...draft.refused, ...found.filter(one => 'why' in one)],
  };
}
