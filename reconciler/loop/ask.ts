// Asks the checks of one machine's placements, through the tunnel and by its one exec, and hands back their answers.
import PQueue from 'p-queue';
import { AppError, asAppError } from '../../schema/errors.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import { type Answer, type Ask, type RunnerView, type TunnelAsk, unknownBy } from '../checks/check.js';
import type { Ports } from '../ports.js';
import {
  asksOf,
  type Checked,
  type CheckedMachine,
  type CheckLists,
  lookChecks,
  type Looked,
  readChecks,
  type Sightings,
  type Wanted,
  wantedOf,
} from './look-checks.js';

export type CheckPorts = Pick<Ports, 'shell' | 'tunnel' | 'clock' | 'log' | 'newId'>;

/** More at once would only wait for each other in one connection. */
export const tunnelsPerMachine = 8;

/** Connecting and the drivers' looks, besides the checks' own time limits. */
const lookOverheadMs = 10_000;

/** What a thrown error says of the service: it did not answer (a failure), or we could not look (unknown). */
export function answerOf(thrown: unknown, timeLimitMs: number): Answer {
  const error = asAppError(thrown);
  switch (error.code) {
    case 'command-failed':
      return { state: 'fail', found: error.message };
    case 'command-timeout':
      return { state: 'fail', found: `no answer within ${timeLimitMs / 1000} s` };
    default:
      return unknownBy(error);
  }
}

/** Never throws: an error is an answer. The check's own time limit, unless less time is left. */
export async function askTunnel(
  ask: TunnelAsk,
  placement: Checked,
  where: CheckedMachine,
  ports: CheckPorts,
  leftMs = Infinity,
): Promise<Answer> {
  const limitMs = Math.min(placement.spec.health.timeoutMs, leftMs);
  try {
    if (ask.via === 'http') return ask.judge(await ports.tunnel.http(where.machine, ask.question, limitMs));
    await ports.tunnel.connect(where.machine, ask.host, ask.port, limitMs);
    return { state: 'pass', found: `port ${ask.port} accepts` };
  } catch (thrown) {
    return answerOf(thrown, limitMs);
  }
}

/** What one exec found, with unknown where it found nothing. */
interface LookedAll extends Looked {
  runner(key: PlacementKey): RunnerView;
  answer(key: PlacementKey, check: number): Answer;
}

const nothingLooked = (why: AppError): LookedAll => ({
  clock: undefined,
  runner: () => ({ state: 'unknown', error: why.report() }),
  answer: () => unknownBy(why),
});

const notLooked = nothingLooked(new AppError('machine-shell', 'it was not looked at'));

/** The one exec. Never throws for what the machine does: when it cannot be looked at, every answer is unknown. */
export async function lookAtMachine(
  wanted: readonly Wanted[],
  where: CheckedMachine,
  lists: CheckLists,
  ports: CheckPorts,
  signal?: AbortSignal,
): Promise<LookedAll> {
  const nonce = ports.newId();
  const longest = Math.max(
    0,
    ...wanted.filter(one => one.asks.size > 0).map(one => one.placement.spec.health.timeoutMs),
  );
  const limits = { timeLimitMs: longest + lookOverheadMs, ...(signal === undefined ? {} : { signal }) };
  try {
    const result = await ports.shell.run(where.machine, lookChecks(wanted, where, lists, nonce), limits);
    const looked = readChecks(result.stdout, wanted, where, lists, nonce);
    const reason = result.lost ? 'the connection was lost' : 'its answer was cut short';
    const missing = new AppError(
      result.lost ? 'ssh-lost' : 'machine-shell',
      `${where.machine.name} could not be looked at: ${reason}`,
    );
    const fallback = nothingLooked(missing);
    return {
      clock: looked.clock,
      runner: key => looked.runner(key) ?? fallback.runner(key),
      answer: (key, check) => looked.answer(key, check) ?? fallback.answer(key, check),
    };
  } catch (thrown) {
    return nothingLooked(asAppError(thrown));
  }
}

export interface RoundOptions {
  /** Runners that a probe saw just now; they are not looked at again. */
  readonly sightings?: Sightings;
  readonly signal?: AbortSignal;
  /** Bounds the tunnels that are open at once. */
  readonly tunnels?: PQueue;
}

/** One round over placements of one machine; every placement is answered as soon as its own checks are. Never rejects. */
export function askRound(
  placements: readonly Checked[],
  where: CheckedMachine,
  lists: CheckLists,
  ports: CheckPorts,
  options: RoundOptions = {},
): ReadonlyMap<PlacementKey, Promise<readonly Answer[]>> {
  const { sightings = {}, signal, tunnels = new PQueue({ concurrency: tunnelsPerMachine }) } = options;
  const wanted = wantedOf(placements, lists, sightings);
  const looked = wanted.length === 0 ? Promise.resolve(notLooked) : lookAtMachine(wanted, where, lists, ports, signal);

  async function answer(placement: Checked, ask: Ask, check: number): Promise<Answer> {
    switch (ask.via) {
      case 'http':
      case 'tcp':
        return tunnels.add(() => askTunnel(ask, placement, where, ports));
      case 'runner':
        return ask.judge(sightings[placement.key] ?? (await looked).runner(placement.key));
      case 'machine':
        return (await looked).answer(placement.key, check);
      default:
        return ask satisfies never;
    }
  }
  return new Map(
    placements.map(placement => {
      const asks = asksOf(placement, lists);
      return [placement.key, Promise.all(asks.map((ask, check) => answer(placement, ask, check)))];
    }),
  );
}
