// Applies what the newest commit says of the chosen services, now.
import { AppError } from '../../schema/errors.js';
import type { PassReport } from '../../schema/status.js';
import { runPass } from '../loop/pass.js';
import { recorded } from '../loop/record.js';
import { sessionOf } from '../loop/session.js';
import { sync } from '../loop/sync.js';
import { checkChosen, needRegistry } from './parts/names.js';
import { waitsForAll } from './parts/controller.js';
import type { Context, Operation } from './operation.js';
import { forLoop } from './parts/selection.js';
import { flag, object, selection, text } from './parts/shape.js';

const input = object({
  ...selection,
  uncommitted: flag('Take the files as they lie there, committed or not; a controller goes by commits, and refuses it'),
  approved: text('Id of a plan that was shown and approved'),
});

/** Whoever asks for more than a controller looks at is told so, and not answered with something else. */
function refuseByCommit({ ports }: Context): void {
  if (sessionOf(ports).byCommit !== true) return;
  throw new AppError('usage', 'a controller goes by commits, and deploys nothing that is not committed', {
    hint: 'Commit and push, and leave `uncommitted` out.',
  });
}

/** What lies there is not what would be deployed: a person should know before. */
async function refuseDifferent({ ports }: Context): Promise<void> {
  if (ports.source.git === undefined) {
    throw new AppError('uncommitted', `${ports.source.path} lies outside any repository`, {
      hint: 'Say --uncommitted to deploy it as it is.',
    });
  }
  if (ports.source.workTree === undefined) return;
  const { differs } = await sync(ports, { from: 'files' });
  if (differs)
    throw new AppError('uncommitted', `the files in ${ports.source.workTree.folder} differ from the newest commit`);
}

export const deploy: Operation<typeof input, PassReport> = {
  name: 'deploy',
  summary: 'Apply what the registry says of these services, now',
  effect: 'changes',
  role: 'operator',
  // What a pass did before it broke is done.
  failed: ({ outcomes, error }) => (outcomes.length === 0 ? error : undefined),
  input,
  run: async (context, { uncommitted = false, approved, ...chosen }) => {
    if (uncommitted) refuseByCommit(context);
    else await refuseDifferent(context);
    const from = uncommitted ? 'files' : 'commit';
    needRegistry(await sync(context.ports, { from }));
    await checkChosen(context.ports, from, chosen);
    const more = approved === undefined ? {} : { approved };
    const trigger = `deploy by ${context.actor.name}`;
    const asked = {
      trigger,
      from,
      again: true,
      toTheEnd: waitsForAll(context.actor),
      ...forLoop(chosen),
      ...more,
    } as const;
    return await runPass(recorded(context), asked);
  },
};
