// What the services placed on a machine need there: root, Docker with Compose, uv, a service manager.
import type { ErrorReport } from '../../schema/errors.js';
import type { Placement } from '../../schema/state.js';
import { amiss, fine, type Patient, placedOn, type Remark } from './doctor-remark.js';
import { dockerRemarks } from './doctor-docker.js';
import { groundOf } from './ground.js';
import { report } from './machines.js';

const named = (placements: readonly Placement[]): string => placements.map(one => one.spec.service).join(', ');

interface Refused {
  readonly placement: Placement;
  readonly error: ErrorReport;
}

/** What the drivers themselves say against a placement on this machine. */
function refusals({ machine, seen, desired, live, drivers }: Patient): readonly Refused[] {
  return placedOn({ machine, desired }).flatMap(placement => {
    const sighting = live.sightings[placement.key];
    const driver = drivers[placement.spec.type];
    if (sighting === undefined || sighting.state === 'unknown' || driver === undefined) return [];
    const generated = driver.generate(placement, groundOf(placement, seen, sighting, desired));
    return 'code' in generated ? [{ placement, error: generated }] : [];
  });
}

const unitOf = ({ drivers, seen }: Patient, { spec }: Placement) => drivers[spec.type]?.identity(spec, seen.facts);

/** Why root is needed, each with the services that need it. */
function rootReasons(patient: Patient): readonly string[] {
  const { seen, asked } = patient;
  const placed = placedOn(patient);
  const units = placed.filter(one => {
    const identity = unitOf(patient, one);
    return identity?.unit !== undefined && identity.scope === 'system';
  });
  const others = placed.filter(({ spec }) => spec.user !== undefined && spec.user !== seen.facts.user);
  const closed = placed.filter(({ spec }) => asked.closed.has(spec.path));
  return [
    ...(units.length === 0 ? [] : [`system units (${named(units)})`]),
    ...(others.length === 0 ? [] : [`running as another user (${named(others)})`]),
    ...(closed.length === 0 ? [] : [`folders of others (${closed.map(one => one.spec.path).join(', ')})`]),
  ];
}

function sudo(patient: Patient): Remark {
  const { machine, asked } = patient;
  if (asked.sudo === 'root') return fine('sudo', 'not needed: the login is root');
  const reasons = rootReasons(patient);
  if (reasons.length === 0) return fine('sudo', 'not needed by what is placed there');
  const needed = `needed for ${reasons.join(', ')}`;
  switch (asked.sudo) {
    case 'yes':
      return fine('sudo', `works without a password; ${needed}`);
    case 'never':
      return amiss('sudo', report('sudo-refused', `${needed}, and the registry says sudo: never for ${machine.name}`));
    case 'password':
      return amiss('sudo', report('sudo-refused', `${needed}, and it asks for a password`));
    case 'missing':
      return amiss('sudo', report('sudo-refused', `${needed}, and there is no sudo`));
    default:
      return asked.sudo satisfies never;
  }
}

/** As the launcher decides it: by the files that lie at `path`, from git or the user's own. */
function usesUv({ live }: Patient, { key, spec, source }: Placement): boolean {
  if (spec.type !== 'local' || spec.env['PATH'] !== undefined) return false;
  const sighting = live.sightings[key];
  const own = sighting === undefined || sighting.state === 'unknown' ? {} : sighting.own;
  return (
    spec.command?.[0] === 'uv' ||
    ['pyproject.toml', 'requirements.txt'].some(
      file => source.some(one => one.path === file) || own[`${spec.path}/${file}`] !== undefined,
    )
  );
}

function uv(patient: Patient): readonly Remark[] {
  const users = placedOn(patient).filter(one => usesUv(patient, one));
  if (users.length === 0) return [];
  if (patient.seen.facts.hasUv) return [fine('uv', `is there; needed by ${named(users)}`)];
  return [amiss('uv', report('uv-missing', `needed by ${named(users)}, and not there`))];
}

/** Units of the SSH user end with its last login, where nobody said that they shall linger. */
function linger(patient: Patient): readonly Remark[] {
  const { seen, asked } = patient;
  const users = placedOn(patient).filter(one => unitOf(patient, one)?.scope === 'user');
  if (users.length === 0 || seen.facts.serviceManager !== 'systemd') return [];
  if (asked.lingers) return [fine('linger', `units of ${seen.facts.user} run without a login`)];
  const runs = users.filter(one => seen.stamps.some(stamp => stamp.service === one.spec.service));
  if (runs.length === 0)
    return [fine('linger', `off for ${seen.facts.user}: the first start of ${named(users)} turns it on`)];
  const text = `off for ${seen.facts.user}: ${named(runs)} ends with its last login, and does not come up at boot`;
  return [
    { subject: 'linger', level: 'problem', text, hint: `Run \`loginctl enable-linger ${seen.facts.user}\` there.` },
  ];
}

function manager(patient: Patient, refused: readonly Refused[]): readonly Remark[] {
  const { serviceManager } = patient.seen.facts;
  const kept = placedOn(patient).filter(({ spec }) => spec.type !== 'docker' && spec.scope !== 'none');
  const bare = kept.filter(one => one.spec.type === 'local' && unitOf(patient, one)?.scope === 'none');
  const without = refused.filter(one => one.error.code === 'service-manager-missing');
  const [first] = without;
  if (kept.length === 0) return [];
  return [
    ...(first === undefined
      ? []
      : [
          amiss('manager', {
            ...first.error,
            message: `${first.error.message}: needed by ${named(without.map(one => one.placement))}`,
          }),
        ]),
    ...(bare.length === 0
      ? []
      : [
          {
            subject: 'manager',
            level: 'warning' as const,
            text: `no service manager that keeps ${named(bare)}: it does not come up at boot`,
            hint: 'A machine with systemd or launchd keeps it; `scope: none` says that this is meant.',
          },
        ]),
    ...(first === undefined && bare.length === 0 ? [fine('manager', `${serviceManager} keeps ${named(kept)}`)] : []),
    ...linger(patient),
  ];
}

/** Told above already, for all services together. */
const told = new Set<string>(['service-manager-missing', 'uv-missing', 'sudo-refused']);

export function needRemarks(patient: Patient): readonly Remark[] {
  const refused = refusals(patient);
  const rest = refused.filter(one => !told.has(one.error.code));
  return [
    sudo(patient),
    ...dockerRemarks(patient),
    ...uv(patient),
    ...manager(patient, refused),
    ...rest.map(({ placement, error }) =>
      amiss('service', { ...error, message: `${placement.spec.service}: ${error.message}` }),
    ),
  ];
}
