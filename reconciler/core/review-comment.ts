// The one comment of a pull request: the newest plan on top, a few earlier ones folded below it, bounded.

export interface CommentPart {
  /** Commits that the plan is of. */
  readonly head: string;
  readonly base: string;
  /** Markdown, with its heading. */
  readonly text: string;
}

/** By it the comment is found again; hidden when the comment is shown. */
export const markerOf = (cluster: string): string => `<!-- portoser:plan:${cluster} -->`;

const partPattern = /<!-- portoser:part ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) -->\n([\s\S]*?)\n<!-- portoser:end -->/g;
const mostEarlier = 3;
/** GitHub takes 65536 characters, and counts some of them twice. */
const longest = 55_000;
const longestEarlier = 10_000;

const render = ({ head, base, text }: CommentPart): string =>
  `<!-- portoser:part ${head} ${base} -->\n${text}\n<!-- portoser:end -->`;

export function partsOf(body: string): readonly CommentPart[] {
  return [...body.replaceAll('\r\n', '\n').matchAll(partPattern)].map(([, head = '', base = '', text = '']) => ({
    head,
    base,
    text,
  }));
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, most);
  const open = (kept.match(/^```/gm)?.length ?? 0) % 2 === 1;
  return `${kept.slice(0, kept.lastIndexOf('\n'))}${open ? '\n```' : ''}\n\n… shortened; \`portoser plan\` on the branch shows all of it.`;
}

function folded(parts: readonly CommentPart[], most: number): string {
  const rows: string[] = [];
  for (const part of parts) {
    const row = render({ ...part, text: cut(part.text, longestEarlier) });
    if (rows.join('').length + row.length > most) break;
    rows.push(row);
  }
  if (rows.length === 0) return '';
  return `\n\n<details><summary>Earlier plans (${rows.length})</summary>\n\n${rows.join('\n\n')}\n\n</details>`;
}

/** The whole text. `before`: as it stands there; a plan of the same head takes the place of the one before. */
export function commentBody(cluster: string, part: CommentPart, before: string | undefined): string {
  const earlier = partsOf(before ?? '').filter(one => one.head !== part.head);
  const newest = `${markerOf(cluster)}\n${render({ ...part, text: cut(part.text, longest) })}`;
  return newest + folded(earlier.slice(0, mostEarlier), longest - newest.length);
}
