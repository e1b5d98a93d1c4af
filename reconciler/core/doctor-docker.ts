// Docker and Compose on a machine that runs something with them.
import { amiss, fine, type Patient, placedOn, type Remark } from './doctor-remark.js';
import { report } from './machines.js';

/** First release that knows `!override`, which published ports need (compose-spec/compose-go#552). */
const overrideSince = [2, 24, 4] as const;

/** `version` is this one or newer; what is no version is taken to be. */
function isSince(version: string, since: readonly number[]): boolean {
  const parts = /^(\d+)\.(\d+)(?:\.(\d+))?/
    .exec(version)
    ?.slice(1)
    .map(part => Number(part ?? 0));
  if (parts === undefined) return true;
  const index = since.findIndex((part, at) => (parts[at] ?? 0) !== part);
  return index < 0 || (parts[index] ?? 0) > (since[index] ?? 0);
}

export function dockerRemarks(patient: Patient): readonly Remark[] {
  const { machine, asked } = patient;
  const { engine } = asked;
  const placed = placedOn(patient).filter(one => one.spec.type === 'docker');
  if (placed.length === 0 || engine === undefined) return [];
  const problem = (code: 'docker-missing' | 'docker-down' | 'docker-refused', text: string, hint?: string) => {
    const error = report(code, text);
    return [amiss('docker', hint === undefined ? error : { ...error, hint })];
  };
  switch (engine.state) {
    case 'missing':
      return problem('docker-missing', `${machine.name} has no docker`);
    case 'down':
      return problem('docker-down', 'the Docker engine does not answer');
    case 'refused':
      return problem('docker-refused', `${patient.seen.facts.user} may not use Docker, and sudo is not allowed`);
    case 'ok':
      break;
    default:
      return engine.state satisfies never;
  }
  const { docker = 'of unknown version', compose, program } = engine;
  if (compose === undefined)
    return problem('docker-missing', `engine ${docker}, and no Compose`, 'Install the Compose plugin there.');
  const mapped = placed.filter(one => (one.spec.docker?.portMapping.length ?? 0) > 0).map(one => one.spec.service);
  const text = `engine ${docker}, Compose ${compose}`;
  if (mapped.length > 0 && !isSince(compose, overrideSince))
    return problem(
      'docker-missing',
      `${text} is too old for the port_mapping of ${mapped.join(', ')}`,
      'Install Compose 2.24.4 or newer there.',
    );
  if (program === 'docker-compose' && !isSince(compose, [2]))
    return [
      {
        subject: 'docker',
        level: 'warning',
        text: `${text}, which nobody maintains any more`,
        hint: 'Install the Compose plugin there.',
      },
    ];
  return [fine('docker', text)];
}
