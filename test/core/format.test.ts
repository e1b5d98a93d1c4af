// How diagnostics look to people.
import { describe, expect, it } from 'vitest';
import { formatDiagnostics, summary } from '../../reconciler/core/format.js';
import { parse } from '../../reconciler/core/parse.js';

const text = `machines:
  m1: {host: 10.0.0.1, user: admin, platform: linux}
services:
  web: {type: docker, machine: m1, path: /opt/web, prot: 80, ports: [80]}
  api: {type: docker, machine: m1, path: /opt/api, ports: [80], env: {TOKEN: abc}}
`;

const read = (main: string) => {
  const files = new Map([['registry.yml', main]]);
  return formatDiagnostics(parse({ main: 'registry.yml', files }).diagnostics, files);
};

describe('formatDiagnostics', () => {
  it('shows place, message, line, hint and further places, in the order of the file, then a count', () => {
    expect(read(text)).toBe(`registry.yml:4:52: error unknown-key: unknown key \`prot\` (services.web.prot)
  4 |   web: {type: docker, machine: m1, path: /opt/web, prot: 80, ports: [80]}
    |                                                    ^
  hint: did you mean \`port\`?

registry.yml:5:60: error port-conflict: port 80 of \`m1\` is claimed by \`web\` too (services.api.ports[0])
  5 |   api: {type: docker, machine: m1, path: /opt/api, ports: [80], env: {TOKEN: abc}}
    |                                                            ^
  hint: change one of them
  see registry.yml:4:70: \`web\` has it here
  4 |   web: {type: docker, machine: m1, path: /opt/web, prot: 80, ports: [80]}
    |                                                                      ^

registry.yml:5:71: warning secret-in-plain-text: \`TOKEN\` looks like a secret, and stands in git (services.api.env.TOKEN)
  5 |   api: {type: docker, machine: m1, path: /opt/api, ports: [80], env: {TOKEN: abc}}
    |                                                                       ^
  hint: put it into an env_file that is not in the repository (vault_secrets will take it later)

2 errors, 1 warning
`);
  });

  it('says what was expected unless the message does', () => {
    expect(read('machines: {m1: {user: a, platform: linux}}')).toContain(
      '\n  expected: an IP address or a host name\n',
    );
    expect(read('machines: {m1: {host: 3, user: a, platform: linux}}')).not.toContain('expected:');
  });

  it('cuts long lines around the place', () => {
    const shown = read(
      `machines: {m1: {host: a, user: b, platform: linux, description: "${'x'.repeat(300)}", prt: 1}}`,
    );
    const [, line = '', caret = ''] = shown.split('\n');
    expect(line.length).toBeLessThan(130);
    expect(line.slice(caret.indexOf('^')).startsWith('prt')).toBe(true);
  });

  it('shows what a terminal would act on as a box', () => {
    const shown = read('machines: {m1: {host: a, user: b, platform: linux, "\\e[31mx": 1}}\n');
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    expect(shown).toContain('unknown key');
  });

  it('is empty for none, and stands without texts', () => {
    expect(formatDiagnostics([])).toBe('');
    expect(formatDiagnostics(parse({ main: 'r.yml', files: new Map() }).diagnostics)).toBe(
      'r.yml:1:1: error empty-entry: the file has no content\n  expected: a map with machines and services\n  hint: write its content below it, or remove it\n\n1 error\n',
    );
  });

  it('counts', () => {
    expect(summary([])).toBe('no diagnostics');
  });
});
