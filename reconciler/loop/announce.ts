// Tells people what is amiss, over and done: beside the passes, which never wait for it. What waits is kept on disk.
import { asAppError } from '../../schema/errors.js';
import type { Destination, Message, Telling } from '../../schema/notify.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import { lookOfHealth, type Turned } from '../core/amiss-health.js';
import { lookOfPass } from '../core/amiss-pass.js';
import { type Boxes, deal, delivered, dropped, postponed, type Waiting } from '../core/boxes.js';
import { type Incidents, type Look, nextStepAt, noIncidents, nothingSeen, step } from '../core/incidents.js';
import { noticesOf, type Noted, notYetTold } from '../core/notices.js';
import { quietForMs } from '../core/quiet-hours.js';
import type { Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { sendTo } from './announce-send.js';
import { pause } from './pause.js';

export type AnnouncePorts = Pick<Ports, 'state' | 'clock' | 'log' | 'newId' | 'post' | 'redactor'>;

export interface Announcer {
  readonly passEnded: (report: PassReport, desired: DesiredState | undefined) => void;
  readonly healthChanged: (turned: Turned) => void;
  /** For what outlasts its pass. */
  readonly progress: (progress: Progress) => void;
  /** What is due is still sent, where that is quick; the rest is on disk. */
  readonly stop: () => Promise<void>;
}

/** What is kept in the state folder. */
interface Notes {
  readonly cluster: string;
  /** The last that a registry named, for a start at which there is none to read. */
  readonly destinations: readonly Destination[];
  readonly incidents: Incidents;
  readonly noted: Noted;
  readonly boxes: Boxes;
}

const document = 'notify';
const noNotes: Notes = { cluster: 'default', destinations: [], incidents: noIncidents, noted: {}, boxes: {} };

const idleMs = 600_000;
const shortestMs = 100;
const graceMs = 3000;
const firstDelayMs = 5000;
const longestDelayMs = 300_000;
/** A person must change something first; that may be done outside of git, where nobody sees it. */
const refusedDelayMs = 900_000;
/** Older news is no help. */
const longestWaitMs = 24 * 3_600_000;

/** When a message that did not get there is tried again. */
function delayAfter(tries: number, error: ReturnType<typeof asAppError>): number {
  if (error.retry !== 'backoff') return refusedDelayMs;
  const asked = Number(error.details['retryAfterMs'] ?? 0);
  return Math.max(Math.min(asked, longestWaitMs), Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(tries, 10)));
}

/** It failed, and what was healthy is still being brought back: a later pass sees what stands then. */
function goesOn({ plan, outcomes }: PassReport, key: string): boolean {
  const machine = key.slice(key.indexOf('@') + 1);
  const busy = plan?.machines.some(note => note.machine === machine && note.state === 'in-progress') === true;
  return busy || outcomes.some(one => one.key === key && one.result === 'in-progress');
}

