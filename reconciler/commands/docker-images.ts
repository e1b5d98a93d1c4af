// Words for images: they are there and fit before anything starts; those of healthy revisions are kept under names of ours.
import { type Command, lines, sh, type Word } from './command.js';
import { alone } from './docker.js';

/** What our words say of an image that another kind of machine is meant to run; `docker-explain` knows them. */
export const foreignImage = 'is made for another kind of machine';

/**
 * Has images there before anything is stopped for them, and refuses those that this machine could only start to see them end
 * (`exec format error`). Docker pulls what an image has for this machine, or else whatever it has. A 64 bit kernel runs
 * programs of its 32 bit family; whatever is registered with binfmt_misc may run the others, and so may Docker's own
 * machine on macOS: there nothing is refused.
 */
export function haveImages(
  images: readonly string[],
  pullNever: boolean,
  emulators = '/proc/sys/fs/binfmt_misc',
): Command {
  const missing = pullNever ? sh`continue` : sh`p_docker pull -q "$p_a" >/dev/null || p_why $?`;
  return alone([
    sh`p_there() { p_b=$(p_docker image inspect --format '{{.Architecture}}' "$1" 2>/dev/null); }
p_emulates() {
  for p_c in ${emulators}/*; do
    case \${p_c##*/} in register|status|python*|'*') ;; *) return 0 ;; esac
  done
  return 1
}
p_fits() {
  if [ -z "$p_b" ]; then p_there "$1" || return 0; fi
  case $(uname -s).$(uname -m).$p_b in
    Linux.x86_64.arm*|Linux.aarch64.amd64|Linux.aarch64.386|Linux.armv*.amd64|Linux.armv*.386) p_emulates && return 0 ;;
    *) return 0 ;;
  esac
  echo "portoser: the image $1 "${foreignImage}": $p_b, and this one is $(uname -m)" >&2
  return 1
}
for p_a in ${images}; do
  p_there "$p_a" || ${missing}
  p_fits "$p_a" || exit 1
done`,
  ]);
}

/** A service whose stamp was just written (or taken away), with the names that its images shall have. */
export interface KeptImages {
  readonly service: string;
  readonly tags: readonly { readonly name: string; readonly id: string }[];
}

/** Seconds for one call of the engine, which has just been spoken to. */
const patience = 10;

/** Of ours alone, so that it may stand in a pattern. */
function plain(service: string): Word {
  if (!/^[a-z0-9-]+$/.test(service)) throw new TypeError(`not a service name: ${service}`);
  return { kind: 'syntax', text: service };
}

/**
 * Names whose fingerprint no stamp of that service names, in any cluster that has its state beside ours. Docker removes an
 * image with its last name: each is first given to the image that runs, which has another one. Of a service that is gone
 * the images may go too.
 */
function letGo({ service, tags }: KeptImages): Command {
  const name = plain(service);
  const [runs] = tags;
  const away = runs === undefined ? sh`p_image rm "$p_a"` : sh`p_image tag ${runs.id} "$p_a" && p_image rm "$p_a"`;
  return sh`p_kept=" $(sed -n -e 's/^fingerprint //p' -e 's/^healthy \\([0-9a-f]*\\) .*/\\1/p' "$p_state"/../*/stamps/${name} 2>/dev/null | tr '\\n' ' ')"
for p_a in $(printf '%s\\n' "$p_images" | sed -n 's/^\\(portoser\\/${name}:[^ ]*\\) .*/\\1/p'); do
  p_b=\${p_a#*:}; case $p_kept in *" \${p_b%%-*} "*) ;; *) ${away} ;; esac
done`;
}

/**
 * Only names are made and taken away. Nothing depends on it: it prints nothing, and ends well whatever the engine says.
 * After the prelude, where `$p_state` is known.
 */
export function keepImages(kept: readonly KeptImages[]): Command {
  if (kept.length === 0) return sh`:`;
  const tags = kept.flatMap(one => one.tags.map(({ id, name }) => sh`p_tag ${id} ${name}`));
  return sh`(
p_limit=; if command -v timeout >/dev/null 2>&1; then p_limit='timeout '${patience}; fi
p_image() { p_engine $p_limit docker image "$@"; }
p_images=$(p_image ls --no-trunc --filter 'reference=portoser/*' --format '{{.Repository}}:{{.Tag}} {{.ID}}') || exit 0
p_tag() { case "
$p_images
" in *"
$2 $1
"*) ;; *) p_image tag "$1" "$2" ;; esac; }
${lines([...tags, ...kept.map(letGo)])}) >/dev/null 2>&1 </dev/null`;
}
