// The only place that builds things: settings, then the adapters that are needed, then the engine; and their orderly end.
import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import type { TokenBook } from '../schema/access.js';
import { AppError } from '../schema/errors.js';
import { secretsOfSettings } from '../schema/known-secrets.js';
import { createRedactor, type Redactor } from '../schema/redact.js';
import type { Flags, Settings } from '../schema/settings.js';
import type { DemoAsk } from './demo/demo.js';
import { type Actor, createEngine, type Engine, type World } from './engine.js';
import { locate } from './locate.js';
import { audited, type AuditPorts } from './loop/audited.js';
import { openForgeOf, openSource } from './open-source.js';
import type { Log, Replicas, Schedule } from './ports.js';
import type { BackedUp, BackupAsk } from './adapters/backup.js';
import { configFilePath, type Environment, resolveSettings, stateFolder } from './settings.js';

export interface EngineAsk {
  readonly flags: Flags;
  readonly env: Environment;
  readonly cwd: string;
  readonly uid: number | undefined;
  /** The controller writes a log; a command only when PORTOSER_LOG asks for it. */
  readonly logs: boolean;
  /** Learns what is secret; default: one of its own. */
  readonly redactor?: Redactor;
}

type Opened = World & { readonly close: () => Promise<void> };

/** Opens nothing yet: the first operation that needs the world does. Throws `settings-invalid`. */
export function openEngine(ask: EngineAsk): Engine & { readonly settings: Settings } {
  const settings = resolveSettings(ask);
  const { redactor = createRedactor() } = ask;
  redactor.learn(secretsOfSettings(settings));
  let close = async (): Promise<void> => undefined;
  const open = async (): Promise<World> => {
    const opened = await openWorld(settings, ask, redactor);
    close = opened.close;
    return opened;
  };
  return { ...createEngine({ settings, open, close: () => close(), redactor }), settings };
}

/** Builds a world of its own, and takes it away again. Answers the exit code. */
export async function runDemo(ask: DemoAsk): Promise<number> {
  const demo = await import('./demo/demo.js');
  return await demo.runDemo(ask);
}

/** What both ways of a backup ask for; relative paths count from the current folder. */
interface BackupWish {
  readonly ask: Pick<EngineAsk, 'env' | 'cwd'>;
  readonly settings: Settings;
  readonly actor: Actor;
  readonly file: string;
  readonly passphrase?: string;
  readonly yes: boolean;
}

export type { BackedUp } from './adapters/backup.js';

/** What needs no repository, and is no operation for that, is told to the audit log all the same. */
async function aside<T>(settings: Settings, actor: Actor, what: string, input: object, work: () => Promise<T>) {
  const { openAudit } = await import('./adapters/audit-file.js');
  const redactor = createRedactor();
  redactor.learn(secretsOfSettings(settings));
  const ports: AuditPorts = {
    audit: openAudit(stateFolder(settings)),
    redactor,
    clock: { now: Date.now },
    log: silent,
  };
  const { name, by, from = 'here' } = actor;
  return await audited(ports, { who: { name, by }, from, what, input, anyway: by === 'loop' }, work);
}

