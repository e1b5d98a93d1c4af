// What a client says over a WebSocket: read strictly, or refused with what is wrong.
import { createRequire } from 'node:module';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type * as ajv2020 from 'ajv/dist/2020.js';
import { AppError } from '../../schema/errors.js';
import {
  type ClientMessage,
  subscribeSchema,
  type Topic,
  topicNames,
  unsubscribeSchema,
} from '../../schema/live-messages.js';

const invalid = (message: string): AppError =>
  new AppError('request-invalid', message, { hint: 'See /api/docs#live for what one may send.' });

const checks = new Map<string, ValidateFunction>();
let ajv: ajv2020.Ajv2020 | undefined;

/** Compiled by the first message that needs it. */
function checkOf(name: string, schema: () => object): ValidateFunction {
  const known = checks.get(name);
  if (known !== undefined) return known;
  const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof ajv2020;
  ajv ??= new Ajv2020({ ownProperties: true });
  const check = ajv.compile(schema());
  checks.set(name, check);
  return check;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('request-invalid', 'the message is no JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid('the message is no object');
}

function checkFor({ type, topic }: Readonly<Record<string, unknown>>): ValidateFunction {
  if (type === 'unsubscribe') return checkOf('unsubscribe', () => unsubscribeSchema);
  if (type !== 'subscribe') throw invalid('type is subscribe or unsubscribe');
  const known = topicNames.find((one): one is Topic => one === topic);
  if (known === undefined) throw invalid(`topic is one of ${topicNames.join(', ')}`);
  return checkOf(`subscribe ${known}`, () => subscribeSchema(known));
}

function wrong({ errors }: ValidateFunction): AppError {
  const [first] = errors ?? [];
  const extra = (first?.params as { readonly additionalProperty?: string } | undefined)?.additionalProperty;
  const place = first === undefined || first.instancePath === '' ? 'the message' : first.instancePath.slice(1);
  return invalid(`${place} ${first?.message ?? 'is not valid'}${extra === undefined ? '' : `: ${extra}`}`);
}

/** The name that a message gives its subscription, where it gives one that could stand in an answer. */
export function idOf(text: string): string | undefined {
  try {
    const { id } = parse(text);
    return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) ? id : undefined;
  } catch (thrown) {
    if (thrown instanceof AppError) return undefined;
    throw thrown;
  }
}

/** Throws `request-invalid`. */
export function readMessage(text: string): ClientMessage {
  const value = parse(text);
  const check = checkFor(value);
  if (!check(value)) throw wrong(check);
  return value as unknown as ClientMessage;
}
