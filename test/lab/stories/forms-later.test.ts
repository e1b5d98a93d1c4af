// The documented forms of what is still to come: each says that it is not supported yet, on the right stream, and fails.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshPerson, type Person } from './forms-person.js';

/** As the documentation writes them; the others by their words. */
const later = [
  'diagnose web',
  'problems',
  'fix p1 -- true',
  'heal',
  'learn summary',
  'learn playbooks',
  'learn show p1',
  'playbook validate',
  'playbook approve p1',
  'mcp',
  'caddy',
  'dns',
  'certs',
  'vault',
] as const;

let person: Person;

beforeAll(async () => {
  person = await freshPerson();
  await person.repo.commit({ 'registry.yml': 'machines: {}\nservices: {}\n' }, 'Begin');
});
afterAll(() => person?.remove());

const wordsOf = (line: string): string => {
  const [first = '', second = ''] = line.split(' ');
  const groups = ['learn', 'playbook'];
  return groups.includes(first) ? `${first} ${second}` : first;
};

test.each(later)('portoser %s', async line => {
  const ended = await person.type(`portoser ${line}`);
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr).toContain(`\`portoser ${wordsOf(line)}\` is not supported yet`);
  expect(ended.stderr).toContain('[not-supported]');
});

test('in JSON too', async () => {
  for (const line of ['problems', 'diagnose web']) {
    const ended = await person.type(`portoser ${line} --json`);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(ended.stdout), line).toMatchObject({ error: { code: 'not-supported', retry: 'never' } });
  }
});

test('nothing was written, and all that works is in --help', async () => {
  expect(await person.git('status', '--porcelain')).toBe('');
  const help = (await person.type('portoser --help')).stdout;
  const here = help.slice(help.indexOf('Commands:'), help.indexOf('Every command'));
  for (const word of ['init', 'demo', 'run', 'plan', 'deploy', 'status', 'logs', 'exec', 'observe', 'why', 'approve'])
    expect(here).toMatch(new RegExp(`^ {2}${word} `, 'm'));
  expect(here).toContain('machine add|update|remove|list|show|trust|claim|forget|doctor');
  expect(here).toContain('registry validate|check-conflicts|reload');
  expect(here).toContain('service add|update|remove|list|show|move');
});
