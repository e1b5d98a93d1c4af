// Whether an answer is what its operation says that it answers: checked as it goes over the wire, and strictly.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { answers, answerSchemas } from '../schema/answer-schemas.js';

const ajv = new Ajv2020({ strict: true, strictTypes: false, ownProperties: true });
ajv.addVocabulary(['components', 'answers']);
ajv.addSchema({ components: { schemas: answerSchemas }, answers }, 'answers');

function schemaOf(operation: string): ValidateFunction {
  const known = ajv.getSchema(`answers#/answers/${operation}`);
  if (known === undefined) throw new TypeError(`nobody wrote down what ${operation} answers`);
  return known as ValidateFunction;
}

/** Undefined: it is right. Else the first thing that is wrong. */
export function answerFaults(operation: string, answer: unknown): string | undefined {
  const validate = schemaOf(operation);
  if (validate(answer === undefined ? answer : JSON.parse(JSON.stringify(answer)))) return undefined;
  const all = (validate.errors ?? []).map(({ instancePath, message = '', params }) => {
    const extra = params['additionalProperty'] as string | undefined;
    return `${instancePath} ${message}${extra === undefined ? '' : `: ${extra}`}`;
  });
  return `${operation} answered what it does not say: ${all.slice(0, 6).join('; ')}`;
}

/** Words of a command whose answer is another operation's than its name says. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^deploy .*--dry-run/, 'plan'],
  [/^run .*--once/, 'reconcile'],
  [/^events .*--webhooks/, 'webhooks'],
];

function operationOf(line: string): string | undefined {
  const other = others.find(([form]) => form.test(line));
  if (other !== undefined) return other[1];
  const [first = '', second = ''] = line.split(/\s+/);
  return [`${first}.${second}`, first].find(name => Object.hasOwn(answers, name));
}

/** Of what a command printed with `--json`: the same object, so the same schema. An error is told as one. */
export function typedFaults(line: string, out: string): string | undefined {
  if (!/ --json\b/.test(line) || / -f\b| --help\b/.test(line) || !/^\s*[[{]/.test(out)) return undefined;
  const operation = operationOf(line);
  const answer: unknown = JSON.parse(out);
  const failed = typeof answer === 'object' && answer !== null && 'error' in answer && Object.keys(answer).length === 1;
  return operation === undefined || failed ? undefined : answerFaults(operation, answer);
}
