// The scripts that complete `portoser` in bash, zsh and fish. Words and options of the table only; no names of services.

export interface CompletionEntry {
  readonly words: string;
  readonly summary: string;
  readonly options: readonly string[];
}

const firstsOf = (entries: readonly CompletionEntry[]): readonly string[] => [
  ...new Set(entries.map(one => one.words.split(' ')[0] ?? '')),
];

const secondsOf = (entries: readonly CompletionEntry[], first: string): readonly CompletionEntry[] =>
  entries.filter(one => one.words.startsWith(`${first} `));

const second = (entry: CompletionEntry): string => entry.words.split(' ')[1] ?? '';

/** Case arms of a shell, by command: its options. */
function optionArms(entries: readonly CompletionEntry[]): string {
  return entries.map(one => `    '${one.words}') options='${one.options.join(' ')}' ;;`).join('\n');
}

function secondArms(entries: readonly CompletionEntry[]): string {
  return firstsOf(entries)
    .filter(first => secondsOf(entries, first).length > 0)
    .map(first => `    ${first}) seconds='${secondsOf(entries, first).map(second).join(' ')}' ;;`)
    .join('\n');
}

function bash(entries: readonly CompletionEntry[]): string {
  return `_portoser() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=() word seconds= options=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case $word in -*) ;; *) words+=("$word") ;; esac; done
  case \${words[0]} in
${secondArms(entries)}
  esac
  case "\${words[0]}\${seconds:+ \${words[1]}}" in
${optionArms(entries)}
  esac
  if [ -z "\${words[0]}" ]; then COMPREPLY=($(compgen -W '${firstsOf(entries).join(' ')}' -- "$current"))
  elif [ -n "$seconds" ] && [ -z "\${words[1]}" ]; then COMPREPLY=($(compgen -W "$seconds" -- "$current"))
  elif [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _portoser portoser`;
}

function zsh(entries: readonly CompletionEntry[]): string {
  return `#compdef portoser
_portoser() {
  local seconds= options= word
  local -a named
  for word in "\${(@)words[2,CURRENT-1]}"; do case $word in -*) ;; *) named+=("$word") ;; esac; done
  case \${named[1]} in
${secondArms(entries)}
  esac
  case "\${named[1]}\${seconds:+ \${named[2]}}" in
${optionArms(entries)}
  esac
  if (( \${#named} == 0 )); then compadd -- ${firstsOf(entries).join(' ')}
  elif [[ -n $seconds ]] && (( \${#named} == 1 )); then compadd -- \${=seconds}
  elif [[ \${words[CURRENT]} == -* ]]; then compadd -- \${=options}
  else _files; fi
}
compdef _portoser portoser`;
}

const fishText = (text: string): string => `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;

function fish(entries: readonly CompletionEntry[]): string {
  const lines = entries.flatMap(one => {
    const [first = ''] = one.words.split(' ');
    const more = second(one);
    const seen =
      more === ''
        ? `__fish_seen_subcommand_from ${first}`
        : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${more}`;
    const options = one.options.map(option => `complete -c portoser -n '${seen}' -l ${option.slice(2)}`);
    const summary = `-d ${fishText(one.summary)}`;
    const word =
      more === ''
        ? `complete -c portoser -f -n __fish_use_subcommand -a ${first} ${summary}`
        : `complete -c portoser -f -n '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${secondsOf(entries, first).map(second).join(' ')}' -a ${more} ${summary}`;
    return [word, ...options];
  });
  const groups = firstsOf(entries).filter(first => secondsOf(entries, first).length > 0);
  return [...groups.map(first => `complete -c portoser -f -n __fish_use_subcommand -a ${first}`), ...lines].join('\n');
}

export const scripts = { bash, zsh, fish } as const;
