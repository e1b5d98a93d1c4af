// Text → a YAML document, with bounds: the package composes recursively and keeps every error, so depth and size are looked at first.
import { Composer, Lexer, Parser, type Document, type LineCounter } from 'yaml';

/** Some 40,000 lines. */
const maxLexemes = 250_000;
/** Open collections at once; beyond some thousands the package exhausts the stack. */
const maxOpen = 200;

export type Composed =
  { readonly document: Document.Parsed } | { readonly problem: 'too-large' | 'too-deep' | 'several-documents' };

const options = { merge: true, uniqueKeys: false, stringKeys: true, prettyErrors: false, logLevel: 'error' } as const;

/** As `parseDocument` of the package does it, step by step. */
export function composeDocument(text: string, lines: LineCounter): Composed {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    if (lexemes > maxLexemes) return { problem: 'too-large' };
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > maxOpen) return { problem: 'too-deep' };
  }
  for (const token of parser.end()) tokens.push(token);
  const [document, ...others] = new Composer({ ...options, lineCounter: lines }).compose(tokens, true, text.length);
  if (document === undefined || others.length > 0) return { problem: 'several-documents' };
  return { document };
}