export function startAnnouncer(ports: AnnouncePorts): Announcer {
  const { state, clock, log, newId, post, redactor } = ports;
  const stopping = new AbortController();
  const sending = new Map<string, Promise<void>>();
  /** What came to its end since the last pass did, and the commits of what outlasted one. */
  const done = new Set<string>();
  const failed = new Map<string, string>();
  const begun = new Map<string, string | undefined>();
  let notes = noNotes;
  let saved = JSON.stringify(noNotes);
  let wake = new AbortController();
  let ending = false;
  let desired: DesiredState | undefined;
  let work: Promise<void> = load();

  async function load(): Promise<void> {
    try {
      notes = { ...noNotes, ...(await state.read<Notes>(document)) };
      saved = JSON.stringify(notes);
    } catch (thrown) {
      log.warn({ code: asAppError(thrown).code }, 'what was told before is not known');
    }
  }

  /** One after the other, each on what the one before left. */
  function later(job: () => Promise<void>): Promise<void> {
    work = work.then(job).catch((err: unknown) => log.error({ err }, 'telling people broke'));
    void work.then(() => wake.abort());
    return work;
  }

  async function change(next: Notes): Promise<void> {
    notes = next;
    const text = JSON.stringify(next);
    // Who tells nobody has nothing to keep.
    if (text === saved || (next.destinations.length === 0 && saved === JSON.stringify(noNotes))) return;
    try {
      await state.write(document, next);
      saved = text;
    } catch (thrown) {
      // It goes on from memory; a start in between may tell something twice.
      log.warn({ code: asAppError(thrown).code }, 'what is told is not noted');
    }
  }

  async function take(look: Look, notices: readonly Telling[]): Promise<void> {
    const now = clock.now();
    const destinations = desired === undefined ? notes.destinations : (desired.notify ?? []);
    const cluster = desired?.cluster ?? notes.cluster;
    const { incidents, tellings } = step(notes.incidents, { ...look, seen: redactor.value(look.seen) }, now);
    const { noted, fresh } = notYetTold(notes.noted, notices, now);
    const boxes = deal(notes.boxes, destinations, redactor.value([...tellings, ...fresh]), { cluster, now, newId });
    await change({ cluster, destinations, incidents, noted, boxes });
    sendDue();
  }

  const headOf = (name: string): Waiting | undefined => notes.boxes[name]?.queue[0];

  function sendDue(): void {
    for (const to of notes.destinations) {
      const head = headOf(to.name);
      if (post === undefined || head === undefined || sending.has(to.name) || head.dueAt > clock.now()) continue;
      const sent = deliver(to, head).finally(() => {
        sending.delete(to.name);
        wake.abort();
      });
      sending.set(to.name, sent);
    }
  }

  async function deliver(to: Destination, { message, tries }: Waiting): Promise<void> {
    const end = await tryToTell(to, message, tries);
    if (end !== undefined) await later(() => change({ ...notes, boxes: end(notes.boxes) }));
  }

  /** What becomes of the box; undefined: nothing, because all ends. */
  async function tryToTell(
    to: Destination,
    message: Message,
    tries: number,
  ): Promise<((boxes: Boxes) => Boxes) | undefined> {
    if (post === undefined) return undefined;
    try {
      await sendTo({ post, redactor }, to, message, { now: clock.now(), signal: stopping.signal });
      return boxes => delivered(boxes, to.name, message, clock.now());
    } catch (thrown) {
      if (stopping.signal.aborted) return undefined;
      const error = asAppError(thrown);
      const fields = { destination: to.name, code: error.code, why: error.message };
      const now = clock.now();
      if (now - message.at > longestWaitMs) {
        log.warn(fields, 'a message was given up');
        return boxes => dropped(boxes, to.name, message);
      }
      if (tries === 0) log.warn(fields, 'a message did not get there');
      return boxes => postponed(boxes, to.name, message, now + delayAfter(tries, error));
    }
  }

  function dueInMs(): number {
    const now = clock.now();
    const instants = notes.destinations.flatMap(({ name, quiet }) => {
      const box = notes.boxes[name];
      const head = box?.queue[0];
      const sends = head === undefined || sending.has(name) || post === undefined ? [] : [head.dueAt];
      return box === undefined || box.held.length === 0
        ? sends
        : [...sends, now + (quiet === undefined ? 0 : quietForMs(quiet, now))];
    });
    const nextMs = Math.min(...instants, nextStepAt(notes.incidents)) - now;
    return Math.min(idleMs, Math.max(shortestMs, nextMs));
  }

  /** Wakes for reminders, tries and the ends of quiet hours; and whenever something was taken, to look when the next is due. */
  async function keepTime(): Promise<void> {
    for (;;) {
      await work;
      if (ending) return;
      wake = new AbortController();
      const due = await pause(clock, dueInMs(), wake.signal);
      if (due && !ending) await later(() => take(nothingSeen, []));
    }
  }

  const keeping = keepTime();
  return {
    passEnded(report, wanted) {
      desired = wanted;
      const late = [...done];
      const over = [...failed].filter(([key]) => !goesOn(report, key));
      const failures = new Map(
        over.map(([key, why]) => [key, { why, commit: begun.get(key) ?? report.commit }] as const),
      );
      for (const key of [...late, ...failures.keys()]) {
        begun.delete(key);
        failed.delete(key);
      }
      done.clear();
      for (const one of report.outcomes) if (one.result === 'in-progress') begun.set(one.key, report.commit);
      const at = clock.now();
      void later(() => take(lookOfPass(report, wanted, failures), noticesOf(report, late, at)));
    },
    healthChanged: turned => void later(() => take(lookOfHealth(turned, desired), [])),
    progress: ({ event, key, text, data }) => {
      if (key === undefined) return;
      if (event === 'deploy.done') {
        failed.delete(key);
        done.add(key);
      }
      if (event !== 'deploy.failed') return;
      const why = text.replace(/^failed: /, '');
      const first = data?.['back'] === undefined ? undefined : failed.get(key);
      failed.set(key, first === undefined ? why : `${first}; ${why}`);
    },
    async stop() {
      await later(() => take(nothingSeen, []));
      const grace = new AbortController();
      await Promise.race([Promise.all(sending.values()), pause(clock, graceMs, grace.signal)]);
      ending = true;
      grace.abort();
      wake.abort();
      stopping.abort();
      await Promise.all([...sending.values(), keeping]);
      await work;
    },
  };
}
