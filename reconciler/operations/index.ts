// The list of operations: everything that can be asked of the engine. Each is loaded when it is asked for.
import type { Static } from 'typebox';
import type { Operation } from './operation.js';

export const operations = {
  adopt: async () => (await import('./adopt.js')).adopt,
  approve: async () => (await import('./approve.js')).approve,
  clear: async () => (await import('./clear.js')).clear,
  'config.show': async () => (await import('./config-show.js')).configShow,
  deploy: async () => (await import('./deploy.js')).deploy,
  'deps.graph': async () => (await import('./deps-graph.js')).depsGraph,
  'deps.impact': async () => (await import('./deps-impact.js')).depsImpact,
  'deps.order': async () => (await import('./deps-order.js')).depsOrder,
  events: async () => (await import('./events.js')).events,
  exec: async () => (await import('./exec.js')).exec,
  'git.accept': async () => (await import('./git-accept.js')).gitAccept,
  'history.diff': async () => (await import('./history-diff.js')).historyDiff,
  'history.list': async () => (await import('./history-list.js')).historyList,
  'history.rollback': async () => (await import('./history-rollback.js')).historyRollback,
  'history.show': async () => (await import('./history-show.js')).historyShow,
  import: async () => (await import('./import.js')).importRegistry,
  'lock.break': async () => (await import('./lock-break.js')).lockBreak,
  'lock.show': async () => (await import('./lock-show.js')).lockShow,
  logs: async () => (await import('./logs.js')).logs,
  'machine.add': async () => (await import('./machine-add.js')).machineAdd,
  'machine.claim': async () => (await import('./machine-claim.js')).machineClaim,
  'machine.doctor': async () => (await import('./machine-doctor.js')).machineDoctor,
  'machine.forget': async () => (await import('./machine-forget.js')).machineForget,
  'machine.list': async () => (await import('./machine-list.js')).machineList,
  'machine.remove': async () => (await import('./machine-remove.js')).machineRemove,
  'machine.show': async () => (await import('./machine-show.js')).machineShow,
  'machine.trust': async () => (await import('./machine-trust.js')).machineTrust,
  'machine.update': async () => (await import('./machine-update.js')).machineUpdate,
  observe: async () => (await import('./observe.js')).observe,
  plan: async () => (await import('./plan.js')).plan,
  reconcile: async () => (await import('./reconcile.js')).reconcile,
  'registry.check-conflicts': async () => (await import('./registry-check-conflicts.js')).registryCheckConflicts,
  'registry.format': async () => (await import('./registry-format.js')).registryFormat,
  'registry.reload': async () => (await import('./registry-reload.js')).registryReload,
  'registry.schema': async () => (await import('./registry-schema.js')).registrySchemaOperation,
  'registry.validate': async () => (await import('./registry-validate.js')).registryValidate,
  resume: async () => (await import('./resume.js')).resume,
  run: async () => (await import('./run.js')).run,
  'service.add': async () => (await import('./service-add.js')).serviceAdd,
  'service.list': async () => (await import('./service-list.js')).serviceList,
  'service.move': async () => (await import('./service-move.js')).serviceMove,
  'service.remove': async () => (await import('./service-remove.js')).serviceRemove,
  'service.show': async () => (await import('./service-show.js')).serviceShow,
  'service.update': async () => (await import('./service-update.js')).serviceUpdate,
  status: async () => (await import('./status.js')).status,
  suspend: async () => (await import('./suspend.js')).suspend,
  why: async () => (await import('./why.js')).why,
} as const satisfies Record<string, () => Promise<Operation>>;

export type OperationName = keyof typeof operations;
type OperationOf<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]>>;
export type InputOf<N extends OperationName> = OperationOf<N> extends Operation<infer I> ? Static<I> : never;
export type OutputOf<N extends OperationName> = Awaited<ReturnType<OperationOf<N>['run']>>;
