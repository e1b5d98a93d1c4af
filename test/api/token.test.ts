// `portoser token …`: what is made, told and refused, on a state folder of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyCommand, Call } from '../../api/cli/command.js';
import { tokenCreate } from '../../api/cli/commands/token-create.js';
import { tokenList } from '../../api/cli/commands/token-list.js';
import { tokenRevoke } from '../../api/cli/commands/token-revoke.js';
import { resolveSettings } from '../../reconciler/settings.js';

let stateDir = '';
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'portoser-token-'));
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

async function type(command: AnyCommand, words: readonly string[], values: object = {}, flags: object = {}) {
  let out = '';
  const settings = resolveSettings({ flags: { stateDir, ...flags }, env: { HOME: '/nowhere' }, uid: 1000 });
  const call = { words, values, json: false, settings, terminal: { out: (text: string) => void (out += text) } };
  const code = await command.run(call as unknown as Call<never>);
  return { code, out };
}

describe('token', () => {
  it('is created, listed without its secret, and revoked', async () => {
    const made = await type(tokenCreate, ['ci'], { role: 'operator', expires: '8h' });
    expect(made.out).toMatch(/^portoser_[0-9a-f]{16}_[\w-]{43}\nThe token ci \(operator\) is valid until .* UTC/);
    const listed = await type(tokenList, []);
    expect(listed.out).toMatch(/^ID .*\n[0-9a-f]{16} +ci +operator +/);
    expect(listed.out).not.toContain(made.out.slice(26, 69));
    expect((await type(tokenRevoke, ['ci'])).out).toMatch(/^The token ci \([0-9a-f]{16}\) is revoked\.$/);
    expect((await type(tokenList, [])).out).toBe(`There are no tokens in ${join(stateDir, 'tokens')}.`);
  });

  it.each([
    ['no name', [], {}],
    ['a name with a space', ['c i'], {}],
    ['a role that is none', ['ci'], { role: 'root' }],
    ['a life that is none', ['ci'], { expires: 'soon' }],
    ['a life without end', ['ci'], { expires: '367d' }],
    ['none at all', ['ci'], { expires: '0d' }],
  ])('refuses %s', async (_, words, values) => {
    await expect(type(tokenCreate, words, values)).rejects.toMatchObject({ code: 'usage' });
    expect((await type(tokenList, [])).out).toContain('no tokens');
  });

  it('is not made here for a controller elsewhere', async () => {
    const there = type(tokenCreate, ['ci'], {}, { server: 'https://portoser.example' });
    await expect(there).rejects.toMatchObject({ code: 'usage' });
  });
});
