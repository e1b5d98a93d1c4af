// Reads what every operation answers off its type, as JSON Schemas: so an answer is written down once, where it is made.
import { fileURLToPath } from 'node:url';
import {
  API,
  type Checker,
  ElementFlags,
  type Project,
  SignatureKind,
  type Symbol as Named,
  SymbolFlags,
  type TupleType,
  type Type,
  TypeFlags,
  type TypeReference,
} from 'typescript/unstable/sync';

type Schema = Readonly<Record<string, unknown>>;

interface Answers {
  /** By the name of their type. */
  readonly schemas: readonly (readonly [string, Schema])[];
  /** By the name of the operation. */
  readonly answers: readonly (readonly [string, Schema])[];
}

interface Reading {
  readonly checker: Checker;
  /** By the name of their type, in the order in which they were come to. */
  readonly schemas: Map<string, Schema>;
  /** The type behind each name. */
  readonly types: Map<string, number>;
}

const is = (type: Type, flags: TypeFlags): boolean => (type.flags & flags) !== 0;

function refuse(what: string, where: string): never {
  throw new TypeError(`${where} is ${what}, which no answer can hold`);
}

/** Not what the language or a package brings. */
function isOurs(symbol: Named | undefined): symbol is Named {
  const path = symbol?.declarations[0]?.path ?? '';
  return path !== '' && !path.includes('node_modules') && !path.includes('bundled:');
}

/** Only of a type of ours that says by itself all that it is. */
function nameOf(type: Type): Named | undefined {
  const alias = type.getAliasSymbol();
  const symbol = alias ?? (type.isClassOrInterface() ? type.getSymbol() : undefined);
  return isOurs(symbol) && type.getAliasTypeArguments().length === 0 ? symbol : undefined;
}

function toldOf({ checker }: Reading, symbol: Named): Schema {
  const description = symbol.getDocumentationComment(checker).replaceAll(/\s+/g, ' ').trim();
  return description === '' ? {} : { description };
}

/** `where`: how it was come to, for people. Throws for what JSON cannot hold, and for two types of one name. */
function read(reading: Reading, type: Type, where: string): Schema {
  const { schemas, types } = reading;
  const symbol = nameOf(type);
  if (symbol === undefined) return readPlain(reading, type, where);
  const { name } = symbol;
  if ((types.get(name) ?? type.id) !== type.id) return refuse(`another ${name} than one before`, where);
  if (!types.has(name)) {
    types.set(name, type.id);
    schemas.set(name, {}); // its place: it may hold itself
    schemas.set(name, { ...toldOf(reading, symbol), ...readPlain(reading, type, name) });
  }
  return { $ref: `#/components/schemas/${name}` };
}

const plain: readonly (readonly [TypeFlags, Schema])[] = [
  [TypeFlags.AnyOrUnknown, {}],
  [TypeFlags.NonPrimitive, { type: 'object' }],
  [TypeFlags.String, { type: 'string' }],
  [TypeFlags.Number, { type: 'number' }],
  [TypeFlags.Boolean, { type: 'boolean' }],
  [TypeFlags.Null, { type: 'null' }],
];

function readPlain(reading: Reading, type: Type, where: string): Schema {
  const known = plain.find(([flags]) => is(type, flags));
  if (known !== undefined) return known[1];
  if (type.isUnionType()) return readUnion(reading, type.getTypes(), where);
  if (type.isStringLiteralType() || type.isNumberLiteralType() || type.isBooleanLiteralType())
    return { const: type.value };
  if (type.isTemplateLiteralType()) return { type: 'string', pattern: patternOf(type.texts, type.getTypes(), where) };
  if (type.isTypeReference() && type.getTarget().isTupleType()) return readTuple(reading, type, where);
  if (reading.checker.isArrayType(type)) {
    const [item] = reading.checker.getTypeArguments(type as TypeReference);
    return item === undefined ? refuse('a list of nothing', where) : listOf(read(reading, item, `${where}[]`));
  }
  if (type.isObjectType() || type.isIntersectionType()) return readObject(reading, type, where);
  return refuse(reading.checker.typeToString(type), where);
}

const listOf = (items: Schema): Schema => ({ type: 'array', items });

/** Words that go together become one `enum`; a member that may be absent says so by not being required. */
function readUnion(reading: Reading, types: readonly Type[], where: string): Schema {
  const kept = types.filter(one => !is(one, TypeFlags.Undefined));
  const all = kept.map((one, index) => read(reading, one, `${where}|${index}`));
  const consts = all.filter(one => 'const' in one).map(one => one['const']);
  const others = all.filter(one => !('const' in one));
  const flags = consts.includes(true) && consts.includes(false);
  const words = flags ? consts.filter(one => typeof one !== 'boolean') : consts;
  const [first, ...more] = [
    ...(words.length === 0 ? [] : [words.length === 1 ? { const: words[0] } : { enum: words }]),
    ...(flags ? [{ type: 'boolean' }] : []),
    ...others,
  ];
  if (first === undefined) return refuse('nothing', where);
  return more.length === 0 ? first : { anyOf: [first, ...more] };
}

