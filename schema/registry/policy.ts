// What registry.yml may say about policy: for the whole registry, and the part that makes sense for one service.
import { Type, type Static } from 'typebox';
import { duration, fields, line, list, oneOf, oneOrMany } from './leaf.js';

const window = fields(
  {
    allow: Type.Optional(
      Type.Boolean({ expected: 'true or false', description: 'Applying is allowed in this window only.' }),
    ),
    deny: Type.Optional(
      Type.Boolean({ expected: 'true or false', description: 'Applying is not allowed in this window.' }),
    ),
    cron: line({ description: 'When the window opens, as a cron expression in its time zone.' }),
    for: duration({ description: 'How long it stays open.' }),
    tz: Type.Optional(line({ description: 'Time zone such as Europe/Berlin.', default: 'UTC' })),
  },
  { expected: 'a window such as {allow: true, cron: "0 22 * * *", for: 4h}' },
);

const driftMode = oneOf(['revert', 'report', 'adopt']);
const drift = Type.Union(
  [
    driftMode,
    fields({
      action: Type.Optional(driftMode),
      ignore: Type.Optional(
        list(line(), { description: 'Fields that do not count, as a plan names them; * stands for anything.' }),
      ),
      until: Type.Optional(line({ description: 'A day or a time from which on all of it is reverted again.' })),
    }),
  ],
  {
    expected: 'revert, report, adopt, or a map with action, ignore and until',
    description: 'What is done about changes made on the machine.',
    default: 'revert',
  },
);

const condition = Type.String({
  pattern: '^(removes|stateful|(machines|services) ?> ?[0-9]{1,6})$',
  expected: 'removes, stateful, "machines > N" or "services > N"',
});

/** Makes sense for one service too. */
const ofService = {
  apply: oneOf(['auto', 'approve', 'observe'], {
    description: 'Apply by itself, wait for a person, or never change.',
    default: 'auto',
  }),
  approve_when: list(condition, { description: 'Plans that wait for a person.' }),
  on_failure: oneOf(['rollback', 'stop', 'leave'], {
    description:
      'When a change does not become healthy: back to the last healthy revision; stop there, with the failed one held; or leave it as it came up.',
    default: 'rollback',
  }),
  windows: oneOrMany(window, 'a window such as {allow: true, cron: "0 22 * * *", for: 4h}, or a list of them', {
    description: 'When changes may be applied: a denying window wins; where one allows, only within those that allow.',
  }),
  drift,
  retries: Type.Integer({
    minimum: 0,
    maximum: 100,
    expected: 'a number of at least 0',
    description: 'Tries soon after a failure whose cause may pass by itself.',
    default: 3,
  }),
  backoff: Type.Unsafe<number | string>({
    type: ['number', 'string'],
    minimum: 0,
    pattern: '^[0-9.]+(ms|s|m|h)?((…|\\.\\.\\.|\\.\\.|-)[0-9.]+(ms|s|m|h)?)?$',
    expected: 'a duration, or a range such as 5s…5m',
    description: 'Wait before the next try: the first, and the longest.',
    default: '5s…5m',
  }),
};

/** `prune` too: what left the registry has taken its own policy with it. */
const ofRegistry = {
  prune: oneOf(['stop', 'remove', 'keep'], {
    description: 'What happens to what was removed from the registry.',
    default: 'stop',
  }),
  prune_after: duration({ description: 'When stopped things are removed.', default: '7d' }),
  max_removals: Type.Unsafe<number | string>({
    type: ['number', 'string'],
    minimum: 0,
    maximum: 1,
    pattern: '^(100|[0-9]{1,2})(\\.[0-9]+)? ?%$',
    expected: 'a share such as 30% or 0.3',
    description: 'A plan that removes more of the placements than this is held.',
    default: '30%',
  }),
  interval: duration({ description: 'Time between passes.', default: 60 }),
  schedule: line({
    expected: 'a cron expression such as "0 4 * * *"',
    description: 'Passes at these times too, as a cron expression.',
  }),
  parallel: Type.Unsafe<number | 'all'>({
    type: ['integer', 'string'],
    minimum: 1,
    maximum: 1000,
    pattern: '^all$',
    expected: 'a number of at least 1, or all',
    description: 'Machines worked on at once.',
    default: 'all',
  }),
  force_push: oneOf(['hold', 'follow'], {
    description: 'What happens when the branch was rewritten.',
    default: 'hold',
  }),
  verify: oneOf(['none', 'signed'], { description: 'Whether commits must be signed.', default: 'none' }),
  write: oneOf(['push', 'pull-request', 'never'], { description: 'How Portoser writes back.', default: 'push' }),
};

const open = { additionalProperties: false, patternProperties: { '^x-': {} }, expected: 'a map of policy keys' };

export const servicePolicySchema = Type.Partial(fields(ofService), {
  ...open,
  description: 'Policy for this service alone.',
  elsewhere: Object.fromEntries(
    Object.keys(ofRegistry).map(key => [key, 'the top-level `policy`: it holds for the whole registry']),
  ),
});
export const registryPolicySchema = Type.Partial(fields({ ...ofService, ...ofRegistry }), {
  ...open,
  description: 'Policy for the whole registry.',
});

export type PolicyText = Static<typeof registryPolicySchema>;
