// Writes what is made from registry.ts: registry.schema.json for editors, and registry-parts.ts, so that checking needs no schema builder;
// and answer-schemas.ts, from the types of what operations answer.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { editorSchema } from './editor-schema.js';
import { parts, registrySchema } from './registry.js';
import { answersModule } from './write-answers.js';

const partsHead = `// Written by \`npm run schema\` from registry.ts: the schemas of the parts as plain objects, because building them takes 0.15 s at each start.
import type { PartName } from './registry.js';

// prettier-ignore
export const partSchemas: Readonly<Record<PartName, object>> = {
`;

const forPeople = new Set(['description', 'default']);

/** Keys of `properties` are names of keys, not notes: a key called `description` stays. */
function withoutNotes(node: unknown, isSchema = true): unknown {
  if (Array.isArray(node)) return node.map(one => withoutNotes(one));
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(([key]) => !(isSchema && forPeople.has(key)));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, withoutNotes(value, !isSchema || key !== 'properties')]),
  );
}

function partsModule(): string {
  const lines = Object.entries(parts).map(([name, schema]) => `  ${name}: ${JSON.stringify(withoutNotes(schema))},\n`);
  return `${partsHead}${lines.join('')}};\n`;
}

/** File name (beside this one) → its content; without the answers, which take seconds. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['registry.schema.json', `${JSON.stringify(editorSchema(registrySchema), null, 1)}\n`],
    ['registry-parts.ts', partsModule()],
  ]);
}

async function write(): Promise<void> {
  const all = [...generatedFiles(), ['answer-schemas.ts', answersModule()] as const];
  for (const [name, content] of all) await writeFile(new URL(name, import.meta.url), content);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write();
