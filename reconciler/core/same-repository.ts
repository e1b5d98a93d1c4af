// Whether two addresses may be of one repository, however each is written. Loose on purpose: a wrong yes costs one look at the remote.

interface Named {
  /** A folder of this machine: what stands above the repository says nothing to others. */
  readonly local: boolean;
  readonly parts: readonly string[];
}

/** `https://host:port/a/b.git`, `ssh://user@host/a/b`, `user@host:a/b.git`, `/srv/a/b`, `a/b`; hosts are left out, since one forge has several. */
function nameOf(address: string): Named {
  const [text = ''] = address.trim().split(/[?#]/);
  const [, scheme, afterHost] = /^([a-z][a-z0-9+.-]*):\/\/[^/]*(.*)$/i.exec(text) ?? [];
  const [, scpPath] = scheme === undefined ? (/^(?:[^/@:]+@)?(?:\[[^\]]*\]|[^/@:[\]]+):(.+)$/.exec(text) ?? []) : [];
  const path = (afterHost ?? scpPath ?? text).replace(/\/+$/, '').replace(/\.git$/i, '');
  return {
    local: scheme?.toLowerCase() === 'file' || (scheme === undefined && scpPath === undefined && text.startsWith('/')),
    parts: path.toLowerCase().split('/').filter(Boolean),
  };
}

function mayBeOne(ours: Named, theirs: Named): boolean {
  const shorter = Math.min(ours.parts.length, theirs.parts.length);
  const compared = ours.local || shorter < 2 ? 1 : 2;
  const end = (named: Named): string => named.parts.slice(-compared).join('/');
  return shorter > 0 && end(ours) === end(theirs);
}

/** `names`: addresses, or `owner/name`. By owner and name; by the name alone for a folder of this machine. */
export function mayBeRepository(address: string, names: readonly string[]): boolean {
  const ours = nameOf(address);
  return names.some(name => mayBeOne(ours, nameOf(name)));
}
