// The table of commands: every word of the product is there, and every command has its file.
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { rootHelp } from '../../api/cli/help.js';
import { words } from '../../api/cli/words.js';

/** What the product's command line promises, whether it is there yet or not. */
const promised = `
demo, init, run, plan, events, problems, deploy, status, why, logs, exec, observe, diagnose, fix, heal,
learn summary|playbooks|show, playbook validate|approve, history list|show|diff|rollback,
registry validate|check-conflicts|reload|schema|format,
machine add|update|remove|list|show|trust|claim|forget|doctor, service add|update|remove|list|show|move,
deps graph|order|impact, metrics, uptime, suspend, resume, approve, clear, git accept, adopt, lock show|break,
token create|list|revoke, mcp, audit list|verify, import, caddy, dns, certs, vault, backup, restore, notify test,
config show, completion`
  .split(',')
  .map(one => one.trim())
  .flatMap(one => {
    const [first = '', seconds] = one.split(' ');
    return seconds === undefined ? [first] : seconds.split('|').map(second => `${first} ${second}`);
  });

describe('the table of commands', () => {
  it('holds every word of the product, and no other', () => {
    expect(words.map(one => one.words).toSorted()).toEqual(promised.toSorted());
  });

  it('has one file for each command that is there', async () => {
    const files = (await readdir(new URL('../../api/cli/commands/', import.meta.url))).filter(name =>
      name.endsWith('.ts'),
    );
    const expected = words.filter(one => one.load).map(one => `${one.words.replaceAll(' ', '-')}.ts`);
    expect(files.toSorted()).toEqual(expected.toSorted());
  });

  it.each(words.filter(one => one.load))('$words loads', async ({ load }) => {
    const command = await load?.();
    expect(typeof command?.run).toBe('function');
  });

  it('names what is not there yet in the help, apart from what is', () => {
    const [here = '', later = ''] = rootHelp().split('Later (not supported yet):');
    expect(later).toContain('learn summary|playbooks|show');
    expect(here).toContain('history list|show|diff|rollback');
    expect(here).not.toContain('learn');
    expect(here).toContain('deploy');
  });
});
