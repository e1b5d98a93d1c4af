// A command as one string → its words, with the quoting rules of a POSIX shell and none of its grammar (XCU 2.2, 2.3).

export type WordsResult = { readonly words: readonly string[] } | { readonly problem: string; readonly hint: string };

const wrapped = "no shell reads this: write sh -c '…' to have one, or quote the character";
const operators = new Set(['|', '&', ';', '<', '>', '(', ')', '\n']);
/** What a backslash escapes within double quotes; elsewhere in them it stands for itself. */
const escapable = new Set(['$', '`', '"', '\\', '\n']);

interface Scan {
  readonly text: string;
  at: number;
  readonly words: string[];
  word: string | undefined;
}

interface Problem {
  readonly problem: string;
  readonly hint: string;
}

/** Words of a command; operators, substitutions and open quotes are problems, because nothing would act on them. */
export function splitWords(text: string): WordsResult {
  const scan: Scan = { text: text.trim(), at: 0, words: [], word: undefined };
  while (scan.at < scan.text.length) {
    const problem = step(scan);
    if (problem !== undefined) return problem;
  }
  endWord(scan);
  return scan.words.length > 0
    ? { words: scan.words }
    : { problem: 'the command is empty', hint: 'write a program and its arguments' };
}

function endWord(scan: Scan): void {
  if (scan.word !== undefined) scan.words.push(scan.word);
  scan.word = undefined;
}

function step(scan: Scan): Problem | undefined {
  const char = scan.text[scan.at] ?? '';
  switch (char) {
    case ' ':
    case '\t':
    case '\r':
      endWord(scan);
      scan.at += 1;
      return undefined;
    case "'":
      return singleQuoted(scan);
    case '"':
      return doubleQuoted(scan);
    case '\\':
      return escaped(scan);
    default:
      return plain(scan, char);
  }
}

function plain(scan: Scan, char: string): Problem | undefined {
  if (operators.has(char))
    return { problem: `\`${char === '\n' ? 'a line break' : char}\` is shell grammar`, hint: wrapped };
  if (char === '#' && scan.word === undefined)
    return { problem: '`#` begins a comment in a shell', hint: 'quote it, or take it away' };
  if (char === '~' && scan.word === undefined && /^~(\/|$|\s)/.test(scan.text.slice(scan.at, scan.at + 2))) {
    return { problem: '`~` is filled by shells only', hint: 'write the whole path' };
  }
  return substitution(scan) ?? take(scan, char, 1);
}

function substitution(scan: Scan): Problem | undefined {
  const two = scan.text.slice(scan.at, scan.at + 2);
  return two === '$(' || two.startsWith('`')
    ? { problem: `\`${two === '$(' ? '$(' : '`'}\` is filled by shells only`, hint: wrapped }
    : undefined;
}

function take(scan: Scan, char: string, length: number): undefined {
  scan.word = (scan.word ?? '') + char;
  scan.at += length;
}

function escaped(scan: Scan): Problem | undefined {
  const next = scan.text[scan.at + 1];
  if (next === undefined) return { problem: 'the command ends with a backslash', hint: 'take it away' };
  if (next !== '\n') return take(scan, next, 2);
  scan.at += 2;
  return undefined;
}

function singleQuoted(scan: Scan): Problem | undefined {
  const end = scan.text.indexOf("'", scan.at + 1);
  if (end < 0) return { problem: 'a single quote is not closed', hint: "add the closing '" };
  return take(scan, scan.text.slice(scan.at + 1, end), end + 1 - scan.at);
}

function doubleQuoted(scan: Scan): Problem | undefined {
  take(scan, '', 1);
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at] ?? '';
    const next = scan.text[scan.at + 1];
    if (char === '"') return take(scan, '', 1);
    const problem = char === '\\' ? undefined : substitution(scan);
    if (problem !== undefined) return problem;
    if (char === '\\' && next !== undefined && escapable.has(next)) take(scan, next === '\n' ? '' : next, 2);
    else take(scan, char, 1);
  }
  return { problem: 'a double quote is not closed', hint: 'add the closing "' };
}
