// Each mistake in a registry has its code and its place; nothing crashes.
import { describe, expect, it } from 'vitest';
import { parse } from '../../reconciler/core/parse.js';
import { brokenRegistries } from './broken-registries.js';

const read = (text: string) => parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });

const all = Object.entries(brokenRegistries).flatMap(([kind, list]) => list.map(one => ({ kind, ...one })));

describe('mistakes', () => {
  it.each(all)('$kind: $what', ({ text, expected }) => {
    const { registry, diagnostics } = read(text);
    expect(diagnostics.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual(expected);
    expect(registry === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
    for (const { message, file } of diagnostics) {
      expect(message).not.toBe('');
      expect(file).toBe('registry.yml');
    }
  });
});

describe('all at once', () => {
  it('tells the mistakes of every service in one go, and none of their consequences', () => {
    const { diagnostics } = read(
      [
        'machines:',
        '  m1: {host: 10.0.0.1, user: admin, platform: linux}',
        'services:',
        '  web: {type: docker, machine: m1, path: /opt/web, port: 99999, health: {endpoint: /}}',
        '  api: {type: local, machine: m1, path: /opt/web, command: "a | b", depends_on: [web, db]}',
        '  db: {type: nativ, machine: m1, path: /opt/db}',
      ].join('\n'),
    );
    expect(diagnostics.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'invalid-port services.web.port',
      'path-conflict services.api.path',
      'invalid-value services.api.command',
      'invalid-service-type services.db.type',
    ]);
  });

  it('shows both places of a conflict', () => {
    const { diagnostics } = read(
      'machines:\n  m1: {host: a, user: b, platform: linux}\nservices:\n  a: {type: docker, machine: m1, path: /opt/a, port: 80}\n  b: {type: docker, machine: m1, path: /opt/b, port: 80}\n',
    );
    expect(diagnostics[0]).toMatchObject({
      line: 5,
      column: 54,
      related: [{ file: 'registry.yml', line: 4, column: 54, message: '`a` has it here' }],
    });
  });

  it('shows the whole way around a circle', () => {
    const one = (name: string, on: string): string =>
      `  ${name}: {type: docker, machine: m1, path: /opt/${name}, depends_on: ${on}}\n`;
    const text = `machines:\n  m1: {host: a, user: b, platform: linux}\nservices:\n${one('a', 'b')}${one('b', 'c')}${one('c', 'a')}`;
    expect(read(text).diagnostics.map(({ message }) => message)).toEqual([
      'services wait for each other: a → b → c → a',
    ]);
  });
});

describe('hints', () => {
  it.each([
    ['machines: {m1: {hots: a, user: b, platform: linux}}', 'did you mean `host`?'],
    ['machines: {m1: {host: a, user: b, platform: linx}}', 'did you mean `linux`?'],
    [
      'machines: {mini-1: {host: a, user: b, platform: linux}}\nservices: {a: {type: docker, machine: mini1, path: /opt/a}}',
      'did you mean `mini-1`?',
    ],
    ['machines: {My_Box: {host: a, user: b, platform: linux}}', 'such as `my-box`'],
  ])('%s', (text, hint) => {
    expect(read(text).diagnostics.map(one => one.hint)).toContain(hint);
  });
});
