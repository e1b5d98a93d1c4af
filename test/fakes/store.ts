// A store in memory: the same answers, from lists; what it is given it keeps once.
import { AppError } from '../../schema/errors.js';
import { asked, type AuditRecord } from '../../schema/audit.js';
import type { Deployment, HistoryEvent, HistoryRecord, Run, Transition } from '../../schema/history.js';
import type { Write } from '../../schema/journal.js';
import { choiceOf, type Measurement } from '../../schema/samples.js';
import type { Store } from '../../reconciler/ports.js';
import type { Delivery } from '../../schema/webhooks.js';
import { pointsOf, spansOf } from './samples.js';

export interface FakeStore extends Store {
  /** Everything that was handed in, in order. */
  readonly records: HistoryRecord[];
}

const of = (service: string | undefined) => (one: { readonly key?: string }) =>
  service === undefined || one.key === service || one.key?.split('@')[0] === service;
const on = (machine: string | undefined) => (one: { readonly machine?: string }) =>
  machine === undefined || one.machine === machine;
const unknown = (message: string) => new AppError('unknown-name', message);

/** Nobody saw its end, or could say what came of it. */
function isUnseen({ result, error, outputTail, undone, steps }: Deployment): boolean {
  const told = outputTail !== undefined || undone !== undefined || steps !== undefined;
  return result === 'in-progress' || (result === 'failed' && error?.code === 'interrupted' && !told);
}

function withoutSteps(deployment: Deployment): Deployment {
  const { steps: _, ...rest } = deployment;
  return rest;
}

