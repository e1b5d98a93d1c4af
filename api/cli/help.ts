// Help as text: of all commands, of a group of them, of one.
import type { AnyCommand, Option, Options } from './command.js';
import { secondWords, type Word, words } from './words.js';

const pad = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.min(34, Math.max(0, ...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n');
};

/** `machine add|update|…` in one row, in the table's order. */
function grouped(entries: readonly Word[]): readonly (readonly [string, string])[] {
  const firsts = [...new Set(entries.map(one => one.words.split(' ')[0] ?? ''))];
  return firsts.map(first => {
    const members = entries.filter(one => one.words.split(' ')[0] === first);
    const seconds = members.flatMap(one => one.words.split(' ')[1] ?? []);
    return seconds.length === 0 ? [first, members[0]?.summary ?? ''] : [`${first} ${seconds.join('|')}`, ''];
  });
}

function nowRows(): string {
  const rows = grouped(words.filter(one => one.load));
  const summaries: Record<string, string> = {
    registry: 'what the registry says, and what is wrong with it',
    machine: 'machines of the registry; edits are commits',
    service: 'services of the registry; edits are commits',
    deps: 'who needs whom, in what order',
    history: 'what was deployed: a list, one of them, what it changed',
    token: 'who may use the API of this controller',
    audit: 'who did what, and whether that log is as it was written',
    git: 'accept a branch that was rewritten',
    config: 'each setting, its value and where it comes from',
  };
  return rows
    .map(([left, right]) => {
      const text = right === '' ? (summaries[left.split(' ')[0] ?? ''] ?? '') : right;
      return left.length > 24 ? `  ${left}\n  ${' '.repeat(24)}  ${text}` : `  ${left.padEnd(24)}  ${text}`;
    })
    .join('\n');
}

function wrap(pieces: readonly string[], width: number): string {
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && `${last}, ${piece}`.length <= width) lines[lines.length - 1] = `${last}, ${piece}`;
    else lines.push(piece);
  }
  return lines.map(line => `  ${line}`).join(',\n');
}

export function rootHelp(): string {
  return `Portoser keeps machines in the state that a git repository describes.

Usage: portoser <command> [options]

Commands:
${nowRows()}

Every command takes --help, --json, --no-color, and where to look: --repo, --branch,
--path, --state-dir, --server, --token, --insecure-http. \`portoser config show\` tells what is in force.

Later (not supported yet):
${wrap(
  grouped(words.filter(one => !one.load)).map(([left]) => left),
  84,
)}

Exit codes: 0 as it should be, 1 it failed, 2 there is something to see to, 130 interrupted.
`;
}

export function groupHelp(first: string): string {
  const rows = secondWords(first).map(
    one => [one.words, one.load ? one.summary : `${one.summary} (not supported yet)`] as const,
  );
  return `Usage: portoser ${first} <command> [options]\n\n${pad(rows)}\n`;
}

function optionRow([name, option]: readonly [string, Option]): readonly [string, string] {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const value = option.type === 'string' ? ` <${option.value ?? name}>` : '';
  return [`${short}--${name}${value}`, option.summary];
}

export function commandHelp(word: Word, command: AnyCommand, globals: Options): string {
  const own = Object.entries(command.options);
  const others = Object.entries(globals).filter(([name]) => !(name in command.options));
  return [
    `Usage: portoser ${[word.words, command.usage].filter(Boolean).join(' ')} [options]\n\n${word.summary}\n`,
    own.length > 0 ? `Options:\n${pad(own.map(optionRow))}\n` : '',
    `Options of all commands:\n${pad(others.map(optionRow))}\n`,
    command.notes === undefined ? '' : `${command.notes}\n`,
  ]
    .filter(Boolean)
    .join('\n');
}
