// `portoser history list`
import { AppError } from '../../../schema/errors.js';
import { didYouMean } from '../../../schema/closest.js';
import { type Call, command, given } from '../command.js';
import { wholeNumber } from '../one-word.js';
import { createPaint } from '../paint.js';
import { deploymentsText } from '../render/history.js';
import { respond } from '../respond.js';

interface Asked {
  readonly service: string | undefined;
  readonly machine: string | undefined;
}

/** What has history may have left the registry; a name that has none may be mistyped. */
async function unknownNames(
  call: Pick<Call<never>, 'perform'>,
  { service, machine }: Asked,
): Promise<readonly string[]> {
  const wanted = { service: service?.split('@')[0], machine: machine ?? service?.split('@')[1] };
  try {
    const services = wanted.service === undefined ? [] : await call.perform('service.list', {});
    const machines = wanted.machine === undefined ? [] : await call.perform('machine.list', {});
    return [
      ...unknownName(
        'service',
        wanted.service,
        services.map(one => one.service),
      ),
      ...unknownName(
        'machine',
        wanted.machine,
        machines.map(one => one.name),
      ),
    ];
  } catch {
    // Without a registry there is nothing to compare with, and history was asked, not the registry.
    return [];
  }
}

function unknownName(kind: string, name: string | undefined, known: readonly string[]): readonly string[] {
  if (name === undefined || known.includes(name)) return [];
  const hint = didYouMean(name, known);
  return [
    `The registry names no ${kind} \`${name}\`${hint === undefined ? '' : `: ${hint}`}${hint?.endsWith('?') ? '' : '.'}`,
  ];
}

export const historyList = command({
  usage: '[service]',
  options: {
    machine: { type: 'string', value: 'name', summary: 'only on this machine' },
    limit: { type: 'string', short: 'n', value: 'number', summary: 'how many at most (default: 20)' },
  },
  notes: `History is kept by a controller (\`portoser run\`), or in the PostgreSQL that DATABASE_URL names.`,
  run: async call => {
    const [service, ...more] = call.words;
    if (more.length > 0) throw new AppError('usage', `there is one service too many: ${more.join(' ')}`);
    const { machine, limit: written } = call.values;
    const limit = written === undefined ? undefined : wholeNumber(written);
    const deployments = await call.perform('history.list', given({ service, machine, limit }));
    const text = deploymentsText(deployments, createPaint(call.terminal.colours));
    const unknown = deployments.length > 0 || call.json ? [] : await unknownNames(call, { service, machine });
    return respond(call, deployments, () => [text, ...unknown].join('\n'));
  },
});
