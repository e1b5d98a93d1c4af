// A repository and a fleet in memory for questions of why: commits by people, machines as they are made to look, the answer as text.
import type { LiveState, Verdict } from '../../schema/state.js';
import type { WhyReport } from '../../schema/why.js';
import { createPaint } from '../../api/cli/paint.js';
import { whyExitCode, whyText } from '../../api/cli/render/why.js';
import { checks } from '../../reconciler/checks/index.js';
import { diff } from '../../reconciler/core/diff.js';
import { guard } from '../../reconciler/core/guard.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { withCulprits } from '../../reconciler/loop/culprit.js';
import { desire } from '../../reconciler/loop/desired.js';
import { insteadOfFailed } from '../../reconciler/loop/instead.js';
import { sync } from '../../reconciler/loop/sync.js';
import { explain } from '../../reconciler/loop/why.js';
import { why } from '../../reconciler/operations/why.js';
import type { Ports } from '../../reconciler/ports.js';
import { settle } from '../core/thinking.js';
import { FakeFleet } from '../fakes/fleet.js';
import { fakeFiles } from '../fakes/git.js';
import { aMachine } from '../fakes/specs.js';
import { createFakePorts, type FakePorts } from '../fakes/ports.js';

export interface Look {
  /** What is seen otherwise than the fleet is. */
  readonly see?: (live: LiveState) => LiveState;
  readonly verdicts?: Readonly<Record<string, Verdict>>;
  readonly leaving?: readonly string[];
  readonly busy?: readonly string[];
  readonly approved?: readonly string[];
  /** Files as they lie in the work tree over those of the newest commit. */
  readonly lying?: Readonly<Record<string, string>>;
}

const lists = { drivers, checks };

export class WhyBench {
  readonly ports: FakePorts = createFakePorts();
  readonly fleet = new FakeFleet(drivers);
  #files: Readonly<Record<string, string>> = {};
  readonly commits: string[] = [];

  /** A commit on top, a day after the one before. `null`: the file goes away. */
  commit(author: string, message: string, files: Readonly<Record<string, string | null>>): string {
    const all = Object.entries({ ...this.#files, ...files });
    this.#files = Object.fromEntries(all.flatMap(([path, text]) => (text === null ? [] : [[path, text]])));
    const at = Date.UTC(2026, 0, 1 + this.commits.length);
    const id = this.ports.git.make(this.#files, undefined, {
      author: `${author} <${author}@example.org>`,
      at,
      message,
    });
    this.commits.push(id);
    return id;
  }

  async wanted(ports: Ports = this.ports, from: 'commit' | 'files' = 'commit') {
    const synced = await sync(ports, { from });
    return { synced, newest: await desire(ports, lists, synced) };
  }

  /** Brings the fleet to what the newest commit says. */
  async apply(): Promise<void> {
    settle(this.fleet, (await this.wanted()).newest);
  }

  #lying(over: Readonly<Record<string, string>>): Ports {
    const files = async () => fakeFiles('work-tree', { ...this.#files, ...over });
    const workTree = { folder: '/work', files, commit: this.ports.git.commit };
    return { ...this.ports, source: { ...this.ports.source, workTree } };
  }

  async report(service: string, look: Look = {}): Promise<WhyReport> {
    const ports = look.lying === undefined ? this.ports : this.#lying(look.lying);
    const { synced, newest } = await this.wanted(ports, look.lying === undefined ? 'commit' : 'files');
    const seen = this.fleet.look(newest, look.leaving);
    const live = look.see?.(seen) ?? seen;
    const { desired, files } = await insteadOfFailed(ports, lists, newest, live, new Set());
    const { leaving = [], busy = [], approved = [] } = look;
    const differences = diff(desired, live, { drivers, busy: new Set(busy), again: new Set(), leaving });
    const guarded = guard(makePlan(differences, desired), desired, live, new Set(approved));
    // Its machines cannot be asked for what their records tell.
    const plan = await withCulprits(ports, { desired, live }, guarded);
    const pass: Verdict = { state: 'pass', found: 'ok' };
    const settled = desired.placements.map(one => [one.key, look.verdicts?.[one.key] ?? pass] as const);
    const { registry, commit, differs = false, diagnostics } = synced;
    if (registry === undefined) throw new Error('the registry is refused');
    const known = { synced: { ...synced, registry }, newest, desired, live, plan, verdicts: new Map(settled) };
    const explained = await explain(
      { ports, lists, ...known, leaving: leaving.map(name => aMachine(name)), olderFiles: files },
      service,
    );
    return { service, commit, differs, diagnostics, ...explained };
  }

  /** The exit code, then the answer with commits by their numbers: `#1` is the first. */
  text(report: WhyReport): string {
    const words = this.commits.reduce(
      (text, id, index) => text.replaceAll(id.slice(0, 12), `#${index + 1}`),
      whyText(report, createPaint(false)),
    );
    return `exit ${whyExitCode(report)}\n${words}`;
  }

  async ask(service: string, look?: Look): Promise<string> {
    return this.text(await this.report(service, look));
  }

  /** By the operation itself, with machines that do not answer. */
  async perform(service: string): Promise<WhyReport> {
    const context = { ports: this.ports, lists, emit: () => undefined, signal: new AbortController().signal };
    return await why.run({ ...context, settings: {} as never, actor: { name: 'ada', by: 'cli' } }, { service });
  }
}
