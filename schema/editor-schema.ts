// The JSON Schema that editors are given: without our own annotations, and with a template allowed wherever one is filled.
import { plainSections } from './plain-sections.js';

type Node = Readonly<Record<string, unknown>>;

const template = { $ref: '#/$defs/template' };
const ours = new Set(['expected', 'code', 'elsewhere']);

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues(value: unknown, change: (node: unknown) => unknown): unknown {
  return isNode(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, change(one)])) : value;
}

function plain(node: unknown): unknown {
  if (!isNode(node)) return node;
  const entries = Object.entries(node).filter(([key]) => !ours.has(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, changedPart(key, value)]));
}

function changedPart(key: string, value: unknown): unknown {
  switch (key) {
    case 'properties':
      return mapValues(value, withTemplate);
    case 'additionalProperties':
    case 'items':
      return withTemplate(value);
    case 'anyOf':
      return Array.isArray(value) ? value.map(plain) : value;
    case 'propertyNames':
      return plain(value);
    default:
      return value;
  }
}

/** Text that may be anything takes templates already. */
function takesTemplate(node: Node): boolean {
  const { type, pattern } = node;
  if (type === undefined && node['enum'] === undefined && node['anyOf'] === undefined) return true;
  return type === 'string' && (typeof pattern !== 'string' || new RegExp(pattern, 'u').test('{{ NAME }}'));
}

function withTemplate(node: unknown): unknown {
  if (!isNode(node) || takesTemplate(node)) return plain(node);
  const { description, default: byDefault, ...shape } = plain(node) as Node;
  const notes = {
    ...(description === undefined ? {} : { description }),
    ...(byDefault === undefined ? {} : { default: byDefault }),
  };
  return { ...notes, anyOf: [...(Array.isArray(shape['anyOf']) ? shape['anyOf'] : [shape]), template] };
}

/** What `defaults` may give need not stand in the entry, which may lie in another file than they. */
function entries(section: unknown): unknown {
  const { additionalProperties, ...map } = section as Node;
  const { required, ...entry } = plain(additionalProperties) as Node;
  const kept = Array.isArray(required) ? required.filter(key => key === 'host') : [];
  return {
    ...(plain(map) as Node),
    additionalProperties: { ...entry, ...(kept.length > 0 ? { required: kept } : {}) },
  };
}

/** From our annotated schema to one for editors (draft 2020-12). */
export function editorSchema(schema: object): object {
  const body = JSON.parse(JSON.stringify(schema)) as Node;
  const properties = mapValues(body['properties'], withTemplate) as Record<string, unknown>;
  for (const key of plainSections) properties[key] = plain((body['properties'] as Node)[key]);
  for (const key of ['machines', 'services']) properties[key] = entries((body['properties'] as Node)[key]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'registry.yml',
    ...(plain(body) as Node),
    properties,
    $defs: { template: { type: 'string', pattern: '\\{\\{', description: 'Holds a template: {{ NAME }}.' } },
  };
}
