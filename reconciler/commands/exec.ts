// Words that run a person's own program where a placement lives: in its folder, or in its container.
import { type Command, sh, text } from './command.js';
import { prelude, type PreludeSettings } from './prelude.js';

export interface FolderCall {
  readonly settings: PreludeSettings;
  /** Absent: the login's home folder. */
  readonly path?: string;
  /** Absent: the SSH user. */
  readonly user?: string;
  readonly words: readonly string[];
}

/** The program gets its words as they are; no shell reads them. */
export function execInFolder({ settings, path, user, words }: FolderCall): Command {
  const place = path === undefined ? sh`` : sh`cd ${path} || exit 1\n`;
  const who = user === undefined ? sh`` : sh`p_as ${user} `;
  return sh`${prelude(settings)}${place}${who}${words.map(text)}`;
}

export interface ContainerCall {
  readonly settings: PreludeSettings;
  readonly project: string;
  /** The inner service that is meant where there are several. */
  readonly inner: string;
  readonly words: readonly string[];
}

/** EX_UNAVAILABLE of BSD sysexits: no container of the project runs. */
export const noContainerCode = 69;

/** In the running container of the inner service, else in the first of the project. */
export function execInContainer({ settings, project, inner, words }: ContainerCall): Command {
  const ofProject = `label=com.docker.compose.project=${project}`;
  const ofInner = `label=com.docker.compose.service=${inner}`;
  return sh`${prelude(settings)}p_id=$(p_docker ps -q --no-trunc --filter ${ofProject} --filter ${ofInner}) || exit ${noContainerCode}
if [ -z "$p_id" ]; then p_id=$(p_docker ps -q --no-trunc --filter ${ofProject}) || exit ${noContainerCode}; fi
set -- $p_id
if [ -z "$1" ]; then echo 'portoser: none of its containers runs' >&2; exit ${noContainerCode}; fi
p_docker exec "$1" ${words.map(text)}`;
}
