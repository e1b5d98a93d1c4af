// Placements, grounds and stamps for the tests of Docker services.
import type { DockerOptions, ServiceSpec } from '../../schema/registry-types.js';
import type { OwnFileSeen, Placement, Stamp } from '../../schema/state.js';
import type { Ground } from '../../reconciler/drivers/driver.js';
import { factsOf, placementOf } from './native-placement.js';

export const plainDocker: DockerOptions = { images: {}, pull: 'missing', build: false, portMapping: [] };

export type DockerWish = Partial<Omit<ServiceSpec, 'docker'>> & { readonly docker?: Partial<DockerOptions> };

export function dockerPlacement(wish: DockerWish = {}, rest: Partial<Placement> = {}): Placement {
  const docker = { ...plainDocker, ...wish.docker };
  return placementOf({ path: '/opt/web', ...wish, type: 'docker', docker }, { fingerprint: 'f1', ...rest });
}

/** The user's own files by name below /opt/web. */
export function groundWith(own: Readonly<Record<string, string>>, more: Partial<Ground> = {}): Ground {
  const files = Object.entries(own).map(([name, text]): [string, OwnFileSeen] => [
    `/opt/web/${name}`,
    { sha256: 'aa', text },
  ]);
  return { facts: factsOf(), cluster: 'home', sudo: 'auto', own: Object.fromEntries(files), files: {}, ...more };
}

export function dockerStamp(more: Partial<Stamp> = {}): Stamp {
  return {
    service: 'web',
    driver: 'docker',
    scope: 'system',
    path: '/opt/web',
    project: 'web',
    fingerprint: 'f1',
    commit: 'c1',
    fields: {},
    files: [],
    own: {},
    images: { web: 'sha256:1' },
    ports: [],
    dependsOn: [],
    adopted: false,
    stopTimeoutMs: 10_000,
    ...more,
  };
}
