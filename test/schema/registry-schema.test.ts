// The schema of the registry: what is generated from it is fresh, and editors are told the same as parse says.
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { editorSchema } from '../../schema/editor-schema.js';
import { registrySchema } from '../../schema/registry.js';
import { keyTypes } from '../../schema/service-keys.js';
import { generatedFiles } from '../../schema/write-json-schema.js';

describe('generated files', () => {
  it.each([...generatedFiles()].map(([name, content]) => ({ name, content })))(
    '$name is what `npm run schema` writes',
    async ({ name, content }) => {
      expect((await readFile(new URL(`../../schema/${name}`, import.meta.url), 'utf8')) === content).toBe(true);
    },
  );
});

describe('the schema for editors', () => {
  const schema = editorSchema(registrySchema);
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
  const validate = ajv.compile(schema);
  const machines = { m1: { host: 'a', user: 'b', platform: 'linux', port: '{{ SSH_PORT }}' } };

  it('is a valid JSON Schema, without annotations of ours', () => {
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(JSON.stringify(schema)).not.toMatch(/"(expected|elsewhere|code)":/);
  });

  it.each([
    { machines },
    {
      services: {
        web: {
          type: 'docker',
          machine: '{{ M }}',
          path: '/opt/{{ service.name }}',
          ports: '{{ LIST }}',
          health: { interval: '{{ I }}' },
        },
      },
    },
    { 'x-mine': 1, services: { web: { 'x-mine': 1, type: 'local', machine: 'm1', path: '/opt/x', command: 'run' } } },
  ])('takes %j', registry => {
    validate(registry);
    expect(validate.errors).toBeNull();
  });

  it.each([
    { machnes: {} },
    { machines: { M1: {} } },
    { machines: { m1: { host: 'a', user: 'b', platform: 'plan9' } } },
    { services: { web: { type: 'docker', machine: 'm1', path: '/opt/x', port: 'eighty' } } },
    { services: { web: { type: 'docker', machine: 'm1', path: '/opt/x', prot: 80 } } },
  ])('refuses %j', registry => {
    expect(validate(registry)).toBe(false);
  });

  it('describes every key of a machine and of a service', () => {
    const { properties } = JSON.parse(JSON.stringify(registrySchema)) as {
      properties: Record<string, { additionalProperties: { properties: Record<string, { description?: string }> } }>;
    };
    for (const section of ['machines', 'services']) {
      const keys = Object.entries(properties[section]?.additionalProperties.properties ?? {});
      expect(keys.length).toBeGreaterThan(10);
      expect(keys.filter(([, { description = '' }]) => description === '').map(([key]) => key)).toEqual([]);
    }
  });
});

describe('service keys', () => {
  it('that are for some types only are keys of services', () => {
    const { properties } = registrySchema as unknown as {
      properties: Record<string, { additionalProperties: { properties: object } }>;
    };
    const known = Object.keys(properties['services']?.additionalProperties.properties ?? {});
    expect(Object.keys(keyTypes).filter(key => !known.includes(key))).toEqual([]);
  });
});
