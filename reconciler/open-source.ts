// Opens what a registry comes from, with the credentials that the settings name: a repository, a work tree or a plain folder; and its forge.
import { join } from 'node:path';
import type { Settings } from '../schema/settings.js';
import type { Place } from './locate.js';
import type { Log, Ports, Source } from './ports.js';
import { stateFolder } from './settings.js';

export interface OpenSource {
  readonly source: Source;
  /** Where the notes on this repository lie in the state folder. */
  readonly scope: string;
}

export async function openSource(place: Place, settings: Settings, log: Log): Promise<OpenSource> {
  if (place.kind === 'file') {
    const { openPlainFolder } = await import('./adapters/plain-folder.js');
    const { scopeOf } = await import('./adapters/state-dir.js');
    return {
      source: { workTree: await openPlainFolder(place.folder), path: place.path },
      scope: scopeOf(place.folder, place.path),
    };
  }
  const [{ openGitRepo }, { scopeOf }] = await Promise.all([
    import('./adapters/git.js'),
    import('./adapters/state-dir.js'),
  ]);
  const git = await openGitRepo({
    address: place.kind === 'named' ? place.address : place.root,
    branch: settings.branch.value,
    stateDir: join(stateFolder(settings), 'git'),
    credentials: credentialsOf(settings),
    log,
  });
  const scope = scopeOf(git.address, git.branch);
  if (place.kind === 'named') return { source: { git, path: place.path }, scope };
  const { openWorkTree } = await import('./adapters/work-tree.js');
  const tree = await openWorkTree(place.root);
  // The repository of a work tree writes its commits through that work tree, as its person.
  const workTree = { folder: place.root, files: async () => tree, commit: git.commit.bind(git) };
  return { source: { git, workTree, path: place.path }, scope };
}

/** Only a token says that there is something to be told there. Throws `settings-invalid`. */
export async function openForgeOf({ git }: Source, settings: Settings): Promise<Pick<Ports, 'forge'>> {
  const { forgeToken, forge: kind, forgeUrl, gitCa } = settings;
  if (git === undefined || forgeToken.value === undefined) return {};
  const { openForge } = await import('./adapters/forge.js');
  const token = forgeToken.value;
  const forge = await openForge({
    address: git.address,
    token,
    kind: kind.value,
    url: forgeUrl.value,
    ca: gitCa.value,
  });
  return forge === undefined ? {} : { forge };
}

/** A key is a path, or the text of the key itself. */
function keyOf(value: string | undefined): { readonly sshKey?: string; readonly sshKeyPath?: string } {
  if (value === undefined) return {};
  return value.includes('PRIVATE KEY') ? { sshKey: value } : { sshKeyPath: value };
}

function credentialsOf(settings: Settings) {
  const common = {
    sshPassphrase: settings.sshPassphrase.value,
    knownHostsFiles: settings.knownHosts.value === undefined ? undefined : [settings.knownHosts.value],
  };
  const read = {
    token: settings.gitToken.value,
    ca: settings.gitCa.value,
    ...keyOf(settings.gitSshKey.value),
    ...common,
  };
  const own = {
    token: settings.gitTokenWrite.value,
    ca: settings.gitCaWrite.value,
    ...keyOf(settings.gitSshKeyWrite.value),
  };
  const differs = Object.values(own).some(value => value !== undefined);
  return differs ? { ...read, write: { ...own, ca: own.ca ?? read.ca, ...common } } : read;
}
