// What the controller notes of itself in its state folder, for commands to read.
import { asAppError } from '../../schema/errors.js';
import type { ControllerStatus, PassReport } from '../../schema/status.js';
import type { Ports } from '../ports.js';
import type { GitWatch } from './git-watch.js';
import { gitStatus } from './measures.js';
import { sessionOf } from './session.js';

export interface ControllerNote {
  /** `report`: of the last pass; absent at the start. */
  write(report?: PassReport, nextPassAt?: number): Promise<void>;
  /** The same again, where what stands beside passes changed. */
  again(): Promise<void>;
  /** Resolves when nothing is being written any more. */
  settled(): Promise<void>;
}

const resultOf = (report: PassReport): string =>
  report.error?.message ?? (report.next.next === 'settled' ? 'settled' : `${report.next.next}: ${report.next.why}`);

function lastPassOf(report: PassReport): Exclude<ControllerStatus['lastPass'], undefined> {
  const { id, endedAt, commit } = report;
  return { id, endedAt, result: resultOf(report), ...(commit === undefined ? {} : { commit }) };
}

/** Of who shares nothing there is nothing to say. */
function replicasIn({ replicas }: Ports): Pick<ControllerStatus, 'replicas'> {
  const found = replicas?.state();
  return found === undefined || found.state === 'alone' ? {} : { replicas: found };
}

export function openNote(ports: Ports, git: Pick<GitWatch, 'status'> | undefined, since: number): ControllerNote {
  let last: Pick<ControllerStatus, 'lastPass' | 'nextPassAt'> = {};
  let writing = Promise.resolve();

  async function writeNow(): Promise<void> {
    const webhooks = sessionOf(ports).hints?.counts();
    const status: ControllerStatus = {
      pid: Number(ports.state.processName.split(':')[0]),
      process: ports.state.processName,
      since,
      git: gitStatus(git),
      ...last,
      history: ports.store.state(),
      ...replicasIn(ports),
      ...(webhooks && { webhooks }),
    };
    ports.bus?.tell({ kind: 'controller', status });
    try {
      await ports.state.write('controller', ports.redactor.value(status));
    } catch (thrown) {
      // Others then read an older note; a full disk here is no reason to leave the machines alone.
      ports.log.warn({ code: asAppError(thrown).code }, 'controller note not written');
    }
  }

  /** One after the other, so that an older one never comes after a newer one. */
  const again = (): Promise<void> => (writing = writing.then(writeNow));

  return {
    write: async (report, nextPassAt) => {
      last = {
        ...(report === undefined ? {} : { lastPass: lastPassOf(report) }),
        ...(nextPassAt === undefined ? {} : { nextPassAt }),
      };
      await again();
    },
    again,
    settled: () => writing,
  };
}
