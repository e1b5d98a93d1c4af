// Completion in a real bash: first words, second words, options.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { completion } from '../../api/cli/commands/completion.js';
import type { Call } from '../../api/cli/command.js';

const scripts = new Map<string, string>();

/** Only what the command uses of a call. */
const callOf = (shell: string) =>
  ({ words: [shell], terminal: { out: (text: string) => void scripts.set(shell, text) } }) as unknown as Call<
    Record<string, never>
  >;

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) await completion.run(callOf(shell));
});

async function complete(words: readonly string[]): Promise<string> {
  const typed = words.map(word => `'${word}'`).join(' ');
  const script = `${scripts.get('bash') ?? ''}\nCOMP_WORDS=(portoser ${typed}); COMP_CWORD=${words.length}; _portoser; printf '%s ' "\${COMPREPLY[@]}"`;
  return (await promisify(execFile)('bash', ['-c', script])).stdout.trim();
}

describe('bash', () => {
  it.each([
    [['dep'], 'deploy deps'],
    [['deps', ''], 'graph order impact'],
    [['machine', 't'], 'trust'],
    [['machine', 'do'], 'doctor'],
    [['service', 'move', '--fr'], '--from'],
    [['deploy', '--dr'], '--dry-run'],
    [['deps', 'graph', '--do'], '--dot'],
    [['--json', 'registry', 'sc'], 'schema'],
    [['histo'], 'history'],
    [['history', 'ro'], 'rollback'],
    [['history', 'x'], ''],
  ])('%j', async (words, expected) => {
    expect(await complete(words)).toBe(expected);
  });
});

describe('the others', () => {
  it('name every command that is there', () => {
    expect(scripts.get('zsh')).toMatch(/^#compdef portoser/);
    expect(scripts.get('fish')).toContain("-a deploy -d 'apply what the registry says, now'");
  });

  it('there is none for an unknown shell', async () => {
    await expect(completion.run(callOf('bsh'))).rejects.toMatchObject({ code: 'usage', hint: 'did you mean `bash`?' });
  });
});
