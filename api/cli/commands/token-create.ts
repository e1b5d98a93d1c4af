// `portoser token create`
import { defaultLifeMs, longestLifeMs, type Role, roles } from '../../../schema/access.js';
import { AppError } from '../../../schema/errors.js';
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { newTokenText } from '../render/token.js';
import { respond } from '../respond.js';

const dayMs = 86_400_000;

function roleOf(written: string | undefined): Role {
  const role = roles.find(one => one === (written ?? 'viewer'));
  if (role === undefined)
    throw new AppError('usage', `\`${written ?? ''}\` is no role`, { hint: `Say one of ${roles.join(', ')}.` });
  return role;
}

function lifeOf(written: string | undefined): number {
  if (written === undefined) return defaultLifeMs;
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(written) ?? [];
  const lifeMs = Number(count) * (unit === 'h' ? 3_600_000 : dayMs);
  if (lifeMs <= longestLifeMs) return lifeMs;
  throw new AppError('usage', `\`${written}\` is no time that a token may live`, {
    hint: `Write hours or days, such as 8h or 30d; at most ${longestLifeMs / dayMs}d.`,
  });
}

/** It stands in history and logs. */
function checked(name: string): string {
  if (/^[\w.@-]{1,64}$/.test(name)) return name;
  throw new AppError('usage', `\`${name}\` is no name of a token`, {
    hint: 'Use letters, digits and . _ @ -, at most 64 of them.',
  });
}

export const tokenCreate = command({
  usage: '<name>',
  options: {
    role: { type: 'string', value: roles.join('|'), summary: 'what it may do (default: viewer)' },
    expires: { type: 'string', value: 'time', summary: `8h, 30d (default: ${defaultLifeMs / dayMs}d)` },
  },
  notes: `Run it where the controller keeps its state folder (see \`portoser config show\`), as its user; no controller has to run.
The token is shown once and kept nowhere. Send it as \`Authorization: Bearer <token>\`.`,
  verbatim: true,
  run: async call => {
    const name = checked(oneWord(call, 'token'));
    const wish = { name, role: roleOf(call.values.role), lifeMs: lifeOf(call.values.expires) };
    const { openTokens } = await import('../../../reconciler/main.js');
    const book = await openTokens(call.settings, call.actor);
    const made = await book.create(wish);
    return respond(call, made, () => newTokenText(made, book.folder));
  },
});
