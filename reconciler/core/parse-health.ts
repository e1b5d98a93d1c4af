// `health` as written → the checks of a placement, with the defaults of its type.
import type { Health, HealthCheck, ServiceType } from '../../schema/registry-types.js';
import type { HealthText } from '../../schema/registry.js';
import { durationMs } from './durations.js';
import { listed, optional } from './optional.js';
import { readCommand } from './parse-command.js';
import type { Layered } from './parse-entry.js';
import type { Report } from './parse-report.js';

export interface HealthContext {
  readonly type: ServiceType;
  readonly folder: string;
  /** `port` of the service. */
  readonly port: number | undefined;
  /** All host ports, the first one written first. */
  readonly ports: readonly number[];
  /** A port was written and is faulty: that it is missing is no news. */
  readonly portFaulty: boolean;
  readonly entry: Layered;
  readonly report: Report;
}

const keyTypes: Readonly<Record<string, readonly HealthCheck['type'][]>> = {
  endpoint: ['http'],
  scheme: ['http'],
  host_header: ['http'],
  expected_status: ['http'],
  expected_body: ['http'],
  tls_verify: ['http'],
  port: ['http', 'tcp'],
  host: ['http', 'tcp'],
  pid_file: ['process'],
  command: ['command'],
};

export function readHealth(text: HealthText, context: HealthContext): Health {
  return {
    checks: readChecks(text, context),
    intervalMs: Math.max(1000, milliseconds(text.interval, 30)),
    timeoutMs: Math.max(100, milliseconds(text.timeout, 5)),
    retries: text.retries ?? 3,
    startPeriodMs: milliseconds(text.start_period, 0),
    deadlineMs: milliseconds(text.deadline, 60),
    soakMs: milliseconds(text.soak, 30),
  };
}

function milliseconds(written: number | string | undefined, seconds: number): number {
  return durationMs(written ?? seconds) ?? seconds * 1000;
}

function impliedType(text: HealthText): HealthCheck['type'] | undefined {
  if (text.type !== undefined) return text.type;
  if (text.endpoint !== undefined) return 'http';
  if (text.command !== undefined) return 'command';
  return text.pid_file === undefined ? undefined : 'process';
}

function readChecks(text: HealthText, context: HealthContext): readonly HealthCheck[] {
  const type = impliedType(text);
  if (type === undefined) return defaultChecks(text, context);
  checkKeys(text, type, context);
  const check = readCheck(type, text, context);
  return check === undefined ? [] : [check];
}

/** docker: its containers; others: the process; and the port that was written, of the service or for health. */
function defaultChecks(text: HealthText, context: HealthContext): readonly HealthCheck[] {
  const first: HealthCheck = context.type === 'docker' ? { type: 'docker' } : { type: 'process' };
  const port = text.port ?? (context.type === 'docker' ? undefined : context.port);
  return port === undefined ? [first] : [first, { type: 'tcp', host: text.host ?? '127.0.0.1', port }];
}

function say(
  context: HealthContext,
  key: string,
  ...[code, message, more]: [Parameters<Report['at']>[2], string, Parameters<Report['at']>[4]?]
): void {
  context.report.at(context.entry.locate, [...context.entry.base, 'health', key], code, message, more);
}

function checkKeys(text: HealthText, type: HealthCheck['type'], context: HealthContext): void {
  for (const key of Object.keys(text)) {
    const types = keyTypes[key];
    if (types === undefined || types.includes(type)) continue;
    say(context, key, 'not-applicable', `\`${key}\` is not for a check of type ${type}`, {
      where: 'key',
      hint: `it is for ${types.join(' and ')}`,
    });
  }
  if (type === 'docker' && context.type !== 'docker') {
    say(context, 'type', 'not-applicable', `a check of type docker is not for a service of type ${context.type}`, {
      hint: 'write process, tcp, http or command',
    });
  }
  if (type === 'process' && context.type === 'docker' && text.pid_file === undefined) {
    say(context, 'type', 'not-applicable', 'a check of type process needs a pid_file for a docker service', {
      hint: 'write type: docker',
    });
  }
}

function readCheck(type: HealthCheck['type'], text: HealthText, context: HealthContext): HealthCheck | undefined {
  switch (type) {
    case 'http':
      return httpCheck(text, context);
    case 'tcp': {
      const port = checkPort(text, context);
      return port === undefined ? undefined : { type, host: text.host ?? '127.0.0.1', port };
    }
    case 'process':
      return { type, ...optional('pidFile', absolute(text.pid_file, context.folder)) };
    case 'command':
      return commandCheck(text, context);
    case 'docker':
      return { type };
    default:
      return type satisfies never;
  }
}

function absolute(path: string | undefined, folder: string): string | undefined {
  return path === undefined || path.startsWith('/') ? path : `${folder}/${path}`;
}

function checkPort(text: HealthText, context: HealthContext): number | undefined {
  const port = text.port ?? context.port ?? context.ports[0];
  if (port === undefined && !context.portFaulty) {
    const hint = 'write health.port, or the port of the service';
    context.report.at(
      context.entry.locate,
      [...context.entry.base, 'health'],
      'health-without-port',
      'the check looks at a port, and there is none',
      { where: 'key', hint },
    );
  }
  return port;
}

function httpCheck(text: HealthText, context: HealthContext): HealthCheck | undefined {
  const port = checkPort(text, context);
  if (port === undefined) return undefined;
  return {
    type: 'http',
    scheme: text.scheme ?? 'http',
    host: text.host ?? '127.0.0.1',
    port,
    endpoint: text.endpoint ?? '/health',
    ...optional('hostHeader', text.host_header),
    expectedStatus: listed(text.expected_status ?? 200).map(one => statusRange(one, context)),
    ...optional('expectedBody', text.expected_body),
    tlsVerify: text.tls_verify ?? true,
  };
}

function statusRange(written: number | string, context: HealthContext): readonly [number, number] {
  const [low = 200, high = low] = String(written).split('-').map(Number);
  if (low > high)
    say(context, 'expected_status', 'invalid-value', `\`${written}\` ends before it begins`, {
      hint: `write "${high}-${low}"`,
    });
  return [low, high];
}

function commandCheck(text: HealthText, context: HealthContext): HealthCheck | undefined {
  if (text.command === undefined) {
    const at = [...context.entry.base, 'health'];
    context.report.at(context.entry.locate, at, 'missing-field', '`command` is missing', {
      where: 'key',
      expected: 'words, as a list or as one string',
    });
    return undefined;
  }
  const command = readCommand(text.command, context.folder, context.entry, ['health', 'command'], context.report);
  return command === undefined ? undefined : { type: 'command', command };
}
