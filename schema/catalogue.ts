// What one entry of the error catalogue says, and the entries about machines and what runs there.

/** `never`: trying again cannot help. `backoff`: the cause may pass by itself. `human`: a person must change something first. */
export type Retry = 'never' | 'backoff' | 'human';

export interface CatalogueEntry {
  readonly title: string;
  readonly retry: Retry;
  /** HTTP status that the API answers with. */
  readonly status: number;
  /** What to do, in one sentence. */
  readonly hint: string;
}

export function entry(title: string, retry: Retry, status: number, hint: string): CatalogueEntry {
  return { title, retry, status, hint };
}

export const machineErrors = {
  'move-blocked': entry(
    'A service cannot be moved like that',
    'human',
    409,
    'Do what the message names first; nothing was stopped.',
  ),
  'move-failed': entry(
    'A move to another machine failed',
    'human',
    500,
    'It runs where it was; correct the cause, then try again with `portoser deploy`.',
  ),
  'copy-refused': entry(
    'Data cannot be brought to a machine',
    'human',
    409,
    'Make room there, or move away what stands in the way; nothing is ever written over.',
  ),
  'copy-mismatch': entry(
    'Copied data are not the same as before',
    'human',
    500,
    'Look whether something else writes there, then try again with `portoser deploy`.',
  ),
  'ssh-unreachable': entry(
    'The machine cannot be reached',
    'backoff',
    502,
    'Check that it is on, that its address and port are right, and that sshd listens.',
  ),
  'ssh-auth': entry(
    'The machine refused the login',
    'human',
    502,
    'Check the user and ssh_key, and that the key stands in its authorized_keys.',
  ),
  'ssh-key-unusable': entry(
    'The private key cannot be used',
    'human',
    500,
    'Name a readable key with ssh_key (mode 0600); give PORTOSER_SSH_PASSPHRASE for an encrypted one.',
  ),
  'ssh-host-key-unknown': entry(
    'The host key is not known',
    'human',
    502,
    'Compare the fingerprint with the machine, then run `portoser machine trust <machine>`.',
  ),
  'ssh-host-key-changed': entry(
    'The host key has changed',
    'human',
    502,
    'Somebody may be listening in. If the machine was set up anew, pin its new key with `portoser machine trust <machine> --replace`.',
  ),
  'ssh-lost': entry(
    'The connection was lost',
    'backoff',
    502,
    'What was running there is looked for when the machine is back.',
  ),
  'ssh-forward-refused': entry(
    'The machine refuses port forwarding',
    'human',
    502,
    'Allow AllowTcpForwarding in its sshd_config, or install curl or nc there.',
  ),
  'ssh-jump': entry('The way through the jump machine failed', 'backoff', 502, 'Check the machines named in `jump`.'),
  'command-failed': entry('A command failed on the machine', 'backoff', 500, 'The end of its output stands above.'),
  'command-timeout': entry(
    'A command took longer than its time limit',
    'backoff',
    504,
    'It was ended on the machine; look there for what it waited for.',
  ),
  'machine-shell': entry(
    'The machine did not answer as a POSIX shell does',
    'human',
    502,
    'Check that /bin/sh works for this user.',
  ),
  'machine-lock': entry(
    'Another controller is changing this machine',
    'backoff',
    409,
    'Wait for it; a lock without renewal is taken over after 60 s.',
  ),
  'machine-fenced': entry(
    'Another controller took this machine over',
    'never',
    409,
    'This one steps down; the other goes on.',
  ),
  'machine-claimed': entry(
    'The machine belongs to another repository',
    'human',
    409,
    'If this repository shall have it, run `portoser machine claim <machine>`; else give this cluster another name.',
  ),
  'machine-duplicate': entry(
    'One machine stands under two names',
    'human',
    409,
    'Remove one of the two entries from the registry.',
  ),
  'machine-in-registry': entry(
    'The machine is still in the registry',
    'human',
    409,
    'Take it out with `portoser machine remove <machine>` first; with `policy.prune: keep` its services run on.',
  ),
  'machine-platform': entry(
    'The machine is not what the registry says',
    'human',
    409,
    'Correct platform or arch in the registry.',
  ),
  'machine-disk-full': entry('The disk of the machine is full', 'human', 507, 'Free space (or inodes) there.'),
  'machine-state': entry(
    'The state folder on the machine cannot be used',
    'human',
    500,
    'Let the SSH user write it, or allow sudo.',
  ),
  'machine-stamps': entry(
    'Stamps on the machine cannot be read',
    'human',
    409,
    'Use the newest Portoser that worked on it. A stamp that is damaged can be removed by hand: its service then counts as a stranger.',
  ),
  'sudo-refused': entry(
    'The machine does not allow sudo without a password',
    'human',
    403,
    'Allow it for this user (NOPASSWD), or log in as root, or use `scope: user`.',
  ),
  'docker-missing': entry(
    'Docker Compose is not there',
    'human',
    424,
    'Install Docker and the Compose plugin on the machine.',
  ),
  'docker-down': entry('The Docker engine does not answer', 'backoff', 424, 'Start it: `systemctl start docker`.'),
  'docker-refused': entry(
    'The user may not use Docker',
    'human',
    403,
    'Add the SSH user to the group docker, or allow sudo.',
  ),
  'image-missing': entry(
    'The image cannot be had',
    'human',
    424,
    'Check its name and tag, the registry it comes from, and the login of the machine there.',
  ),
  'image-unreachable': entry(
    'The registry of the image does not answer',
    'backoff',
    424,
    "Check the machine's network and DNS; what ran before still runs, and it is tried again.",
  ),
  'compose-invalid': entry(
    'The compose file is not valid',
    'human',
    422,
    'Correct it; `docker compose config` on the machine says the same.',
  ),
  'uv-missing': entry(
    'uv is not there',
    'human',
    424,
    'Install uv on the machine (in PATH, /usr/local/bin or ~/.local/bin).',
  ),
  'uv-failed': entry(
    'uv could not set the app up',
    'human',
    424,
    'The end of its output stands above; check pyproject.toml and uv.lock.',
  ),
  'uv-unreachable': entry(
    'uv cannot fetch what the app needs',
    'backoff',
    424,
    "Check the machine's network and DNS, and that the package index answers; what ran before still runs, and it is tried again.",
  ),
  'service-manager-missing': entry(
    'The machine has no service manager for this',
    'human',
    424,
    'Use `scope: none`, or a machine with systemd or launchd.',
  ),
  'unit-missing': entry(
    'The unit is not there',
    'human',
    424,
    'Install it on the machine, or give `command` to have it written.',
  ),
  'port-taken': entry(
    'The port is taken by a stranger',
    'human',
    409,
    'Stop what listens there, or give the service another port.',
  ),
  stranger: entry(
    'Something of that name is there already, and is not ours',
    'human',
    409,
    'Take it over with `portoser adopt <machine>`, or give the service another name, or remove what stands there.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

/** Returning to an earlier deployment. */
export const rollbackErrors = {
  'rollback-nothing': entry(
    'There is no deployment to return to',
    'human',
    409,
    'See `portoser history list <service>`; edit the registry where none of them will do.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

/** Saving what git does not hold, and bringing it back. */
export const backupErrors = {
  'backup-exists': entry(
    'Something is there already',
    'human',
    409,
    'Nothing was changed. Say --yes to put the new in its place.',
  ),
  'backup-broken': entry(
    'The file is no backup that can be used',
    'human',
    422,
    'Nothing was changed. Take another copy of it, or an older backup.',
  ),
  'backup-passphrase': entry(
    'The backup cannot be decrypted',
    'human',
    422,
    'Nothing was changed. Give the passphrase it was made with: --passphrase-file, or PORTOSER_BACKUP_PASSPHRASE.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

/** The database of history. Nothing else needs it. */
export const storeErrors = {
  'store-none': entry(
    'There is no history here',
    'human',
    404,
    'Start a controller (`portoser run`), which keeps it, or name a PostgreSQL of your own with DATABASE_URL.',
  ),
  'store-away': entry(
    'The database of history does not answer',
    'backoff',
    503,
    'Reconciling goes on without it; what happens meanwhile is caught up when it is back.',
  ),
  'store-start': entry(
    'PostgreSQL could not be started',
    'human',
    500,
    'Its log lies in the state folder, in postgres/log; or name a PostgreSQL of your own with DATABASE_URL.',
  ),
  'store-newer': entry(
    'The database is of a newer version of Portoser',
    'human',
    409,
    'Update this one, or name another database with DATABASE_URL.',
  ),
  'store-changed': entry(
    'The database was not made by this program',
    'human',
    409,
    'A migration there differs from the one here: use the version that made it, or another database.',
  ),
} as const satisfies Record<string, CatalogueEntry>;
