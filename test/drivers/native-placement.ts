// Placements, grounds and stamps for the tests of native and local services.
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { MachineFacts, Placement, Stamp } from '../../schema/state.js';
import { display } from '../../reconciler/commands/command.js';
import type { Ground, Step } from '../../reconciler/drivers/driver.js';
import { aPolicy } from '../fakes/specs.js';

const health = {
  checks: [],
  intervalMs: 30_000,
  timeoutMs: 5000,
  retries: 3,
  startPeriodMs: 0,
  deadlineMs: 60_000,
  soakMs: 0,
};

export function specOf(more: Partial<ServiceSpec> = {}): ServiceSpec {
  const service = more.service ?? 'web';
  return {
    key: `${service}@m1`,
    service,
    machine: 'm1',
    type: 'native',
    path: `/srv/${service}`,
    stopTimeoutMs: 10_000,
    logFile: `/srv/${service}/.portoser/log`,
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
    at: { file: 'registry.yml', line: 1, column: 1 },
    ...more,
  };
}

export function placementOf(more: Partial<ServiceSpec> = {}, rest: Partial<Placement> = {}): Placement {
  const spec = specOf(more);
  return { key: spec.key, spec, source: [], texts: {}, fields: {}, fingerprint: 'f', dependsOn: [], ...rest };
}

export function factsOf(more: Partial<MachineFacts> = {}): MachineFacts {
  return {
    platform: 'linux',
    arch: 'amd64',
    kernel: '6.1',
    hostname: 'm1',
    bootId: 'b',
    clock: 1_700_000_000,
    uptimeSeconds: 60,
    load1: 0,
    cpus: 2,
    memoryTotalBytes: 1,
    memoryFreeBytes: 1,
    fileSystems: [],
    network: {},
    uid: 1000,
    user: 'deploy',
    home: '/home/deploy',
    serviceManager: 'systemd',
    hasUv: false,
    ...more,
  };
}

export function groundOf(more: Partial<MachineFacts> = {}, rest: Partial<Ground> = {}): Ground {
  return { facts: factsOf(more), sudo: 'auto', own: {}, files: {}, ...rest };
}

export function stampOf(more: Partial<Stamp> = {}): Stamp {
  return {
    service: 'web',
    driver: 'native',
    scope: 'system',
    path: '/srv/web',
    unit: 'web.service',
    fingerprint: 'f',
    commit: 'c',
    fields: {},
    files: [],
    own: {},
    images: {},
    ports: [],
    dependsOn: [],
    adopted: false,
    stopTimeoutMs: 10_000,
    ...more,
  };
}

/** `phase: command`, one a step. */
export const shown = (steps: readonly Step[]): readonly string[] =>
  steps.map(step => `${step.phase}: ${display(step.command)}`);