async function backupAsk({ ask, settings, file, yes, ...more }: BackupWish): Promise<BackupAsk> {
  refuseServer(settings);
  const { openStateDir } = await import('./adapters/state-dir.js');
  const url = settings.databaseUrl.value;
  const passphrase = more.passphrase ?? settings.backupPassphrase.value;
  return {
    file: resolve(ask.cwd, file),
    state: openStateDir(stateFolder(settings)),
    configFile: configFilePath(ask.env),
    yes,
    now: Date.now,
    ...(url === undefined ? {} : { url }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** Neither needs a repository: after a loss there may be none yet. */
export async function runBackup(wish: BackupWish): Promise<BackedUp> {
  const { saveBackup } = await import('./adapters/backup.js');
  const { settings, actor, file } = wish;
  const ask = await backupAsk(wish);
  return await aside(settings, actor, 'backup', { file }, () => saveBackup(ask));
}

export async function runRestore(wish: BackupWish): Promise<BackedUp> {
  const { restoreBackup } = await import('./adapters/backup.js');
  const { settings, actor, file, yes } = wish;
  const ask = await backupAsk(wish);
  return await aside(settings, actor, 'restore', { file, yes }, () => restoreBackup(ask));
}

const controller: Actor = { name: 'portoser', by: 'loop' };

/**
 * Tokens are made where the controller keeps its files: by who may read these. Throws `usage` where a controller elsewhere is
 * named, and `audit-unwritable` for what a person asks when nobody could tell later who did it.
 */
export async function openTokens(settings: Settings, actor: Actor = controller): Promise<TokenBook> {
  refuseServer(settings);
  const { openTokenBook } = await import('./adapters/tokens.js');
  const book = openTokenBook(stateFolder(settings), Date.now);
  return {
    ...book,
    create: wish => aside(settings, actor, 'token.create', wish, () => book.create(wish)),
    revoke: idOrName => aside(settings, actor, 'token.revoke', { which: idOrName }, () => book.revoke(idOrName)),
    createFirst: async () =>
      (await book.hadOne())
        ? undefined
        : await aside(settings, actor, 'token.create', { name: 'first-admin' }, () => book.createFirst()),
  };
}

function refuseServer(settings: Settings): void {
  if (settings.server.value !== undefined) {
    throw new AppError(
      'usage',
      `this works on the state folder here, and ${settings.server.where} names a controller`,
      {
        hint: `Leave ${settings.server.where} out, where the controller keeps its files.`,
      },
    );
  }
}

async function openWorld(settings: Settings, ask: EngineAsk, redactor: Redactor): Promise<Opened> {
  const place = locate(settings, ask.cwd);
  const log = await openLogFor(ask, redactor);
  const [{ source, scope }, openNotes, shell, lists, schedule, clock, crash, { openLazyStore }, { openPost }] =
    await Promise.all([
      openSource(place, settings, log),
      loadNotes(),
      openMachines(settings),
      loadLists(),
      lazySchedule(log),
      import('./adapters/clock.js'),
      crashPoints(ask.env),
      import('./adapters/store-lazy.js'),
      import('./adapters/post.js'),
    ]);
  const notes = openNotes(stateFolder(settings), scope);
  const common = {
    ...notes,
    clock: clock.systemClock,
    log,
    redactor,
    newId: () => createHash('sha256').update(globalThis.crypto.randomUUID()).digest('hex').slice(0, 32),
    ...crash,
  };
  const { value: url } = settings.databaseUrl;
  const store = openLazyStore({ ...common, ...(url === undefined ? {} : { url }) });
  const forge = await openForgeOf(source, settings);
  const replicas = await openReplicas(settings, scope, common);
  const post = openPost({ env: ask.env, folder: join(dirname(configFilePath(ask.env)), 'notify') });
  const ports = { source, ...shell, ...common, ...forge, schedule, store, post, replicas };
  const close = async (): Promise<void> => {
    await store.close();
    await shell.shell.close();
    await forge.forge?.close();
    await replicas.close();
    await source.git?.close();
    await notes.journal.close();
  };
  return { ports, lists, close };
}

/** Only a Redis of one's own is shared with others; nothing is loaded for it where none is named. */
async function openReplicas(
  settings: Settings,
  scope: string,
  parts: Pick<World['ports'], 'clock' | 'log' | 'newId'>,
): Promise<Replicas> {
  const url = settings.redisUrl.value;
  if (url === undefined) return (await import('./adapters/replicas-here.js')).openReplicasHere(parts.clock);
  return (await import('./adapters/replicas-redis.js')).openRedisReplicas({ ...parts, url, scope });
}

/** What the controller keeps on its own disk. */
async function loadNotes() {
  const [{ openStateDir }, { openJournal }, { openAudit }] = await Promise.all([
    import('./adapters/state-dir.js'),
    import('./adapters/journal-file.js'),
    import('./adapters/audit-file.js'),
  ]);
  return (folder: string, scope: string): Pick<World['ports'], 'state' | 'journal' | 'audit'> => {
    const state = openStateDir(folder, scope);
    return { state, journal: openJournal(join(folder, scope), state), audit: openAudit(folder) };
  };
}

/** Only the environment arms them, for tests: no file, no registry, no flag. */
async function crashPoints(env: Environment): Promise<Pick<World['ports'], 'crashPoint'>> {
  const wish = env.PORTOSER_CRASH_AT;
  if (!wish) return {};
  return { crashPoint: (await import('./adapters/crash-points.js')).armCrashPoints(wish) };
}

async function loadLists(): Promise<World['lists']> {
  const [{ drivers }, { checks }] = await Promise.all([import('./drivers/index.js'), import('./checks/index.js')]);
  return { drivers, checks };
}

const silent: Log = { child: () => silent, debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {
  // A command tells by its output what happened.
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

async function openLogFor(ask: EngineAsk, redactor: Redactor): Promise<Log> {
  const written = ask.env.PORTOSER_LOG;
  if (!ask.logs && !written) return silent;
  const level = levels.find(one => one === (written || 'info'));
  if (level === undefined)
    throw new AppError('settings-invalid', `PORTOSER_LOG is ${written}, which is none of ${levels.join(', ')}`);
  const { openLog } = await import('./adapters/log.js');
  return openLog({ level, format: ask.env.PORTOSER_LOG_FORMAT === 'json' ? 'json' : 'plain', redactor });
}

/** Only a controller waits for a time of day; all others are spared the loading. */
async function lazySchedule(log: Log): Promise<Schedule> {
  if (log === silent) return { every: () => nothing };
  return (await import('./adapters/schedule.js')).createSchedule(log);
}

async function openMachines(settings: Settings): Promise<Pick<World['ports'], 'shell' | 'tunnel'>> {
  const [{ openShell }, { openTunnel }] = await Promise.all([
    import('./adapters/shell.js'),
    import('./adapters/tunnel.js'),
  ]);
  const { knownHosts, sshPassphrase } = settings;
  const shell = openShell({
    ...(knownHosts.value === undefined ? {} : { knownHostsFiles: [knownHosts.value] }),
    ...(sshPassphrase.value === undefined ? {} : { passphrase: sshPassphrase.value }),
  });
  return { shell, tunnel: openTunnel(shell) };
}
