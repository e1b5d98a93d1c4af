// Secrets in every form that they may be written in, whole and in pieces; what is no secret stays as it is.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName, secretsOfEnv, secretsOfEnvFile, secretsOfInput } from '../../schema/known-secrets.js';
import { createRedactor, masked } from '../../schema/redact.js';

const hard = `p"4$\`ss'w\\örd /+?&=%:@\t~`;
const knowing = (...values: readonly string[]) => {
  const redactor = createRedactor();
  redactor.learn(values.map(value => ({ value })));
  return redactor;
};

const base64 = (text: string) => Buffer.from(text).toString('base64');
const shellQuoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;

/** How programs write it; by them, not by us. */
const written: readonly (readonly [string, (value: string) => string])[] = [
  ['as it is', value => value],
  ['in JSON', value => JSON.stringify({ a: value })],
  ['in JSON in JSON', value => JSON.stringify(JSON.stringify({ a: value }))],
  ['in an address', value => `https://u:${encodeURIComponent(value)}@host/`],
  ['in a query', value => `?${new URLSearchParams({ a: value }).toString()}`],
  ['in base64', base64],
  ['in base64 for addresses', value => Buffer.from(value).toString('base64url')],
  ['in base64 behind one byte', value => base64(`u:${value}!`)],
  ['in base64 behind two bytes', value => base64(`us:${value}`)],
  ['in base64 behind three bytes', value => base64(`use:${value}!!`)],
  ['quoted for a shell', shellQuoted],
  ['quoted by a shell', value => execFileSync('bash', ['-c', `printf %q "$1"`, 'sh', value], { encoding: 'utf8' })],
];

describe('a secret', () => {
  it.each(written)('%s is masked', (_, write) => {
    for (const secret of ['hunter2-hunter2', hard.replaceAll('\t', ' ').replace('ö', 'o')]) {
      const redactor = knowing(secret);
      const text = write(secret);
      const told = redactor.text(`before ${text} after`);
      expect(told).toContain(masked);
      expect(told).toMatch(/^before .* after$/s);
      // Neither it nor a good part of it.
      for (let at = 0; at + 8 <= secret.length; at += 1) expect(told).not.toContain(secret.slice(at, at + 8));
      expect(told.replaceAll(masked, '').length).toBeLessThan(`before  after`.length + 20);
    }
  });

  it('of any characters is masked in all forms', () => {
    const secrets = fc
      .string({ unit: 'grapheme-composite', minLength: 8, maxLength: 40 })
      .filter(one => one.trim().length >= 8);
    fc.assert(
      fc.property(secrets, fc.constantFrom(...written.slice(0, 11)), (secret, [, write]) => {
        const text = write(secret);
        fc.pre(!/^\d+$/.test(secret.trim()));
        const told = knowing(secret).text(`<${text}>`);
        expect(told).toContain(masked);
        expect(knowing(secret).text(`<${secret}>`)).toBe(`<${masked}>`);
      }),
      { numRuns: 60 },
    );
  });

  it('in several lines is masked line by line, too', () => {
    const key = `-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEPbvJ0\n  CIEIEPbvJ0MC4CAQAwBQYDK2Vw==\n-----END PRIVATE KEY-----\n`;
    const redactor = knowing(key);
    expect(redactor.text(`x ${key}`)).toBe('x ***');
    expect(redactor.text('1: MC4CAQAwBQYDK2VwBCIEIEPbvJ0\n2: CIEIEPbvJ0MC4CAQAwBQYDK2Vw==')).toBe('1: ***\n2: ***');
  });

  it('that begins another does not leave its end behind', () => {
    expect(knowing('secret-one', 'secret-one-and-more').text('secret-one-and-more secret-one')).toBe('*** ***');
  });

  it('is masked in values, in their names too, and JSON stays JSON', () => {
    const redactor = knowing('n123456789');
    const value = { a: ['n123456789'], xn123456789: { b: 'line\n123456789', c: 1123456789, d: null } };
    const told = { a: ['***'], 'x***': { b: 'line\n123456789', c: 1123456789, d: null } };
    expect(redactor.value(value)).toEqual(told);
    expect(JSON.parse(redactor.json(JSON.stringify(value)))).toEqual(told);
    expect(redactor.json('{"a": no JSON n123456789')).toBe('{"a": no JSON ***');
    const at = new Date(0);
    expect(redactor.value({ at }).at).toBe(at);
  });

  it('in pieces is masked wherever it is cut', () => {
    const redactor = knowing('hunter2-hunter2', 'the line one of two\nthe line two of two');
    const text = 'a hunter2-hunter2 b\nthe line one of two\nthe line two of two\nhunter2-hunter2';
    for (let at = 0; at <= text.length; at += 1)
      for (let next = at; next <= text.length; next += 7) {
        const pieces = redactor.pieces();
        const told = [text.slice(0, at), text.slice(at, next), text.slice(next)].map(one => pieces.push(one)).join('');
        expect(told + pieces.end()).toMatch(/^a \*\*\* b\n\*\*\*(\n\*\*\*)?\n\*\*\*$/);
      }
  });

  it('in a line that does not end is masked, and the line is told', () => {
    const pieces = knowing('hunter2-hunter2').pieces();
    let told = '';
    for (let count = 0; count < 20_000; count += 1) told += pieces.push('xhunter2-hunt') + pieces.push('er2');
    expect(told.length).toBeGreaterThan(10_000);
    told += pieces.end();
    expect(told === 'x***'.repeat(20_000)).toBe(true);
  });
});

