// When and by whom something was changed on a machine, as far as its own records tell; what they do not tell stays unknown.
import type { Culprit, FieldChange } from '../../schema/plan.js';
import { killsProcess } from './culprit-commands.js';
import { endOfProject } from './culprit-docker.js';
import { fileCulprit } from './culprit-files.js';
import type { Evidence } from './culprit-read.js';
import { sinceOf, type Suspect } from './culprit-suspect.js';
import { endOfUnit, settingOfUnit } from './culprit-unit.js';
import { type Found, lastBefore, type Scene, told } from './culprit-words.js';
import { optional } from './optional.js';

/** A process that nothing keeps: its end is written down nowhere, but the command may be. */
function endOfProcess({ stamp, target }: Suspect, evidence: Evidence, { bootedAt }: Scene): Found {
  const since = sinceOf(stamp);
  if (bootedAt > since) return { what: 'gone since the machine was booted', at: bootedAt, nobody: true };
  const pid = evidence.processes.get(target);
  if (pid === undefined) return {};
  return optional(
    'by',
    lastBefore(evidence, since, evidence.clock, line => killsProcess(line, pid)),
  );
}

function endOf(suspect: Suspect, evidence: Evidence, scene: Scene): Found {
  const { stamp } = suspect;
  if (stamp.driver === 'docker') return endOfProject(suspect, evidence);
  return stamp.unit === undefined ? endOfProcess(suspect, evidence, scene) : endOfUnit(suspect, evidence);
}

function ofField(suspect: Suspect, change: FieldChange, evidence: Evidence, { home }: Scene): readonly Found[] {
  const { field } = change;
  if (/^(file|mode|own):/.test(field)) return [fileCulprit(suspect, change, evidence)];
  if (field === 'masked' || field === 'enabled') return [settingOfUnit(suspect, field, evidence, home)];
  return /^(container|image):|^label$/.test(field) ? [{ ...endOfProject(suspect, evidence), field }] : [];
}

/** At least one: that nothing is known is told too. */
export function accuse(suspect: Suspect, evidence: Evidence, scene: Scene): readonly Culprit[] {
  const end = suspect.down ? [endOf(suspect, evidence, scene)] : [];
  const found = [...end, ...suspect.fields.flatMap(change => ofField(suspect, change, evidence, scene))];
  return (found.length === 0 ? [{}] : found).map(one => told(one, evidence, scene, suspect));
}

/** Nobody could be asked. */
export const unasked = (why: string): readonly Culprit[] => [{ text: `when and by whom is unknown: ${why}` }];
