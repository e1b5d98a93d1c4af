// Which systemd units could be taken over: those that a person put there, and not what belongs to the system.
import type { NotAdoptable } from './adopt-projects.js';
import type { Survey, SurveyedUnit } from './adopt-seen.js';
import { isSystemFolder, normalPath } from './paths.js';

export interface FoundUnit {
  /** With suffix. */
  readonly unit: string;
  /** Where it works or lives, as far as it says so; undefined: it says nothing that a service could call its own. */
  readonly folder?: string;
  readonly ports: readonly number[];
}

/** What installers of systems and engines put beside the units of people. */
const systemUnits =
  /^(docker|containerd|podman|ssh|sshd|dbus|cron|crond|snapd|NetworkManager)[.@]|^(systemd-|getty|serial-getty|console-getty|snap[.-]|user@|dbus-org\.|netplan-|cloud-)/;

/** The controller's own unit, and those that it writes for services of type `local`. */
const portoserUnits = /^portoser[.@-]/;

/** Programs that are not one service's own lie there. */
const sharedPrograms = /^\/(usr|bin|sbin|lib|lib64|snap)(\/|$)/;

const usable = (folder: string): boolean => folder.startsWith('/') && !isSystemFolder(folder);

/** `!/opt/x`: as systemd prints a folder that may be missing. */
function folderOf({ folder, program }: SurveyedUnit): string | undefined {
  const own = normalPath(folder.replace(/^[!-]/, ''));
  if (usable(own)) return own;
  const beside = normalPath(program.slice(0, Math.max(0, program.lastIndexOf('/'))));
  return usable(beside) && !sharedPrograms.test(beside) ? beside : undefined;
}

function why(unit: SurveyedUnit, others: Survey['others']): Omit<NotAdoptable, 'what' | 'name'> | undefined {
  const cluster = others.get(`unit ${unit.name}`);
  if (cluster !== undefined) return { why: `it is the cluster ${cluster}'s` };
  if (portoserUnits.test(unit.name)) return { why: 'it is Portoser’s own', system: true };
  if (unit.system || systemUnits.test(unit.name)) return { why: 'it belongs to the system', system: true };
  return unit.load === 'loaded' ? undefined : { why: `systemd cannot load it: ${unit.load}` };
}

/** `ours`: names of units that have a stamp of this cluster. */
export function findUnits(
  { units, others }: Survey,
  ours: ReadonlySet<string>,
): { readonly found: readonly FoundUnit[]; readonly refused: readonly NotAdoptable[] } {
  const foreign = units.filter(unit => !ours.has(unit.name));
  const judged = foreign.map(unit => ({ unit, not: why(unit, others) }));
  return {
    found: judged.flatMap(({ unit, not }) => {
      const folder = folderOf(unit);
      const found = { unit: unit.name, ports: unit.ports };
      return not === undefined ? [folder === undefined ? found : { ...found, folder }] : [];
    }),
    refused: judged.flatMap(({ unit, not }) => (not === undefined ? [] : [{ what: 'unit', name: unit.name, ...not }])),
  };
}
