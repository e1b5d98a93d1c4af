// Two placements that want the same: a port, a folder, a unit or a Compose project of one machine, or a host name anywhere.
import type { Diagnostic, DiagnosticCode } from '../../schema/diagnostics.js';
import type { Path } from '../../schema/validate.js';
import type { MachineDraft } from './parse-machines.js';
import type { Report } from './parse-report.js';
import type { PlacedSpec } from './parse-spec.js';

interface Wish {
  readonly placed: PlacedSpec;
  readonly path: Path;
}

/** The first who wants a thing has it; a second one of another service is a conflict, told at its place with the first one's. */
function claim(
  taken: Map<string, Wish>,
  thing: string,
  wish: Wish,
  code: DiagnosticCode,
  message: (first: string) => string,
  report: Report,
): void {
  const first = taken.get(thing);
  if (first === undefined) {
    taken.set(thing, wish);
    return;
  }
  const { service } = first.placed.spec;
  if (service === wish.placed.spec.service) return;
  const { layered } = wish.placed;
  report.at(layered.locate, [...layered.base, ...wish.path], code, message(service), {
    related: [whereFirst(first)],
    hint: 'change one of them',
  });
}

function whereFirst({ placed, path }: Wish): NonNullable<Diagnostic['related']>[number] {
  return {
    ...placed.layered.locate([...placed.layered.base, ...path], 'value'),
    message: `\`${placed.spec.service}\` has it here`,
  };
}

export function checkConflicts(
  placements: readonly PlacedSpec[],
  machines: ReadonlyMap<string, MachineDraft>,
  ownPorts: readonly number[],
  report: Report,
): void {
  const taken = new Map<string, Wish>();
  for (const placed of placements) {
    const { machine, path, type, docker, unitName, scope, hostname } = placed.spec;
    checkOwnPorts(placed, machines.get(machine), ownPorts, report);
    for (const { port, path: at } of placed.claims) {
      claim(
        taken,
        `port ${machine} ${port}`,
        { placed, path: at },
        'port-conflict',
        first => `port ${port} of \`${machine}\` is claimed by \`${first}\` too`,
        report,
      );
    }
    claim(
      taken,
      `path ${machine} ${path}`,
      { placed, path: ['path'] },
      'path-conflict',
      first => `\`${path}\` on \`${machine}\` is the folder of \`${first}\` too`,
      report,
    );
    if (type === 'native') {
      const wish = { placed, path: ['service_name'] };
      claim(
        taken,
        `unit ${machine} ${scope} ${unitName}`,
        wish,
        'unit-conflict',
        first => `the unit \`${unitName}\` of \`${machine}\` is managed by \`${first}\` too`,
        report,
      );
    }
    if (type === 'docker') {
      const project = docker?.project ?? placed.spec.service;
      claim(
        taken,
        `project ${machine} ${project}`,
        { placed, path: docker?.project === undefined ? [] : ['compose_project'] },
        'project-conflict',
        first => `the Compose project \`${project}\` of \`${machine}\` belongs to \`${first}\` too`,
        report,
      );
    }
    if (hostname !== undefined) {
      claim(
        taken,
        `name ${hostname.toLowerCase()}`,
        { placed, path: ['hostname'] },
        'hostname-conflict',
        first => `the host name \`${hostname}\` belongs to \`${first}\` too`,
        report,
      );
    }
  }
}

function checkOwnPorts(
  { claims, layered }: PlacedSpec,
  machine: MachineDraft | undefined,
  ownPorts: readonly number[],
  report: Report,
): void {
  if (machine?.machine.host !== 'local') return;
  for (const { port, path } of claims) {
    if (!ownPorts.includes(port)) continue;
    const hint = 'give the service another port, or Portoser with --listen';
    report.at(
      layered.locate,
      [...layered.base, ...path],
      'port-conflict',
      `port ${port} is in use by Portoser itself on this machine`,
      { hint },
    );
  }
}