describe('what is short or ordinary', () => {
  const redactor = createRedactor();
  redactor.learn(
    [
      { name: 'DB_PIN', value: '1234' },
      { name: 'DB_PASSWORD', value: 'postgres' },
      { name: 'FLAG_TOKEN', value: 'enabled' },
      { value: 'abc' },
    ],
    ['postgres-main', 'web'],
  );

  it.each([
    ['listens on 1234, postgres-main is enabled, abc', 'listens on 1234, postgres-main is enabled, abc'],
    ['DB_PIN=1234 DB_PIN=12345', 'DB_PIN=*** DB_PIN=12345'],
    [`DB_PASSWORD: "postgres" user=postgres`, 'DB_PASSWORD: "***" user=postgres'],
    ['{"DB_PIN":"1234"}', '{"DB_PIN":"***"}'],
    ['"{\\"DB_PIN\\":\\"1234\\"}"', '"{\\"DB_PIN\\":\\"***\\"}"'],
    ['FLAG_TOKEN=enabled', 'FLAG_TOKEN=***'],
  ])('%s', (text, told) => {
    expect(redactor.text(text)).toBe(told);
  });

  it('is masked as a member of its name', () => {
    expect(redactor.value({ env: { DB_PIN: '1234', PORT: '1234' } })).toEqual({ env: { DB_PIN: '***', PORT: '1234' } });
  });

  it('nothing known, nothing is changed', () => {
    const value = { a: 'b' };
    expect(createRedactor().value(value)).toBe(value);
    expect(createRedactor().pieces().push('half')).toBe('half');
  });
});

describe('what is secret', () => {
  it.each([
    'DB_PASSWORD',
    'PASS',
    'GITHUB_TOKEN',
    'api_key',
    'API-KEY',
    'KEY',
    'aws_secret_access_key',
    'DATABASE_URL',
    'X_AUTH',
  ])('%s', name => expect(isSecretName(name)).toBe(true));
  it.each(['POSTGRES_PASSWORD_FILE', 'KEYBOARD', 'TOKEN_TTL', 'PASSENGER', 'AUTHOR', 'MONKEY', 'PORT'])(
    '%s is not',
    name => expect(isSecretName(name)).toBe(false),
  );

  it('is found in a time that grows with the text alone, whatever it holds', () => {
    const texts = [
      'x'.repeat(1e6),
      ' '.repeat(1e6),
      '://'.repeat(3e5),
      'a='.repeat(5e5),
      '\\'.repeat(1e6),
      'a://b@'.repeat(1e5),
    ];
    const redactor = knowing(hard, 'hunter2-hunter2', '\\\\\\\\abcd');
    for (const text of texts) {
      expect(secretsOfInput({ text, env: [text] }).length).toBeLessThan(300_000);
      expect(redactor.text(text).length).toBe(text.length);
    }
  });

  it('are values of such names, passwords in addresses, and pairs among words', () => {
    const values = (found: readonly { readonly value: string }[]) => found.map(one => one.value);
    expect(values(secretsOfEnv({ URL: 'redis://:p%40ss@h/0', TOKEN: 't', PORT: '80' }))).toEqual([
      'p%40ss',
      'p@ss',
      't',
    ]);
    expect(values(secretsOfEnvFile(`# x\nexport A_TOKEN="quoted one"\nB_KEY=two # not\nPORT=80\n`))).toEqual([
      'quoted one',
      'two # not',
    ]);
    const input = {
      name: 'web',
      env: ['A_SECRET=one', 'B=two'],
      command: ['curl', '--token=three'],
      nested: { token: 'four' },
    };
    expect(values(secretsOfInput(input))).toEqual(['one', 'three', 'four']);
  });
});
