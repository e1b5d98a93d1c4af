// Words that read one file of a machine, as base64, so that every byte arrives.
import { type Command, sh } from './command.js';
import { prelude, type PreludeSettings } from './prelude.js';

/** Fails where it cannot be read, also by root. */
export function readFileCommand(settings: PreludeSettings, path: string): Command {
  return sh`${prelude(settings)}if [ -r ${path} ]; then p_read=; else p_read=p_root; fi
if ! $p_read test -f ${path}; then echo 'it is no file that can be read' >&2; exit 1; fi
if command -v base64 >/dev/null 2>&1; then $p_read cat ${path} | base64; else $p_read cat ${path} | openssl base64; fi`;
}
