// `portoser service show`
import type { ServiceSpec } from '../../../schema/registry-types.js';
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { entryText } from '../render/entry.js';
import { respond } from '../respond.js';

const seconds = (ms: number): string => `${ms / 1000} s`;

function specText(spec: ServiceSpec, strong: (text: string) => string): string {
  const {
    type,
    path,
    source,
    command: words,
    unitName,
    user,
    scope,
    ports,
    envFiles,
    dependsOn,
    hostname,
    stateful,
    critical,
    groups,
    tags,
    description,
    suspend,
    at,
  } = spec;
  const checks = spec.health.checks.map(one =>
    one.type === 'http' ? `http ${one.port}${one.endpoint}` : one.type === 'tcp' ? `tcp ${one.port}` : one.type,
  );
  return entryText(strong(spec.key), {
    type,
    path,
    source,
    command: words?.join(' '),
    unit: type === 'native' ? unitName : undefined,
    'runs as': user,
    scope,
    ports,
    // Values may be secrets that were written in plain text.
    env: Object.keys(spec.env),
    'env files': envFiles,
    'depends on': dependsOn,
    health: checks.length === 0 ? undefined : `${checks.join(', ')} every ${seconds(spec.health.intervalMs)}`,
    hostname,
    groups,
    tags,
    description,
    stateful,
    critical,
    suspended: suspend,
    'not supported': spec.unsupported,
    'written at': `${at.file}:${at.line}`,
  });
}

export const serviceShow = command({
  usage: '<service>',
  options: {},
  run: async call => {
    const specs = await call.perform('service.show', { name: oneWord(call, 'service') });
    const { strong } = createPaint(call.terminal.colours);
    return respond(call, specs, () => specs.map(one => specText(one, strong)).join('\n\n'));
  },
});
