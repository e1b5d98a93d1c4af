// Takes known secrets out of what is told, in every form that they may be written in.
import { type Anchored, findAnchors } from './secret-anchors.js';
import { besidePattern, longestForm, patternsOf } from './secret-forms.js';

export interface Secret {
  readonly value: string;
  /** The variable or setting that holds it: short values are known by standing beside it. */
  readonly name?: string;
}

/** Text in pieces: a secret may be cut in two between them. */
export interface Pieces {
  /** What may be told by now: whole lines; the rest waits for its end. */
  push(text: string): string;
  end(): string;
}

export interface Redactor {
  /** Names that are told anyway, in the place of those before: what is part of one is no secret, whatever variable holds it. */
  spare(names: Iterable<string>): void;
  /** `names`: more of these, for this once. */
  learn(secrets: Iterable<Secret>, names?: Iterable<string>): void;
  /** Another number whenever something new was learnt: what was redacted before may hold it. */
  edition(): number;
  text(text: string): string;
  /** The same value with all texts in it redacted, names of members too. Numbers and objects of classes are left. */
  value<T>(value: T): T;
  /** JSON stays JSON: its texts are redacted, not its signs. What is no JSON is redacted as text. */
  json(text: string): string;
  pieces(): Pieces;
}

export const masked = '***';

/** What is shorter than that would mask half of every text: it is masked where it stands beside its name. */
const shortestAlone = 6;
/** A line that does not end: what comes before its last characters is told all the same. */
const longestLine = 65_536;
/** Expressions that were made lately. */
const mostPatterns = 100;
/** Values that stand everywhere. */
const everywhere = /^(true|false|yes|no|on|off|none|null|undefined|enabled|disabled|default|localhost|\d{1,7})$/i;

/** Of a value in several lines each is one by itself: programs print and indent them one by one. */
function linesOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).map(line => line.trim());
  return lines.length < 2 ? [] : lines.filter(line => line.length >= 12 && !line.startsWith('-----'));
}

export function createRedactor(): Redactor {
  const known = new Set<string>();
  const named = new Map<string, Set<string>>();
  const patterns = new Map<string, RegExp>();
  let spared: readonly string[] = [];
  let edition = 0;
  let find: ((text: string) => readonly Anchored[]) | undefined;
  let longest = 0;

  function learnOne({ value, name }: Secret, ordinary: string): void {
    const bare = value.trim();
    if (bare === '') return;
    if (bare.length >= shortestAlone && !everywhere.test(bare) && !ordinary.includes(bare)) {
      if (known.has(value)) return;
      for (const one of [value, bare, ...linesOf(value)]) known.add(one);
      renew();
    } else if (name !== undefined && !named.get(name)?.has(bare)) {
      named.set(name, (named.get(name) ?? new Set()).add(bare));
      renew();
    }
  }

  function renew(): void {
    find = undefined;
    edition += 1;
  }

  function look(): (text: string) => readonly Anchored[] {
    // The longest first: one that begins another must not leave the other's end behind.
    const longestFirst = [...known].sort((one, other) => other.length - one.length);
    const besides = [...named].flatMap(([name, values]) => [...values].map(value => besidePattern(name, value)));
    longest = longestForm(longestFirst[0] ?? '');
    return findAnchors([...longestFirst.flatMap(patternsOf), ...besides]);
  }

  /** For those secrets alone that may stand in it; undefined: none. */
  function patternFor(given: string): RegExp | undefined {
    if (known.size === 0 && named.size === 0) return undefined;
    const found = (find ??= look())(given);
    if (found.length === 0) return undefined;
    const source = found.map(one => one.pattern).join('|');
    const made = patterns.get(source) ?? new RegExp(source, 'g');
    if (patterns.size >= mostPatterns) patterns.clear();
    patterns.set(source, made);
    return made;
  }

  function text(given: string): string {
    const secrets = patternFor(given);
    return secrets === undefined ? given : given.replace(secrets, masked);
  }

  const isNamed = (name: string, value: unknown): boolean =>
    typeof value === 'string' && named.get(name)?.has(value.trim()) === true;

  function walk(value: unknown): unknown {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(walk);
    if (!isPlain(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [text(name), isNamed(name, one) ? masked : walk(one)]),
    );
  }

  function json(given: string): string {
    if (text(given) === given) return given;
    const indent = given.startsWith('{\n') || given.startsWith('[\n') ? 2 : undefined;
    const end = given.endsWith('\n') ? '\n' : '';
    const parsed = parsedOrNothing(given);
    return parsed === undefined ? text(given) : `${JSON.stringify(walk(parsed.value), null, indent)}${end}`;
  }

  /** Where a line without an end may be cut: not within a secret, nor within what may yet become one. */
  function safeCut(line: string): number {
    const pattern = patternFor(line) ?? /$^/g;
    let cut = Math.max(0, line.length - longest);
    for (const match of line.matchAll(pattern))
      if (match.index < cut && match.index + match[0].length > cut) cut = match.index + match[0].length;
    return cut;
  }

  function pieces(): Pieces {
    let waiting = '';
    const tell = (upTo: number): string => {
      const told = text(waiting.slice(0, upTo));
      waiting = waiting.slice(upTo);
      return told;
    };
    return {
      push: given => {
        if (known.size === 0 && named.size === 0 && waiting === '') return given;
        waiting += given;
        const whole = given.includes('\n') ? tell(waiting.lastIndexOf('\n') + 1) : '';
        return waiting.length > longestLine ? whole + tell(safeCut(waiting)) : whole;
      },
      end: () => tell(waiting.length),
    };
  }

  return {
    spare: names => {
      spared = [...new Set(names)];
    },
    learn: (secrets, names = []) => {
      const ordinary = [...spared, ...names].join('\n');
      for (const secret of secrets) learnOne(secret, ordinary);
    },
    edition: () => edition,
    text,
    value: <T>(value: T): T => (known.size === 0 && named.size === 0 ? value : (walk(value) as T)),
    json,
    pieces,
  };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function parsedOrNothing(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
