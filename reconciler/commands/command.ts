// A remote command as data: words that know whether they are text, secret or syntax until they are rendered.

/** A secret by reference; only the SSH adapter reveals it, at the moment of sending. */
export interface SecretReference {
  readonly source: string;
  readonly name: string;
}

export type Word =
  /** Quoted when rendered: reaches the program exactly as it is. */
  | { readonly kind: 'text'; readonly text: string }
  /** Shell grammar that the program's authors wrote. Never holds anything that a user wrote. */
  | { readonly kind: 'syntax'; readonly text: string }
  /** Revealed at sending; masked for people. */
  | { readonly kind: 'secret'; readonly secret: SecretReference }
  /** Bytes for the standard input of the command before it, as a base64 here-document; a newline follows it. */
  | { readonly kind: 'document'; readonly name: string; readonly base64: string };

export interface Command {
  readonly words: readonly Word[];
}

export type Reveal = (secret: SecretReference) => string;

/** What may be put into a template: a list gives words with blanks between, an empty list gives nothing. */
export type Piece = string | number | Word | Command | readonly Piece[];

export const text = (value: string): Word => ({ kind: 'text', text: value });
const syntax = (value: string): Word => ({ kind: 'syntax', text: value });
export const secret = (reference: SecretReference): Word => ({ kind: 'secret', secret: reference });

/** A here-document of these bytes; it must be the last thing of its command line. */
export function document(name: string, bytes: Uint8Array): Word {
  return { kind: 'document', name, base64: Buffer.from(bytes).toString('base64') };
}

function pieceWords(piece: Piece): readonly Word[] {
  if (typeof piece === 'string') return [text(piece)];
  if (typeof piece === 'number') return [text(String(piece))];
  if ('words' in piece) return piece.words;
  if ('kind' in piece) return [piece];
  const parts = piece.map(pieceWords).filter(words => words.length > 0);
  return parts.flatMap((words, index) => (index === 0 ? words : [syntax(' '), ...words]));
}

/**
 * Shell script as a template: what stands in the template is syntax, what is put in is one quoted word (a list: words
 * with blanks between; a Command: spliced as it is). `sh\`systemctl start ${unit}\``.
 */
export function sh(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Command {
  const words = strings.flatMap((part, index) => {
    const piece = pieces[index];
    return [...(part === '' ? [] : [syntax(part)]), ...(piece === undefined ? [] : pieceWords(piece))];
  });
  return { words };
}

/** Commands one after the other, each on a line of its own. */
export function lines(commands: readonly Command[]): Command {
  return { words: commands.flatMap(command => [...command.words, syntax('\n')]) };
}

const needsNoQuotes = /^[\w@%+=:,./-]+$/;
/** Harmless as an argument, but not as the first word of a command: `A=b` would assign, `time` is grammar of some shells. */
const grammarAtFirst =
  /^\w+=|^(if|then|elif|else|fi|for|while|until|do|done|case|esac|in|function|select|time|coproc)$/;

function inQuotes(value: string): string {
  if (value.includes('\0')) throw new TypeError('a shell word cannot hold a NUL byte');
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Quotes one argument for any POSIX shell (POSIX XCU 2.2.2: within single quotes every byte but `'` stands for itself). */
export function quote(value: string): string {
  return needsNoQuotes.test(value) ? value : inQuotes(value);
}

/** For the wire: exact in every place where a word may stand. */
function quoteAnywhere(value: string): string {
  return needsNoQuotes.test(value) && !grammarAtFirst.test(value) ? value : inQuotes(value);
}

const documentEnd = 'PORTOSER_DOCUMENT_END';

function renderWord(word: Word, reveal: Reveal): string {
  switch (word.kind) {
    case 'text':
      return quoteAnywhere(word.text);
    case 'syntax':
      return word.text;
    case 'secret':
      return quoteAnywhere(reveal(word.secret));
    case 'document':
      return `<<'${documentEnd}'\n${word.base64.replaceAll(/.{1,76}/g, '$&\n')}${documentEnd}\n`;
    default:
      return word satisfies never;
  }
}

/** The command's own text as the shell there reads it. */
export function renderBody(command: Command, reveal: Reveal = refuseSecret): string {
  return command.words.map(word => renderWord(word, reveal)).join('');
}

function refuseSecret(reference: SecretReference): string {
  throw new TypeError(`no secret source for ${reference.source}:${reference.name}`);
}

/** Folders that login shells often add and `sh -s` over SSH lacks; appended, so that the machine's own order wins. */
export const extraPath =
  '/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/opt/homebrew/sbin:/snap/bin:$HOME/.local/bin:$HOME/.cargo/bin';

/** The whole as one function, and then what calls it. */
function asFunction(command: Command, reveal: Reveal, calls: readonly string[]): string {
  return [
    'portoser_main() {',
    `PATH="$PATH:${extraPath}"; LC_ALL=C; export PATH LC_ALL; umask 022`,
    renderBody(command, reveal),
    '}',
    ...calls,
  ].join('\n');
}

/**
 * The script for the standard input of `/bin/sh -s`: one function, so that a script cut short on its way is a syntax
 * error and runs nothing, called with an empty standard input.
 */
export function render(command: Command, reveal: Reveal = refuseSecret): string {
  // In braces: half of this line is a syntax error too.
  return asFunction(command, reveal, ['{ portoser_main </dev/null; exit $?; }', '']);
}

/** The same for a shell whose standard input carries bytes for the command. */
export function renderStream(command: Command, reveal: Reveal = refuseSecret): string {
  return asFunction(command, reveal, ['portoser_main; exit $?']);
}

/** Control characters but tab and newline, and those that turn the writing direction: a terminal would obey them. */
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function displayWord(word: Word): string {
  switch (word.kind) {
    case 'text':
      return quote(word.text.replaceAll(unprintable, '\uFFFD'));
    case 'syntax':
      return word.text;
    case 'secret':
      return '***';
    case 'document':
      return `<(${word.name}, ${Buffer.byteLength(word.base64, 'base64')} bytes)`;
    default:
      return word satisfies never;
  }
}

/** The command for people: secrets masked, documents by name, control characters replaced. Never executed. */
export function display(command: Command): string {
  return command.words.map(displayWord).join('').trim();
}
