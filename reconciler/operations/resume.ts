// Puts the hands on again what was suspended by command, and says what still keeps them off.
import type { Registry } from '../../schema/registry-types.js';
import { wholeMachine } from '../core/suspends.js';
import { resumeOn } from '../loop/suspend.js';
import type { Operation } from './operation.js';
import { type Handled, type OnMachine, onEach, place } from './parts/hands.js';
import { object } from './parts/shape.js';

const input = object(place);

export interface ResumedPlace {
  /** Something was suspended here by command. */
  readonly resumed: boolean;
  /** What still keeps the hands off, in words for people. */
  readonly still: readonly string[];
}

export interface Resumption {
  readonly machines: readonly Handled<ResumedPlace>[];
}

const inRegistry = 'in the registry: take `suspend` out there';

function stillSuspended({ machine, names }: OnMachine, left: readonly string[], registry: Registry): readonly string[] {
  const whole = names.includes(wholeMachine);
  const services = registry.placements.filter(
    one => one.machine === machine.name && (whole || names.includes(one.service)),
  );
  return [
    ...(machine.suspend === undefined ? [] : [`${machine.name} is suspended ${inRegistry}`]),
    ...(left.includes(wholeMachine)
      ? [`${machine.name} is suspended as a whole: \`portoser resume --machine ${machine.name}\``]
      : []),
    ...services.filter(one => one.suspend !== undefined).map(one => `${one.key} is suspended ${inRegistry}`),
    ...services
      .filter(one => left.includes(one.service))
      .map(one => `${one.key} is suspended by itself: \`portoser resume ${one.key}\``),
  ];
}

export const resume: Operation<typeof input, Resumption> = {
  name: 'resume',
  summary: 'Put the hands on services or machines again',
  effect: 'changes',
  role: 'operator',
  input,
  run: async (context, asked) => ({
    machines: await onEach(context, asked, async (run, on, registry) => {
      const { resumed, left } = await resumeOn(run, on.names);
      return { resumed: resumed.length > 0, still: stillSuspended(on, left, registry) };
    }),
  }),
};
