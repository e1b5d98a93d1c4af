// Names another machine for a service, as a commit; what holds data is moved only by somebody who was told what that means now.
import { AppError } from '../../schema/errors.js';
import type { Registry } from '../../schema/registry-types.js';
import { type Edited, type Editable, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { moveService } from './parts/edits.js';
import { lying } from './parts/lying.js';
import { needMachine, needPlacements, needRegistry } from './parts/names.js';
import { flag, object, text } from './parts/shape.js';

const input = object(
  {
    service: text('Name of the service'),
    machine: text('The machine that it moves to'),
    from: text('The machine that it leaves, where it runs on several'),
    accept: flag('Also where it is stateful and its data are not copied: a person knows that they stay behind'),
  },
  ['service', 'machine'],
);

interface Move {
  readonly service: string;
  readonly from: string;
  readonly to: string;
  readonly stateful: boolean;
  /** Its data are brought along. */
  readonly copies: boolean;
}

export interface Moved extends Move {
  /** Absent: nothing was changed, because its data would stay behind and nobody has accepted that. */
  readonly edited?: Edited;
}

interface Wish {
  readonly service: string;
  readonly machine: string;
  readonly from?: string | undefined;
}

/** Throws `unknown-name`, `usage` where it runs on several and none was named, `registry-edit` where it is there already. */
function moveOf(registry: Registry, wish: Wish): Move {
  const [service = '', at = wish.from] = wish.service.split('@');
  const everywhere = needPlacements(registry, service);
  const [leaving, ...others] = needPlacements(registry, service, at);
  needMachine(registry, wish.machine);
  if (everywhere.some(one => one.machine === wish.machine))
    throw new AppError('registry-edit', `${service} is placed on ${wish.machine} already`, {
      hint: 'Nothing was changed.',
    });
  if (leaving === undefined || others.length > 0)
    throw new AppError('usage', `${service} runs on ${everywhere.map(one => one.machine).join(', ')}`, {
      hint: 'Say with --from which of them it leaves.',
    });
  return { service, from: leaving.machine, to: wish.machine, stateful: leaving.stateful, copies: leaving.copies };
}

const leavesData = (move: Move): boolean => move.stateful && !move.copies;

export const serviceMove: Operation<typeof input, Moved> = {
  name: 'service.move',
  summary: 'Move a service to another machine',
  effect: 'changes',
  changed: ({ edited }) => edited !== undefined,
  role: 'operator',
  input,
  run: async (context, { accept = false, ...wish }) => {
    const move = moveOf(needRegistry(await lying(context)), wish);
    if (leavesData(move) && !accept) return move;
    // Others may have pushed since: what is edited is judged anew.
    const change = (registry: Editable) => {
      const now = registry.before.registry === undefined ? move : moveOf(registry.before.registry, wish);
      if (leavesData(now) && !accept)
        throw new AppError('registry-edit', `${now.service} would leave its data behind by now`);
      return moveService(registry, now.service, now.from, now.to);
    };
    const subject = `Move service ${move.service} from ${move.from} to ${move.to}`;
    return { ...move, edited: await editRegistry(context.ports, { kind: 'service.move', subject, change }) };
  },
};
