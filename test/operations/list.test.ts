// The list of operations: every file is in it, and each says what it is.
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type OperationName, operations } from '../../reconciler/operations/index.js';

const names = Object.keys(operations) as OperationName[];

describe('the list of operations', () => {
  it('holds every file of the room', async () => {
    const files = (await readdir(new URL('../../reconciler/operations/', import.meta.url))).filter(name =>
      name.endsWith('.ts'),
    );
    const expected = names.map(name => `${name.replaceAll('.', '-')}.ts`);
    expect(files.filter(name => !['index.ts', 'operation.ts'].includes(name)).toSorted()).toEqual(expected.toSorted());
  });

  it.each(names)('%s is what its name says, and takes a closed object', async name => {
    const operation = await operations[name]();
    expect(operation.name).toBe(name);
    expect(operation.summary).not.toBe('');
    expect(operation.input).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