function patternOf(texts: readonly string[], types: readonly Type[], where: string): string {
  const spans = types.map(type => {
    if (is(type, TypeFlags.String)) return '[\\s\\S]*';
    return is(type, TypeFlags.Number) ? '-?[0-9]+(\\.[0-9]+)?' : refuse('a text with a part of its own kind', where);
  });
  const written = texts.map(one => one.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return `^${written.map((one, index) => `${one}${spans[index] ?? ''}`).join('')}$`;
}

function readTuple(reading: Reading, type: TypeReference, where: string): Schema {
  const { elementFlags } = type.getTarget() as TupleType;
  const items = reading.checker.getTypeArguments(type).map((one, index) => read(reading, one, `${where}[${index}]`));
  const rest = elementFlags.findIndex(flags => (flags & ElementFlags.Rest) !== 0);
  if (elementFlags.some((flags, index) => index !== rest && (flags & ElementFlags.Required) === 0))
    return refuse('a list of unknown length', where);
  if (rest === -1) return { type: 'array', prefixItems: items, minItems: items.length, maxItems: items.length };
  if (rest !== items.length - 1) return refuse('a list with something after its rest', where);
  return { type: 'array', prefixItems: items.slice(0, rest), items: items[rest], minItems: rest };
}

/** Nothing beyond what its type names: what would be answered besides is found by the tests. */
function readObject(reading: Reading, type: Type, where: string): Schema {
  const { checker } = reading;
  const symbol = type.getSymbol();
  const isLanguages = symbol !== undefined && (symbol.flags & SymbolFlags.Interface) !== 0 && !isOurs(symbol);
  if (isLanguages || checker.getSignaturesOfType(type, SignatureKind.Call).length > 0)
    return refuse(checker.typeToString(type), where);
  const members = checker.getPropertiesOfType(type);
  const properties = members.map(member => [member.name, readMember(reading, member, `${where}.${member.name}`)]);
  const required = members.filter(member => (member.flags & SymbolFlags.Optional) === 0).map(member => member.name);
  const [named] = checker.getIndexInfosOfType(type);
  return {
    type: 'object',
    ...(members.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: named === undefined ? false : read(reading, named.valueType, `${where}[…]`),
  };
}

function readMember(reading: Reading, member: Named, where: string): Schema {
  const type = reading.checker.getTypeOfSymbol(member);
  if (type === undefined) return refuse('of no type', where);
  return { ...read(reading, type, where), ...toldOf(reading, member) };
}

function returned(checker: Checker, type: Type | undefined): Type {
  const [call] = type === undefined ? [] : checker.getSignaturesOfType(type, SignatureKind.Call);
  const promise = call === undefined ? undefined : checker.getReturnTypeOfSignature(call);
  const [kept] = promise === undefined ? [] : checker.getTypeArguments(promise as TypeReference);
  if (kept === undefined) throw new TypeError('an operation is loaded, and answers, by a promise');
  return kept;
}

function readList({ checker, program }: Project, cwd: string): Answers {
  const list = program.getSourceFile(`${cwd}reconciler/operations/index.ts`);
  const module = list && checker.getSymbolAtLocation(list);
  const operations = module && checker.getExportsOfModule(module).find(one => one.name === 'operations');
  const all = operations && checker.getTypeOfSymbol(operations);
  if (all === undefined) throw new TypeError('reconciler/operations/index.ts has no list of operations');
  const reading: Reading = { checker, schemas: new Map(), types: new Map() };
  const answers = checker.getPropertiesOfType(all).map(member => {
    const operation = returned(checker, checker.getTypeOfSymbol(member));
    const run = checker.getPropertyOfType(operation, 'run');
    return [member.name, read(reading, returned(checker, run && checker.getTypeOfSymbol(run)), member.name)] as const;
  });
  return { schemas: [...reading.schemas].toSorted(([one], [other]) => (one < other ? -1 : 1)), answers };
}

/** Takes seconds. */
function readAnswers(): Answers {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const api = new API({ cwd });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${cwd}tsconfig.build.json`] }).getProjects();
    if (project === undefined) throw new TypeError('tsconfig.build.json opens no project');
    return readList(project, cwd);
  } finally {
    api.close();
  }
}

const head = `// Written by \`npm run schema\` from the types of what operations answer, with their comments: as JSON Schemas, loaded by who needs them.

/** By the name of a type; they refer to each other as components of an OpenAPI document do. */
// prettier-ignore
export const answerSchemas: Readonly<Record<string, object>> = {
`;

const between = `};

/** By the name of an operation. */
// prettier-ignore
export const answers: Readonly<Record<string, object>> = {
`;

/** The content of answer-schemas.ts. */
export function answersModule(): string {
  const { schemas, answers } = readAnswers();
  const lines = (all: Answers['answers']) =>
    all.map(([name, one]) => `  '${name}': ${JSON.stringify(one)},\n`).join('');
  return `${head}${lines(schemas)}${between}${lines(answers)}};\n`;
}
