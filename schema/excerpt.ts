// A part of a long text, cut between words: half of a secret would not be known as one, and half a word tells little.

/** `end` of the text before it, `start` behind it: where a line ends that leaves most of what may be told, else a word. */
function cutFrom(text: string, least: number): string {
  const line = text.indexOf('\n') + 1;
  if (line > 0 && text.length - line >= least) return text.slice(line);
  const word = /\s+/.exec(text);
  return word === null ? '' : text.slice(word.index + word[0].length);
}

/**
 * Of what is longer than so many bytes, at most the last so many characters, from the start of a line or word on; `…`
 * stands for what is left out. By bytes, because programs on machines cut by them: who reads what was cut there to `n`
 * bytes keeps a little less of it, and so never its first word, which may be half of one.
 */
export function lastOf(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  return `…${cutFrom(text.slice(-most), most / 4)}`;
}

/** At most the first so many characters of it, up to the end of a word; `…` stands for what is left out. */
export function firstOf(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most);
  const words = /\s/.test(text[most] ?? '') ? cut : cut.replace(/\S+$/, '');
  return `${words.trimEnd()}…`;
}
