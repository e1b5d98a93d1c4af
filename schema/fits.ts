// Whether a value fits a schema of ours: yes or no. Most values do, and loading and compiling ajv, which tells what is wrong, takes 0.15 s at each start.

type Schema = Readonly<Record<string, unknown>>;
type Rule = (wanted: never, value: unknown, schema: Schema) => boolean;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isMap(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    case 'string':
    case 'boolean':
      return typeof value === type;
    default:
      throw new TypeError(`no schema of ours has the type ${type}`);
  }
}

const patterns = new Map<string, RegExp>();

function matches(pattern: string, text: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(pattern, 'u');
  patterns.set(pattern, known);
  return known.test(text);
}

/** A rule about texts says nothing of other values, and so on (JSON Schema 2020-12, validation 6). */
const ofText =
  (holds: (wanted: never, text: string) => boolean): Rule =>
  (wanted, value) =>
    typeof value !== 'string' || holds(wanted, value);
const ofNumber =
  (holds: (wanted: number, value: number) => boolean): Rule =>
  (wanted, value) =>
    typeof value !== 'number' || holds(wanted, value);
const ofList =
  (holds: (wanted: never, list: readonly unknown[]) => boolean): Rule =>
  (wanted, value) =>
    !Array.isArray(value) || holds(wanted, value);
const ofMap =
  (holds: (wanted: never, map: Readonly<Record<string, unknown>>, schema: Schema) => boolean): Rule =>
  (wanted, value, schema) =>
    !isMap(value) || holds(wanted, value, schema);

function isNamed(key: string, { properties, patternProperties }: Schema): boolean {
  return (
    (isMap(properties) && Object.hasOwn(properties, key)) ||
    (isMap(patternProperties) && Object.keys(patternProperties).some(pattern => matches(pattern, key)))
  );
}

const note: Rule = () => true;

const rules: Readonly<Record<string, Rule>> = {
  type: (wanted: string | readonly string[], value) => [wanted].flat().some(type => isOfType(type, value)),
  enum: (wanted: readonly unknown[], value) => wanted.includes(value),
  anyOf: (wanted: readonly Schema[], value) => wanted.some(one => fits(one, value)),
  pattern: ofText(matches),
  // In characters, as JSON Schema counts; there are never more of them than code units.
  maxLength: ofText((wanted: number, text) => text.length <= wanted || Array.from(text).length <= wanted),
  minimum: ofNumber((wanted, value) => value >= wanted),
  maximum: ofNumber((wanted, value) => value <= wanted),
  exclusiveMinimum: ofNumber((wanted, value) => value > wanted),
  minItems: ofList((wanted: number, list) => list.length >= wanted),
  maxItems: ofList((wanted: number, list) => list.length <= wanted),
  items: ofList((wanted: Schema, list) => list.every(item => fits(wanted, item))),
  required: ofMap((wanted: readonly string[], map) => wanted.every(key => Object.hasOwn(map, key))),
  properties: ofMap((wanted: Readonly<Record<string, Schema>>, map) =>
    Object.entries(wanted).every(([key, one]) => !Object.hasOwn(map, key) || fits(one, map[key])),
  ),
  patternProperties: ofMap((wanted: Readonly<Record<string, Schema>>, map) =>
    Object.entries(wanted).every(([pattern, one]) =>
      Object.entries(map).every(([key, value]) => !matches(pattern, key) || fits(one, value)),
    ),
  ),
  additionalProperties: ofMap((wanted: Schema | false, map, schema) =>
    Object.entries(map).every(([key, value]) => isNamed(key, schema) || (wanted !== false && fits(wanted, value))),
  ),
  propertyNames: ofMap((wanted: Schema, map) => Object.keys(map).every(key => fits(wanted, key))),
  expected: note,
  code: note,
  elsewhere: note,
};

/** The same answer as ajv's (a property test holds them together). Throws for a keyword that no schema of ours has. */
export function fits(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    const rule = rules[keyword];
    if (rule === undefined) throw new TypeError(`no schema of ours has the keyword ${keyword}`);
    return rule(wanted as never, value, schema);
  });
}
