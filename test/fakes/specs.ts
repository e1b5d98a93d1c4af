// Machines and service specs for tests: complete, plain, and changed only where a test says so.
import type { Health, HealthCheck, Machine, PlacementKey, Policy, ServiceSpec } from '../../schema/registry-types.js';

const at = { file: 'registry.yml', line: 1, column: 1 };

export function aMachine(name = 'm1', changes: Partial<Machine> = {}): Machine {
  const base = { name, host: '127.0.0.1', port: 22, user: 'admin', platform: 'linux', hostKeys: [], jump: [] } as const;
  return { ...base, sudo: 'auto', tags: [], at, ...changes };
}

export function someHealth(checks: readonly HealthCheck[], changes: Partial<Health> = {}): Health {
  const times = { intervalMs: 30_000, timeoutMs: 5000, startPeriodMs: 0, deadlineMs: 60_000, soakMs: 30_000 };
  return { checks, retries: 3, ...times, ...changes };
}

export const httpOn = (port: number, changes: Partial<HealthCheck & { type: 'http' }> = {}): HealthCheck => ({
  type: 'http',
  scheme: 'http',
  host: '127.0.0.1',
  port,
  endpoint: '/health',
  expectedStatus: [[200, 200]],
  tlsVerify: true,
  ...changes,
});

export const tcpOn = (port: number): HealthCheck => ({ type: 'tcp', host: '127.0.0.1', port });

/** What a registry without a policy has. */
export const aPolicy: Policy = {
  apply: 'auto',
  approveWhen: [],
  windows: [],
  drift: { action: 'revert', ignore: [] },
  retries: 3,
  backoff: { firstMs: 5000, mostMs: 300_000 },
  prune: 'stop',
  pruneAfterMs: 604_800_000,
  maxRemovals: 0.3,
  intervalMs: 60_000,
  forcePush: 'hold',
  write: 'push',
  onFailure: 'rollback',
};

export function aSpec(key: PlacementKey, health: Health, changes: Partial<ServiceSpec> = {}): ServiceSpec {
  const [service = '', machine = ''] = key.split('@');
  return {
    key,
    service,
    machine,
    type: 'native',
    path: `/opt/${service}`,
    stopTimeoutMs: 10_000,
    logFile: `/opt/${service}/.portoser/log`,
    unitName: service,
    scope: 'system',
    ports: [],
    env: {},
    envFiles: [],
    resources: {},
    dependsOn: [],
    health,
    stateful: false,
    copies: false,
    critical: false,
    groups: [],
    tags: [],
    policy: aPolicy,
    unsupported: [],
    at,
    ...changes,
  };
}

/** What checks need of a placement. */
export function checked(
  key: PlacementKey,
  checks: readonly HealthCheck[],
  health: Partial<Health> = {},
  spec: Partial<ServiceSpec> = {},
) {
  return { key, spec: aSpec(key, someHealth(checks, health), spec) };
}
