// Which address stands for which operation. All else (input, role, what it is for) comes from the operation itself.
import type { OperationName } from '../../reconciler/engine.js';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** `run` is the controller itself: who answers here performs it already. `hook` is asked by a signature, at /hooks/git. */
export type Served = Exclude<OperationName, 'run' | 'hook'>;

/** Members of the input that stand in the address are written `:name`. An operation without a line here does not compile. */
export const routes: Readonly<Record<Served, `${Method} /api/${string}`>> = {
  adopt: 'POST /api/machines/:machine/adopt',
  approve: 'POST /api/plans/:plan/approve',
  'audit.list': 'GET /api/audit',
  'audit.verify': 'GET /api/audit/verify',
  clear: 'POST /api/placements/:placement/clear',
  'config.show': 'GET /api/config',
  deploy: 'POST /api/deploy',
  'deps.graph': 'GET /api/graph',
  'deps.impact': 'GET /api/impact/:service',
  'deps.order': 'GET /api/order',
  events: 'GET /api/events',
  exec: 'POST /api/exec',
  'git.accept': 'POST /api/git/accept',
  'history.diff': 'GET /api/deployments/:id/diff',
  'history.list': 'GET /api/deployments',
  'history.rollback': 'POST /api/deployments/:id/rollback',
  'history.show': 'GET /api/deployments/:id',
  import: 'POST /api/import',
  'lock.break': 'POST /api/machines/:machine/break-lock',
  'lock.show': 'GET /api/locks',
  logs: 'GET /api/logs/:service',
  'machine.add': 'POST /api/machines',
  'machine.claim': 'POST /api/machines/:name/claim',
  'machine.doctor': 'GET /api/doctor',
  'machine.forget': 'POST /api/machines/:name/forget',
  'machine.list': 'GET /api/machines',
  'machine.remove': 'DELETE /api/machines/:name',
  'machine.show': 'GET /api/machines/:name',
  'machine.trust': 'POST /api/machines/:name/trust',
  'machine.update': 'PATCH /api/machines/:name',
  measures: 'GET /api/measures',
  metrics: 'GET /api/metrics',
  'notify.test': 'POST /api/notify/test',
  observe: 'GET /api/services/:service/observe',
  plan: 'GET /api/plan',
  reconcile: 'POST /api/reconcile',
  'registry.check-conflicts': 'GET /api/registry/conflicts',
  'registry.format': 'GET /api/registry/format',
  'registry.reload': 'POST /api/registry/reload',
  'registry.schema': 'GET /api/registry/schema',
  'registry.validate': 'GET /api/registry/validate',
  resume: 'POST /api/resume',
  'service.add': 'POST /api/services',
  'service.list': 'GET /api/services',
  'service.move': 'POST /api/services/:service/move',
  'service.remove': 'DELETE /api/services/:name',
  'service.show': 'GET /api/services/:name',
  'service.update': 'PATCH /api/services/:name',
  status: 'GET /api/status',
  suspend: 'POST /api/suspend',
  uptime: 'GET /api/uptime',
  webhooks: 'GET /api/webhooks',
  why: 'GET /api/services/:service/why',
};

/** What makes an operation go on until it is ended: it has no answer but the lines that it tells on its way. */
export const endless = 'follow';