export function createFakeStore(now: () => number = Date.now): FakeStore {
  const records: HistoryRecord[] = [];
  const runs = new Map<string, Run>();
  const deployments = new Map<string, Deployment>();
  const events = new Map<string, HistoryEvent>();
  const transitions = new Map<string, Transition>();
  const writes = new Map<string, Write>();
  const measured = new Map<string, Measurement>();
  const deliveries = new Map<string, Delivery>();
  const audits = new Map<string, AuditRecord>();
  const once = <T extends { readonly id: string }>(kept: Map<string, T>, one: T) => {
    if (!kept.has(one.id)) kept.set(one.id, one);
  };

  const kept = (given: HistoryRecord, tell?: () => void): void => {
    record(given);
    tell?.();
  };

  function record(given: HistoryRecord): void {
    const noted = structuredClone(given);
    records.push(noted);
    switch (noted.kind) {
      case 'run':
        once(runs, noted.run);
        return noted.deployments.forEach(one => {
          const known = deployments.get(one.id);
          once(deployments, one);
          if (known === undefined || !isUnseen(known) || isUnseen(one)) return;
          const { why: _, error: __, ...rest } = known;
          const { result, why, error, outputTail, undone, durationMs, images, steps, endedAt } = one;
          const end = { result, why, error, outputTail, undone, durationMs, images, steps, endedAt };
          const given = Object.fromEntries(Object.entries(end).filter(([, value]) => value !== undefined));
          deployments.set(one.id, { ...rest, ...given });
        });
      case 'ended': {
        const open = deployments.get(noted.deployment);
        if (open?.result !== 'in-progress') return;
        const { why: _, ...rest } = open;
        deployments.set(open.id, { ...rest, ...noted.end, endedAt: noted.endedAt });
        return;
      }
      case 'event':
        return once(events, noted.event);
      case 'transition':
        return once(transitions, noted.transition);
      case 'write':
        return once(writes, noted.write);
      case 'delivery': {
        const { delivery } = noted;
        if ((deliveries.get(delivery.id)?.times ?? 0) < delivery.times) deliveries.set(delivery.id, delivery);
        return;
      }
      case 'audit': {
        const id = `${noted.log} ${noted.record.seq}`;
        if (!audits.has(id)) audits.set(id, noted.record);
        return;
      }
      case 'samples': {
        const { machine, at } = noted.measurement;
        const id = `${machine} ${at}`;
        if (!measured.has(id)) measured.set(id, noted.measurement);
        return;
      }
      default:
        noted satisfies never;
    }
  }

  const placed = (runId: string) => [...deployments.values()].filter(one => one.runId === runId);
  const newestFirst = () =>
    [...runs.values()]
      .toSorted((one, other) => other.startedAt - one.startedAt)
      .flatMap(run => placed(run.id).toReversed());

  return {
    records,
    record: kept,
    serve: () => undefined,
    state: () => ({ state: 'kept' }),
    deployments: async ask =>
      newestFirst().filter(of(ask.service)).filter(on(ask.machine)).slice(0, ask.limit).map(withoutSteps),
    deployment: async prefix => {
      const found = newestFirst().filter(one => one.id.startsWith(prefix) || one.runId.startsWith(prefix));
      const deployment = found.find(one => one.id === prefix) ?? found[0];
      const run = deployment && runs.get(deployment.runId);
      if (deployment === undefined || run === undefined) throw unknown(`there is no deployment ${prefix}`);
      if (found.length > 1 && deployment.id !== prefix) throw unknown(`several deployments begin with ${prefix}`);
      const own = [...writes.values()]
        .filter(one => one.run === run.id && one.keys.includes(deployment.key))
        .toSorted((one, other) => one.at - other.at);
      const others = placed(run.id).filter(one => one.id !== deployment.id);
      return { deployment, run, others: others.map(withoutSteps), writes: own };
    },
    events: async ask => {
      const all = [...events.values()];
      const from = ask.after === undefined ? -1 : all.findIndex(one => one.id === ask.after);
      if (ask.after !== undefined && from < 0) throw unknown(`the event ${ask.after} is not kept here`);
      const found = all.slice(from + 1).filter(one => ask.since === undefined || one.at >= ask.since);
      const { kinds } = ask;
      const ofKind = found.filter(one => kinds === undefined || kinds.includes(one.kind));
      const chosen = ofKind.filter(of(ask.service)).filter(on(ask.machine));
      return ask.after === undefined ? chosen.slice(-ask.limit) : chosen.slice(0, ask.limit);
    },
    transitions: async (key, since) =>
      [...transitions.values()]
        .filter(one => one.key === key && one.at >= since)
        .toSorted((one, other) => one.at - other.at),
    transitionsSince: async ({ service, since }) => {
      const all = [...transitions.values()].filter(of(service)).toSorted((one, other) => one.at - other.at);
      const before = new Map(all.filter(one => one.at < since).map(one => [one.key, one]));
      return all.filter(one => one.at >= since || before.get(one.key) === one);
    },
    deliveries: async limit =>
      [...deliveries.values()].toSorted((one, other) => other.lastAt - one.lastAt).slice(0, limit),
    samples: async ask => {
      const { resolution, from, to, stepMs } = choiceOf(ask, now());
      const own = [...measured.values()].filter(one => one.machine === ask.machine);
      const points = pointsOf(own, ask.name, { from, to, stepMs: stepMs ?? 1 });
      return { resolution, ...(stepMs === undefined ? {} : { stepMs }), points };
    },
    spans: async ask => spansOf([...measured.values()].filter(on(ask.machine)), choiceOf(ask, now())),
    newest: async machine => {
      const recent = [...measured.values()].filter(on(machine)).filter(one => one.at >= now() - 86_400_000);
      const last = new Map(recent.toSorted((one, other) => one.at - other.at).map(one => [one.machine, one]));
      return [...last.values()].toSorted((one, other) => (one.machine < other.machine ? -1 : 1));
    },
    auditHead: async log => {
      let head: AuditRecord | undefined;
      const first = [...audits.keys()].filter(id => id.startsWith(`${log} `)).map(id => Number(id.split(' ')[1]));
      for (let seq = Math.min(...first); audits.has(`${log} ${seq}`); seq += 1) head = audits.get(`${log} ${seq}`);
      return head && { seq: head.seq, hash: head.hash };
    },
    audit: async ask =>
      [...audits.values()]
        .filter(one => asked(one, ask))
        .toSorted((one, other) => other.at - one.at || other.seq - one.seq)
        .slice(0, ask.limit),
    close: async () => undefined,
  };
}
