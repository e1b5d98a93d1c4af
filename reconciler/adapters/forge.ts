// Opens the forge of a repository: which one it is, by its address or by the settings, and where its API begins.
import { AppError } from '../../schema/errors.js';
import type { Forge, ForgeKind } from '../../schema/forge.js';
import { isLoopback } from '../../schema/loopback.js';
import { openGitea } from './forge-gitea.js';
import { openGitHub } from './forge-github.js';
import { openGitLab } from './forge-gitlab.js';
import { openForgeHttp } from './forge-http.js';
import { type GitAddress, parseAddress } from './git-address.js';

export interface ForgeSettings {
  /** The repository's. */
  readonly address: string;
  readonly token: string;
  /** As a person names it; default: by the host of the address. */
  readonly kind?: string | undefined;
  /** Where its pages begin; default: https and that host. */
  readonly url?: string | undefined;
  readonly ca?: string | undefined;
  readonly firstRetryMs?: number | undefined;
}

export interface ForgePlace {
  readonly kind: ForgeKind;
  readonly api: string;
  readonly repository: string;
}

const known: Readonly<Record<string, ForgeKind>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'codeberg.org': 'gitea',
  'gitea.com': 'gitea',
};
const kinds: Readonly<Record<string, ForgeKind>> = {
  github: 'github',
  gitlab: 'gitlab',
  gitea: 'gitea',
  forgejo: 'gitea',
};

const refuse = (message: string, hint: string): AppError => new AppError('settings-invalid', message, { hint });

interface Web {
  readonly host: string;
  /** Where pages begin, without a trailing slash. */
  readonly url: string;
  /** Path of the repository on its host. */
  readonly path: string;
}

function webOf(address: Exclude<GitAddress, { kind: 'local' }>): Web {
  if (address.kind === 'ssh') return { host: address.host, url: `https://${address.host}`, path: address.path };
  const { hostname, origin, pathname } = new URL(address.url);
  return { host: hostname, url: origin, path: decodeURIComponent(pathname) };
}

/** `owner/name`; pages of a forge may begin below its host's root. */
function repositoryOf(path: string, url: string): string {
  const below = new URL(url).pathname.replace(/\/+$/, '');
  const full = path.startsWith('/') ? path : `/${path}`;
  const own = below !== '' && full.startsWith(`${below}/`) ? full.slice(below.length) : full;
  return own.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
}

function apiOf(kind: ForgeKind, url: string): string {
  switch (kind) {
    case 'github':
      return new URL(url).hostname === 'github.com' ? 'https://api.github.com' : `${url}/api/v3`;
    case 'gitlab':
      return `${url}/api/v4`;
    case 'gitea':
      return `${url}/api/v1`;
    default:
      return kind satisfies never;
  }
}

/** Undefined: the repository lies on this machine. Throws `settings-invalid` where a setting is needed that is not there. */
export function forgePlace(settings: Omit<ForgeSettings, 'token'>): ForgePlace | undefined {
  const address = parseAddress(settings.address);
  if (address.kind === 'local') return undefined;
  const web = webOf(address);
  const kind = kinds[settings.kind ?? ''] ?? known[web.host.toLowerCase()];
  if (kind === undefined)
    throw refuse(
      `which forge ${web.host} is cannot be told from its name`,
      'Name it with --forge (PORTOSER_FORGE): github, gitlab, gitea or forgejo; or leave PORTOSER_FORGE_TOKEN out.',
    );
  const url = (settings.url ?? web.url).replace(/\/+$/, '');
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !isLoopback(hostname))
    throw refuse(`${url} is not encrypted, and a token would go there`, 'Use https:// in --forge-url.');
  const repository = repositoryOf(web.path, url);
  if (!repository.includes('/'))
    throw refuse(`${settings.address} names no owner and repository`, 'Check --repo and --forge-url.');
  return { kind, api: apiOf(kind, url), repository };
}

function tokenHeaders(kind: ForgeKind, token: string): Readonly<Record<string, string>> {
  switch (kind) {
    case 'github':
      return {
        authorization: `Bearer ${token}`,
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
      };
    case 'gitlab':
      return { 'private-token': token };
    case 'gitea':
      return { authorization: `token ${token}` };
    default:
      return kind satisfies never;
  }
}

const open = { github: openGitHub, gitlab: openGitLab, gitea: openGitea };

/** Asks nothing yet. Throws as `forgePlace` does. */
export async function openForge(settings: ForgeSettings): Promise<Forge | undefined> {
  const place = forgePlace(settings);
  if (place === undefined) return undefined;
  const { kind, api, repository } = place;
  const headers = tokenHeaders(kind, settings.token.trim());
  const http = await openForgeHttp({ api, headers, ca: settings.ca, firstRetryMs: settings.firstRetryMs });
  return open[kind](http, repository);
}
