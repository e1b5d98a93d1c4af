// The launcher of a local service: one POSIX script with its environment, its words and its Python set-up, whoever keeps it.
import { extraPath, renderBody, sh, type Command } from './command.js';
import { pythonWords } from './uv.js';

export interface LauncherWish {
  /** Absolute; the working directory. */
  readonly folder: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; later wins, `env` wins over all. */
  readonly envFiles: readonly string[];
  /** uv may set it up. `unlocked`: `source` brings pyproject.toml and no uv.lock, so the one that uv makes must not freeze it. */
  readonly python?: { readonly unlocked: boolean };
}

export const launcherPath = (folder: string): string => `${folder}/.portoser/run`;

/**
 * Reads `KEY=VALUE` lines and never runs them: `export ` before a name and ` # comment` after a bare value are dropped,
 * double quotes know \n and backslashed \ " $ and backquote, single quotes nothing; quoted values may span lines.
 */
const envFileReader = sh`p_nl='
'
p_env_value() {
  p_v=
  while :; do
    case $p_rest in
      *'"'*|*'\\'*) p_part=\${p_rest%%[\\"\\\\]*}; p_v=$p_v$p_part; p_rest=\${p_rest#"$p_part"} ;;
      *) p_v=$p_v$p_rest; if IFS= read -r p_rest; then p_v=$p_v$p_nl; continue; fi; return ;;
    esac
    case $p_rest in
      '"'*) return ;;
      '\\n'*) p_v=$p_v$p_nl; p_rest=\${p_rest#??} ;;
      '\\'[\\"\\\\\\$\\\`]*) p_rest=\${p_rest#?}; p_v=$p_v\${p_rest%"\${p_rest#?}"}; p_rest=\${p_rest#?} ;;
      *) p_v=$p_v'\\'; p_rest=\${p_rest#?} ;;
    esac
  done
}
p_env_file() {
  if [ ! -r "$1" ]; then echo "portoser: file-missing $1" >&2; exit 66; fi
  while IFS= read -r p_line || [ -n "$p_line" ]; do
    p_line=\${p_line%"$p_cr"}; p_line=\${p_line#"\${p_line%%[! $p_tab]*}"}; p_line=\${p_line#export }
    case $p_line in ''|'#'*) continue ;; *=*) ;; *) continue ;; esac
    p_name=\${p_line%%=*}; p_name=\${p_name%"\${p_name##*[! $p_tab]}"}; p_rest=\${p_line#*=}
    case $p_name in ''|[0-9]*|*[!A-Za-z0-9_]*) continue ;; esac
    p_rest=\${p_rest#"\${p_rest%%[! $p_tab]*}"}
    case $p_rest in
      '"'*) p_rest=\${p_rest#?}; p_env_value ;;
      "'"*) p_rest=\${p_rest#?}; p_v=
        while :; do
          case $p_rest in *"'"*) p_v=$p_v\${p_rest%%"'"*}; break ;; esac
          p_v=$p_v$p_rest; if IFS= read -r p_rest; then p_v=$p_v$p_nl; else break; fi
        done ;;
      '#'*) p_v= ;;
      *) p_v=\${p_rest%%[ $p_tab]#*}; p_v=\${p_v%"\${p_v##*[! $p_tab]}"} ;;
    esac
    export "$p_name=$p_v"
  done <"$1"
}
p_tab=$(printf '\\t'); p_cr=$(printf '\\r')
`;

/** `./serve` and `bin/serve` lie in the folder; a bare name too when a program of that name does, else PATH has it. */
function programWords(wish: LauncherWish): Command {
  const [program = '', ...rest] = wish.command;
  if (program.startsWith('/')) return sh`set -- ${wish.command}\n`;
  const own = `${wish.folder}/${program.replace(/^(\.\/+)+/, '')}`;
  if (program.includes('/')) return sh`set -- ${[own, ...rest]}\n`;
  return sh`if [ -f ${own} ] && [ -x ${own} ]; then set -- ${[own, ...rest]}; else set -- ${wish.command}; fi\n`;
}

/**
 * `run`: becomes the program. `run setup`: makes the Python environment anew where there is one to make, and fails when
 * the program is not there. `run mend`: the same, but leaves an environment that works as it is.
 */
export function launcherText(wish: LauncherWish): string {
  const env = Object.entries(wish.env).map(([name, value]) => sh`export ${name}=${value}\n`);
  const files = wish.envFiles.map(file => sh`p_env_file ${file}\n`);
  const python = wish.python === undefined ? sh`` : pythonWords(wish.folder, wish.python.unlocked);
  const spread = (commands: readonly Command[]): Command => ({ words: commands.flatMap(command => command.words) });
  return renderBody(sh`#!/bin/sh
# Written by Portoser from registry.yml; what is edited here is undone.
p_mode=\${1:-run}
cd ${wish.folder} || exit 66
if [ ! -w "\${HOME:-/nowhere}" ]; then p_home=$(getent passwd "$(id -un)" 2>/dev/null | cut -d: -f6); if [ -n "$p_home" ]; then HOME=$p_home; export HOME; fi; fi
PATH="$PATH:${{ words: [{ kind: 'syntax', text: extraPath }] }}"; export PATH
${files.length === 0 ? sh`` : envFileReader}${spread(files)}${spread(env)}${programWords(wish)}${python}if [ "$p_mode" != run ]; then
  if ! command -v "$1" >/dev/null 2>&1; then echo "portoser: program-missing $1" >&2; exit 127; fi
  exit 0
fi
exec "$@"
`);
}
