// Why, as people read it: every situation against its text in `why.golden.txt` (PORTOSER_GOLDEN=write writes it anew, to be read before it is kept).
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { WhyBench } from './why-bench.js';
import { situations } from './why-situations.js';

const file = new URL('./why.golden.txt', import.meta.url);
const writes = process.env['PORTOSER_GOLDEN'] === 'write';
const headed = (name: string, text: string): string => `### ${name}\n${text}\n`;

function read(): ReadonlyMap<string, string> {
  const parts = readFileSync(file, 'utf8').split(/^### /m).slice(1);
  return new Map(parts.map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trimEnd()]));
}

describe('why', () => {
  const golden = writes ? new Map<string, string>() : read();
  const told: string[] = [];
  afterAll(() => {
    if (writes) writeFileSync(file, told.join('\n'));
  });

  it.each(Object.entries(situations))('%s', async (name, tell) => {
    const text = await tell();
    told.push(headed(name, text));
    expect(text.trimEnd()).toBe(writes ? text.trimEnd() : golden.get(name));
  });

  it.skipIf(writes)('has no text without its situation', () => {
    expect([...golden.keys()].toSorted()).toEqual(Object.keys(situations).toSorted());
  });
});

describe('its data', () => {
  it('names decision, fields, places, commits and words, and nothing secret', async () => {
    const bench = new WhyBench();
    const text = (token: string) => `vars: {TOKEN: ${token}}
machines:
  m1: {host: 10.0.0.1, user: root, platform: linux}
services:
  web: {type: native, machine: m1, path: /opt/web, command: serve, env: {API_TOKEN: "{{ TOKEN }}"}}
`;
    bench.commit('Ada', 'Add web', { 'registry.yml': text('hush-one') });
    await bench.apply();
    const bob = bench.commit('Bob', 'Another token', { 'registry.yml': text('hush-two') });
    const report = await bench.report('web');
    expect(report).toMatchObject({
      service: 'web',
      differs: false,
      placements: [
        {
          key: 'web@m1',
          decision: 'change',
          reason: 'changed',
          fields: [
            {
              field: 'env.API_TOKEN',
              origins: [
                {
                  path: 'vars.TOKEN',
                  how: 'written',
                  where: { file: 'registry.yml', line: 1 },
                  last: { state: 'committed', commit: bob, author: 'Bob <Bob@example.org>', subject: 'Another token' },
                },
                { path: 'services.web.env.API_TOKEN', how: 'through', where: { line: 5 } },
              ],
            },
          ],
          kind: 'update',
          work: { puts: expect.arrayContaining(['/opt/web/.portoser/env']) as string[] },
        },
      ],
    });
    expect(JSON.stringify(report)).not.toContain('hush');
    expect(bench.text(report)).not.toContain('hush');
  });

  it('says nothing that would steer a terminal', async () => {
    const bench = new WhyBench();
    const text =
      'machines: {m1: {host: h, user: u, platform: linux}}\nservices:\n  web: {type: native, machine: m1, path: /opt/web, command: x}\n';
    bench.commit('A\u001B[31mda', 'Red \u001B]0;title\u0007 \u202Edrawkcab', { 'registry.yml': text });
    const told = await bench.ask('web');
    expect(told).toContain('of A\uFFFD[31mda, 2026-01-01: Red \uFFFD]0;title\uFFFD \uFFFDdrawkcab');
  });
});
