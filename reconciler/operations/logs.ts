// The logs of a service, of all its machines; while following, lines are told as progress.
import { desire } from '../loop/desired.js';
import { look } from '../loop/look.js';
import { seenPlacement, tail } from '../loop/tail.js';
import { needPlacements, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { count, flag, object, text } from './parts/shape.js';

const input = object(
  {
    service: text('Name of the service, or service@machine'),
    machine: text('Only on this machine'),
    follow: flag('Go on as lines come'),
    lines: count('Lines from the end'),
    since: text('From this time on: 10m, 2h, 2026-01-31, 2026-01-31T12:00:00Z'),
  },
  ['service'],
);

export interface LogText {
  readonly key: string;
  readonly text: string;
}

export const logs: Operation<typeof input, readonly LogText[]> = {
  name: 'logs',
  summary: 'The logs of a service',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { service, machine, follow = false, lines = 100, since }) => {
    const { ports, lists } = context;
    const synced = await lying(context);
    const specs = needPlacements(needRegistry(synced), service, machine);
    const desired = await desire(ports, lists, synced);
    const live = await look(ports, lists, desired, { only: new Set(specs.map(one => one.machine)) });
    const seen = specs.map(spec => seenPlacement(spec, desired, live));
    const ask = { follow, lines, ...(since === undefined ? {} : { since }) };
    return await Promise.all(seen.map(async one => ({ key: one.spec.key, text: await tail(context, one, ask) })));
  },
};
