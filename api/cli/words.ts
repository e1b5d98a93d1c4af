// The table of all commands: their words, what they are for, and the file that does it. Nothing is loaded by reading it.
import type { AnyCommand } from './command.js';

export interface Word {
  /** `machine add`. */
  readonly words: string;
  readonly summary: string;
  /** Absent: not supported yet. */
  readonly load?: () => Promise<AnyCommand>;
}

const now = (words: string, summary: string, load: () => Promise<AnyCommand>): Word => ({ words, summary, load });
const later = (words: string, summary: string): Word => ({ words, summary });

// prettier-ignore
export const words: readonly Word[] = [
  now('init', 'write a first registry.yml', async () => (await import('./commands/init.js')).init),
  now('demo', 'try it out: a small cluster in this process', async () => (await import('./commands/demo.js')).demo),
  now('run', 'keep the machines as the repository says (--once: one pass)', async () => (await import('./commands/run.js')).run),
  now('plan', 'what would be changed, and why; only reads', async () => (await import('./commands/plan.js')).plan),
  now('deploy', 'apply what the registry says, now', async () => (await import('./commands/deploy.js')).deploy),
  now('status', 'is git what runs, and is everything healthy', async () => (await import('./commands/status.js')).status),
  now('observe', 'what is seen of a service now', async () => (await import('./commands/observe.js')).observe),
  now('why', 'why a service is as it is, back to the lines and commits', async () => (await import('./commands/why.js')).why),
  now('logs', 'the log of a service', async () => (await import('./commands/logs.js')).logs),
  now('exec', 'run a program where a service lives', async () => (await import('./commands/exec.js')).exec),
  now('approve', 'approve a plan that is held', async () => (await import('./commands/approve.js')).approve),
  now('clear', 'try a revision again that failed', async () => (await import('./commands/clear.js')).clear),
  now('suspend', 'take the hands off services or machines', async () => (await import('./commands/suspend.js')).suspend),
  now('resume', 'put the hands on again', async () => (await import('./commands/resume.js')).resume),
  now('registry validate', 'what is wrong with the registry', async () => (await import('./commands/registry-validate.js')).registryValidate),
  now('registry check-conflicts', 'ports, names and folders that two services claim', async () => (await import('./commands/registry-check-conflicts.js')).registryCheckConflicts),
  now('registry reload', 'fetch and check the newest commit now', async () => (await import('./commands/registry-reload.js')).registryReload),
  now('registry schema', 'the JSON Schema of the registry, for editors', async () => (await import('./commands/registry-schema.js')).registrySchema),
  now('registry format', 'rewrite the registry in one even style', async () => (await import('./commands/registry-format.js')).registryFormat),
  now('machine add', 'add a machine to the registry', async () => (await import('./commands/machine-add.js')).machineAdd),
  now('machine update', 'change a machine', async () => (await import('./commands/machine-update.js')).machineUpdate),
  now('machine remove', 'take a machine out of the registry', async () => (await import('./commands/machine-remove.js')).machineRemove),
  now('machine list', 'the machines of the registry', async () => (await import('./commands/machine-list.js')).machineList),
  now('machine show', 'one machine', async () => (await import('./commands/machine-show.js')).machineShow),
  now('machine trust', 'pin the host key of a machine', async () => (await import('./commands/machine-trust.js')).machineTrust),
  now('machine claim', 'take a machine over from another repository', async () => (await import('./commands/machine-claim.js')).machineClaim),
  now('machine forget', 'remove our traces from a machine that left', async () => (await import('./commands/machine-forget.js')).machineForget),
  now('machine doctor', 'check machines for what is placed on them', async () => (await import('./commands/machine-doctor.js')).machineDoctor),
  now('service add', 'add a service to the registry', async () => (await import('./commands/service-add.js')).serviceAdd),
  now('service update', 'change a service', async () => (await import('./commands/service-update.js')).serviceUpdate),
  now('service remove', 'take a service out of the registry', async () => (await import('./commands/service-remove.js')).serviceRemove),
  now('service list', 'the services of the registry', async () => (await import('./commands/service-list.js')).serviceList),
  now('service show', 'one service', async () => (await import('./commands/service-show.js')).serviceShow),
  now('service move', 'move a service to another machine', async () => (await import('./commands/service-move.js')).serviceMove),
  now('adopt', 'take over what already runs on a machine', async () => (await import('./commands/adopt.js')).adopt),
  now('import', 'take over a registry of the older form', async () => (await import('./commands/import.js')).importRegistry),
  now('deps graph', 'services with what they depend on', async () => (await import('./commands/deps-graph.js')).depsGraph),
  now('deps order', 'in what order services start', async () => (await import('./commands/deps-order.js')).depsOrder),
  now('deps impact', 'what hangs on a service', async () => (await import('./commands/deps-impact.js')).depsImpact),
  now('history list', 'what was deployed, newest first', async () => (await import('./commands/history-list.js')).historyList),
  now('history show', 'one deployment: why, by whom, how it ended', async () => (await import('./commands/history-show.js')).historyShow),
  now('history diff', 'what a deployment changed', async () => (await import('./commands/history-diff.js')).historyDiff),
  now('history rollback', 'return a service to what an earlier deployment left', async () => (await import('./commands/history-rollback.js')).historyRollback),
  now('events', 'what happened', async () => (await import('./commands/events.js')).events),
  now('metrics', 'what was measured of machines and services', async () => (await import('./commands/metrics.js')).metrics),
  now('uptime', 'availability of services', async () => (await import('./commands/uptime.js')).uptime),
  now('backup', 'save what git does not hold', async () => (await import('./commands/backup.js')).backup),
  now('restore', 'bring a backup back', async () => (await import('./commands/restore.js')).restore),
  now('lock show', 'who is changing a machine', async () => (await import('./commands/lock-show.js')).lockShow),
  now('lock break', 'take the lock of a machine away', async () => (await import('./commands/lock-break.js')).lockBreak),
  now('token create', 'make an API token', async () => (await import('./commands/token-create.js')).tokenCreate),
  now('token list', 'API tokens', async () => (await import('./commands/token-list.js')).tokenList),
  now('token revoke', 'end an API token', async () => (await import('./commands/token-revoke.js')).tokenRevoke),
  now('audit list', 'who did what, and who was refused', async () => (await import('./commands/audit-list.js')).auditList),
  now('audit verify', 'whether the audit log is as it was written', async () => (await import('./commands/audit-verify.js')).auditVerify),
  now('git accept', 'follow a branch that was rewritten', async () => (await import('./commands/git-accept.js')).gitAccept),
  now('notify test', 'send a test message to whom the registry tells', async () => (await import('./commands/notify-test.js')).notifyTest),
  now('config show', 'each setting, its value and where it comes from', async () => (await import('./commands/config-show.js')).configShow),
  now('completion', 'completion for bash, zsh or fish', async () => (await import('./commands/completion.js')).completion),

  later('problems', 'what is wrong, and why'),
  later('diagnose', 'what is wrong with a service, and what to do'),
  later('fix', 'cure a problem by hand, and learn it'),
  later('heal', 'run playbooks now'),
  later('learn summary', 'what was learned'),
  later('learn playbooks', 'learned playbooks'),
  later('learn show', 'one learned playbook'),
  later('playbook validate', 'check playbooks'),
  later('playbook approve', 'let a playbook run'),
  later('mcp', 'serve AI assistants'),
  later('caddy', 'routes of services'),
  later('dns', 'names of services'),
  later('certs', 'certificates'),
  later('vault', 'secrets in Vault'),
];

/** The entry that these words begin with, the longest one; with how many words it took. */
export function findWord(given: readonly string[]): { readonly word: Word; readonly taken: number } | undefined {
  for (const taken of [2, 1]) {
    const wanted = given.slice(0, taken).join(' ');
    const word = given.length >= taken ? words.find(one => one.words === wanted) : undefined;
    if (word) return { word, taken };
  }
  return undefined;
}

/** The second words of `machine`, `service`, …; empty for a word that stands alone. */
export function secondWords(first: string): readonly Word[] {
  return words.filter(one => one.words.startsWith(`${first} `));
}

export const firstWords = (): readonly string[] => [...new Set(words.map(one => one.words.split(' ')[0] ?? ''))];
