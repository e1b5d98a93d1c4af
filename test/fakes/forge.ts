// A forge in memory: pull requests, comments and statuses; it may be away.
import { AppError } from '../../schema/errors.js';
import type { CommitStatus, Forge, NewPull, PullRequest } from '../../schema/forge.js';

export interface FakeForge extends Forge {
  readonly pulls: PullRequest[];
  /** Text of our comment by number. */
  readonly comments: Map<number, string>;
  /** How often a comment was written. */
  writes: number;
  /** `<commit> <context> <state>`, in order. */
  readonly statuses: string[];
  readonly described: Map<string, string>;
  readonly opened: NewPull[];
  /** What every question throws. */
  fault?: AppError | undefined;
}

export function createFakeForge(): FakeForge {
  const ask = <T>(answer: () => T): Promise<T> =>
    fake.fault === undefined ? Promise.resolve(answer()) : Promise.reject(fake.fault);
  const fake: FakeForge = {
    kind: 'gitea',
    repository: 'acme/fleet',
    pulls: [],
    comments: new Map(),
    writes: 0,
    statuses: [],
    described: new Map(),
    opened: [],
    openPulls: () => ask(() => [...fake.pulls]),
    comment: (pull, marker, write) =>
      ask(() => {
        const before = fake.comments.get(pull);
        const body = write(before);
        if (!body.includes(marker)) throw new AppError('internal', 'the marker is not in it');
        if (body === before) return;
        fake.writes += 1;
        fake.comments.set(pull, body);
      }),
    setStatus: (commit, { context, state, description }: CommitStatus) =>
      ask(() => {
        fake.statuses.push(`${commit.slice(0, 7)} ${context} ${state}`);
        fake.described.set(`${commit} ${context}`, description);
      }),
    openPull: pull =>
      ask(() => {
        fake.opened.push(pull);
        return { number: fake.opened.length, url: `https://forge.example/pulls/${fake.opened.length}` };
      }),
    close: async () => undefined,
  };
  return fake;
}
