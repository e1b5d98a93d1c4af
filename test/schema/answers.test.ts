// The schemas of what operations answer: fresh, whole, and of a form that ajv takes strictly.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { operations } from '../../reconciler/operations/index.js';
import { answers, answerSchemas } from '../../schema/answer-schemas.js';
import { answersModule } from '../../schema/write-answers.js';
import { answerFaults } from '../answers.js';

describe('the schemas of answers', () => {
  it('are what `npm run schema` writes', async () => {
    const written = await readFile(new URL('../../schema/answer-schemas.ts', import.meta.url), 'utf8');
    expect(written === answersModule()).toBe(true);
  });

  it('are there for every operation, and none for others', () => {
    expect(Object.keys(answers).toSorted()).toEqual(Object.keys(operations).toSorted());
  });

  it('refer only to what is there, and nothing is there that nobody refers to', () => {
    const text = JSON.stringify([answers, answerSchemas]);
    const named = new Set([...text.matchAll(/"#\/components\/schemas\/([\w.-]+)"/g)].map(([, name = '']) => name));
    expect([...named].toSorted()).toEqual(Object.keys(answerSchemas).toSorted());
  });

  const approved = { plan: 'a', by: 'ada', at: 1, stateFolder: '/s' };

  it.each([
    ['what is right', 'approve', approved, 'right'],
    ['a member too many', 'approve', { ...approved, more: 1 }, 'must NOT have additional properties: more'],
    ['a member too few', 'approve', { ...approved, at: undefined }, "must have required property 'at'"],
    ['what JSON makes nothing of', 'approve', { ...approved, at: Number.NaN }, '/at must be number'],
    ['what refers to others', 'clear', [{ key: 'web@m1', state: 'dirty' }], '/0/state must be equal to one of'],
    ['the form of a key', 'clear', [{ key: 'web', state: 'clean' }], '/0/key must match pattern'],
  ] as const)('find %s', (_, operation, answer, fault) => {
    expect(answerFaults(operation, answer) ?? 'right').toContain(fault);
  });
});
