// One YAML text → its plain value with the place of every part, or diagnostics. Hostile text ends in diagnostics too.
import { LineCounter, type Document } from 'yaml';
import type { Diagnostic, DiagnosticCode } from '../../schema/diagnostics.js';
import type { Locate, Path } from '../../schema/validate.js';
import { composeDocument } from './yaml-document.js';
import { writtenAs, placeOf, toValue } from './yaml-value.js';

const maxFileBytes = 512 * 1024;
const maxSyntaxErrors = 20;

export interface YamlText {
  readonly file: string;
  /** undefined: the text could not be read; `diagnostics` tells why. */
  readonly value: unknown;
  readonly locate: Locate;
  /** A number or boolean as it was written (`1.10`, `0644`). */
  readonly sourceOf: (path: Path) => string | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads one text. Anchors, aliases and merge keys (`<<`) are followed; a key twice, an unknown tag, a bomb of aliases are errors. */
export function readYaml(file: string, text: string): YamlText {
  if (Buffer.byteLength(text) > maxFileBytes) {
    return refused(file, 'file-too-large', 'the file is larger than 512 KiB', { hint: 'split it with `include`' });
  }
  const lines = new LineCounter();
  const composed = composeDocument(text, lines);
  if ('document' in composed) return read(file, composed.document, lines);
  const [code, message, more] = refusals[composed.problem];
  return refused(file, code, message, more);
}

const refusals = {
  'too-large': [
    'file-too-large',
    'the file has more parts than any registry needs',
    { hint: 'split it with `include`' },
  ],
  'too-deep': ['yaml-syntax', 'the text is nested too deeply', {}],
  'several-documents': ['yaml-syntax', 'the file holds more than one document', { hint: 'take the line `---` away' }],
} as const;

function refused(file: string, code: DiagnosticCode, message: string, more: { hint?: string }): YamlText {
  const start = { file, line: 1, column: 1 };
  return {
    file,
    value: undefined,
    locate: () => start,
    sourceOf: () => undefined,
    diagnostics: [{ code, severity: 'error', ...start, path: '', message, ...more }],
  };
}

function read(file: string, document: Document.Parsed, lines: LineCounter): YamlText {
  const syntax = syntaxErrors(file, document, lines);
  if (syntax.length > 0) return { ...refused(file, 'yaml-syntax', '', {}), diagnostics: syntax };
  const converted = toValue(document.contents, { file, lines });
  const failed = converted.diagnostics.some(one => one.severity === 'error' && one.code === 'yaml-syntax');
  return {
    file,
    value: failed ? undefined : converted.value,
    locate: (path, where) => placeOf(converted, path, where),
    sourceOf: path => writtenAs(converted, path),
    diagnostics: converted.diagnostics,
  };
}

/** Where the parser speaks to programmers. */
const inOurWords: Readonly<Record<string, { readonly message: string; readonly hint?: string }>> = {
  NON_STRING_KEY: { message: 'a key must be plain text' },
  TAB_AS_INDENT: { message: 'a tab cannot indent', hint: 'indent with blanks' },
  TAG_RESOLVE_FAILED: {
    message: 'the tag is not known: only plain values are taken',
    hint: 'take it away, or put the text in quotes',
  },
};

/** An unknown tag (`!!js/function`) is only a warning to the parser; here nothing but plain values is taken. */
function syntaxErrors(file: string, document: Document.Parsed, lines: LineCounter): readonly Diagnostic[] {
  const tags = document.warnings.filter(warning => warning.code === 'TAG_RESOLVE_FAILED');
  return [...document.errors, ...tags].slice(0, maxSyntaxErrors).map(error => {
    const { line, col } = lines.linePos(error.pos[0]);
    const words = inOurWords[error.code] ?? { message: error.message };
    return { code: 'yaml-syntax', severity: 'error', file, line, column: col, path: '', ...words };
  });
}
