// Python by uv: making an app's environment, and running in it (https://docs.astral.sh/uv/concepts/projects/sync/).
import { type Command, sh } from './command.js';

/** Exit code of a launcher that needs uv and finds none (BSD sysexits EX_UNAVAILABLE). */
export const uvMissingCode = 69;

/**
 * Part of a launcher, in the app's folder, with the app's words as `$@`. Decided there, because files at `path` may be
 * the user's own. `unlocked`: uv.lock is not the repository's, so it follows pyproject.toml. A lock that uv makes where
 * a user has none is taken away again, or it would freeze the next set-up.
 */
export function pythonWords(folder: string, unlocked: boolean): Command {
  const venv = `${folder}/.venv`;
  const sync = unlocked
    ? sh`uv sync`
    : sh`if [ -f uv.lock ]; then uv sync --frozen; else uv sync; p_code=$?; rm -f uv.lock; (exit $p_code); fi`;
  return sh`p_uv() { if ! command -v uv >/dev/null 2>&1; then echo "portoser: uv-missing" >&2; exit ${uvMissingCode}; fi; }
p_works() { [ "$p_mode" = mend ] && .venv/bin/python -c '' 2>/dev/null; }
if [ -f pyproject.toml ]; then
  if [ "$p_mode" != run ]; then p_uv; if ! p_works; then { ${sync}; } || { echo "portoser: uv-failed" >&2; exit 1; }; fi; PATH=${venv}/bin:$PATH; fi
  case \${1##*/} in uv|uvx) ;; *) if [ "$p_mode" = run ]; then p_uv; if [ -f uv.lock ]; then set -- uv run --frozen --no-sync -- "$@"; else set -- uv run --no-sync -- "$@"; fi; fi ;; esac
elif [ -f requirements.txt ]; then
  if [ "$p_mode" != run ] && ! p_works; then
    p_uv
    if ! .venv/bin/python -c '' 2>/dev/null; then rm -rf .venv; uv venv .venv || { echo "portoser: uv-failed" >&2; exit 1; }; fi
    uv pip sync --python .venv/bin/python requirements.txt || { echo "portoser: uv-failed" >&2; exit 1; }
  fi
  VIRTUAL_ENV=${venv}; PATH=${venv}/bin:$PATH; export VIRTUAL_ENV PATH
fi
`;
}
