// The settings of a controller or command: names, where each may be written, and what is secret. Never part of the repository.

interface SettingEntry {
  /** Name as a flag (`--repo`) and in config.yml; absent: environment only. */
  readonly key?: string;
  readonly env: string;
  /** `content`: its `…_FILE` names a file with the value. `path`: the value is itself a file or its text, so `…_FILE` is that file. */
  readonly fileVariant?: 'content' | 'path';
  readonly secret?: true;
  /** Several, between commas or on lines of their own. */
  readonly list?: true;
  /** Set and empty is not the same as not set: who uses it says what is wrong with that. */
  readonly emptyCounts?: true;
  /** What stands for the value in help. */
  readonly placeholder: string;
  readonly summary: string;
}

export const settingEntries = {
  repo: {
    key: 'repo',
    env: 'PORTOSER_REPO',
    placeholder: 'url|folder',
    summary: "repository that holds the registry (default: the current folder's)",
  },
  branch: { key: 'branch', env: 'PORTOSER_BRANCH', placeholder: 'name', summary: "branch (default: the remote's)" },
  path: {
    key: 'path',
    env: 'REGISTRY_FILE',
    placeholder: 'file',
    summary: 'path of the registry (default: registry.yml)',
  },
  listen: {
    key: 'listen',
    env: 'PORTOSER_LISTEN',
    placeholder: 'address',
    summary: 'where the controller listens, or off',
  },
  stateDir: {
    key: 'state-dir',
    env: 'PORTOSER_STATE_DIR',
    placeholder: 'folder',
    summary: 'folder for clones and notes',
  },
  server: { key: 'server', env: 'PORTOSER_SERVER', placeholder: 'url', summary: 'running controller to talk to' },
  token: {
    key: 'token',
    env: 'PORTOSER_TOKEN',
    fileVariant: 'content',
    secret: true,
    placeholder: 'token',
    summary: 'API token for it',
  },
  insecureHttp: {
    key: 'insecure-http',
    env: 'PORTOSER_INSECURE_HTTP',
    placeholder: 'host',
    summary: 'host that the token may go to by http://, on a network that you trust',
  },
  gitToken: {
    env: 'PORTOSER_GIT_TOKEN',
    fileVariant: 'content',
    secret: true,
    placeholder: 'token',
    summary: 'token for https repositories',
  },
  gitSshKey: {
    env: 'PORTOSER_GIT_SSH_KEY',
    fileVariant: 'path',
    secret: true,
    placeholder: 'key|file',
    summary: 'deploy key for ssh repositories',
  },
  gitCa: {
    env: 'PORTOSER_GIT_CA',
    fileVariant: 'path',
    placeholder: 'pem|file',
    summary: 'certificates that https repositories may be signed by',
  },
  gitTokenWrite: {
    env: 'PORTOSER_GIT_TOKEN_WRITE',
    fileVariant: 'content',
    secret: true,
    placeholder: 'token',
    summary: 'token for pushing, when it differs',
  },
  gitSshKeyWrite: {
    env: 'PORTOSER_GIT_SSH_KEY_WRITE',
    fileVariant: 'path',
    secret: true,
    placeholder: 'key|file',
    summary: 'deploy key for pushing, when it differs',
  },
  gitCaWrite: {
    env: 'PORTOSER_GIT_CA_WRITE',
    fileVariant: 'path',
    placeholder: 'pem|file',
    summary: 'certificates for pushing, when they differ',
  },
  forge: {
    key: 'forge',
    env: 'PORTOSER_FORGE',
    placeholder: 'github|gitlab|gitea',
    summary: 'forge of the repository, where its address does not tell',
  },
  forgeUrl: {
    key: 'forge-url',
    env: 'PORTOSER_FORGE_URL',
    placeholder: 'url',
    summary: "address of the forge (default: https:// and the repository's host)",
  },
  forgeToken: {
    env: 'PORTOSER_FORGE_TOKEN',
    fileVariant: 'content',
    secret: true,
    placeholder: 'token',
    summary: 'lets plans of pull requests be told on the forge',
  },
  knownHosts: {
    env: 'PORTOSER_KNOWN_HOSTS',
    fileVariant: 'path',
    placeholder: 'file',
    summary: "known_hosts to go by (default: the user's and the system's)",
  },
  sshPassphrase: {
    env: 'PORTOSER_SSH_PASSPHRASE',
    fileVariant: 'content',
    secret: true,
    placeholder: 'passphrase',
    summary: 'opens encrypted SSH keys',
  },
  webhookSecret: {
    env: 'PORTOSER_WEBHOOK_SECRET',
    fileVariant: 'content',
    secret: true,
    list: true,
    emptyCounts: true,
    placeholder: 'secret,…',
    summary: 'webhooks are signed with one of these, 16 characters or more each',
  },
  backupPassphrase: {
    env: 'PORTOSER_BACKUP_PASSPHRASE',
    fileVariant: 'content',
    secret: true,
    placeholder: 'passphrase',
    summary: 'encrypts backups, and opens encrypted ones',
  },
  databaseUrl: {
    env: 'DATABASE_URL',
    fileVariant: 'content',
    secret: true,
    placeholder: 'url',
    summary: 'PostgreSQL of your own',
  },
  redisUrl: {
    env: 'REDIS_URL',
    fileVariant: 'content',
    secret: true,
    placeholder: 'url',
    summary: 'Redis that several controllers share measurements and events by',
  },
} as const satisfies Record<string, SettingEntry>;

export type SettingName = keyof typeof settingEntries;
export const settingNames = Object.keys(settingEntries) as readonly SettingName[];

/** The same entry with all its optional members visible. */
export function settingEntry(name: SettingName): SettingEntry {
  return settingEntries[name];
}

/** One setting after asking flag, environment, file and default in this order. */
export interface Setting {
  /** Absent: set nowhere, and there is no default. */
  readonly value?: string;
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  /** The source by name: `--repo`, `PORTOSER_REPO`, `config.yml:3`, `default`. */
  readonly where: string;
}

export type Settings = Readonly<Record<SettingName, Setting>>;

/** What a person wrote on the command line, by setting. */
export type Flags = Readonly<Partial<Record<SettingName, string>>>;
