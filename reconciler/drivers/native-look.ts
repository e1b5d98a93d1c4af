// Looking at what a machine's service manager keeps, native or local: words that ask the manager that is there, and the reading of its answer.
import { type Command, sh } from '../commands/command.js';
import { lookAtJobs } from '../commands/launchd.js';
import { lookAtRc } from '../commands/rc.js';
import { showSystemUnits, showUserUnits } from '../commands/systemd-show.js';
import { takeUsage, type Used } from '../commands/usage.js';
import type { RunnerSeen, Section, Target } from './driver.js';
import { type KeptScope, report } from './native-keeper.js';
import { readLaunchd } from './native-launchd.js';
import { readRc } from './native-rc.js';
import { readSystemd } from './native-systemd.js';

const unitOf = (target: Target): string => target.identity.unit ?? target.service;

function showScope(targets: readonly Target[], scope: KeptScope, show: (units: readonly string[]) => Command): Command {
  const units = targets.filter(target => target.identity.scope === scope).map(unitOf);
  return units.length === 0 ? sh`` : sh`echo ${`scope ${scope}`}\n${show(units)}`;
}

/** Only systemd's names have a suffix; a target of a machine that was never seen carries it all the same. */
const plainName = (target: Target): string => unitOf(target).replace(/\.service$/, '');

/** Which manager there is, the machine itself finds out: the first probe of all knows nothing of it. */
export function lookAtKept(targets: readonly Target[]): Command {
  if (targets.length === 0) return sh`:\n`;
  const each = targets.map(target => sh`p_kept ${target.index} ${target.identity.scope} ${plainName(target)}\n`);
  return sh`if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
echo manager systemd
${showScope(targets, 'system', showSystemUnits)}${showScope(targets, 'user', showUserUnits)}else
if command -v launchctl >/dev/null 2>&1; then echo manager launchd
${lookAtJobs}elif [ -r /etc/rc.subr ]; then echo manager rc
${lookAtRc}else echo manager none; p_kept() { :; }
fi
${{ words: each.flatMap(one => one.words) }}fi
`;
}

/** Lines after the one that equals `mark`, up to the next that begins as it does. */
function linesAfter(section: Section, mark: string): Section {
  const start = section.indexOf(mark);
  const rest = start < 0 ? [] : section.slice(start + 1);
  const end = rest.findIndex(line => line.startsWith(mark.slice(0, mark.indexOf(' ') + 1)));
  return end < 0 ? rest : rest.slice(0, end);
}

function readUnits(targets: readonly Target[], section: Section, used: Used): ReadonlyMap<number, RunnerSeen> {
  const read = (scope: KeptScope) =>
    readSystemd(
      targets.filter(target => target.identity.scope === scope),
      linesAfter(section, `scope ${scope}`),
      used,
    );
  return new Map([...read('system'), ...read('user')]);
}

const readEach = (targets: readonly Target[], section: Section, read: (lines: Section) => RunnerSeen) =>
  new Map(targets.map(target => [target.index, readTarget(target, section, read)]));

function readTarget(target: Target, section: Section, read: (lines: Section) => RunnerSeen): RunnerSeen {
  const mark = `target ${target.index}`;
  return section.includes(mark) ? read(linesAfter(section, mark)) : unknown('the answer about services is not whole');
}

function unknown(why: string): RunnerSeen {
  return { state: 'unknown', error: report('service-manager-missing', why) };
}

export function readKept(targets: readonly Target[], whole: Section): ReadonlyMap<number, RunnerSeen> {
  const { own: section, used } = takeUsage(whole);
  switch (section.find(line => line.startsWith('manager '))) {
    case 'manager systemd':
      return readUnits(targets, section, used);
    case 'manager launchd':
      return readEach(targets, section, lines => readLaunchd(lines, used));
    case 'manager rc':
      return readEach(targets, section, lines => readRc(lines, used));
    case 'manager none':
      return new Map(targets.map(target => [target.index, unknown('there is no systemd or launchd')]));
    default:
      return new Map(targets.map(target => [target.index, unknown('the answer about services is not whole')]));
  }
}
