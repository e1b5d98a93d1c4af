// Who last changed something, by the history of a real repository: variables, includes, renames, merges, broken texts, bounds.
import { onTestFinished, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import type { Subject } from '../../reconciler/core/origins.js';
import { openGitRepo } from '../../reconciler/adapters/git.js';
import { fileWords, type Historian, openHistorian } from '../../reconciler/loop/blame.js';
import type { GitRepo, RepoFiles } from '../../reconciler/ports.js';
import { commitFiles, git, makeRepo, pushMany, recordingLog, scratch } from '../contracts/git-fixture.js';
import { createFakePorts } from '../fakes/ports.js';

interface Bench {
  readonly clone: string;
  readonly repo: GitRepo;
  commit(files: Readonly<Record<string, string>>, message: string): Promise<string>;
  ask(subjects: readonly Subject[], lying?: Readonly<Record<string, string>>): Promise<string>;
}

async function bench(): Promise<Bench> {
  const parent = await scratch();
  const { bare, clone } = await makeRepo(parent);
  const repo = await openGitRepo({ address: bare, stateDir: join(parent, 's'), credentials: {}, log: recordingLog() });
  onTestFinished(() => repo.close());

  async function historian(lying?: Readonly<Record<string, string>>): Promise<Historian> {
    await git(clone, 'push', '--quiet', '--force', 'origin', 'HEAD:trunk');
    const files = await repo.files(await repo.remoteHead());
    const entries = ((await files.list('')) ?? []).filter(one => one.kind === 'file');
    const yaml = entries.filter(one => one.path.endsWith('.yml')).map(one => one.path);
    const texts = new Map<string, string>();
    for (const path of yaml) texts.set(path, Buffer.from((await files.read(path)) ?? '').toString('utf8'));
    for (const [path, text] of Object.entries(lying ?? {})) texts.set(path, text);
    const seen: RepoFiles = lying === undefined ? files : { ...files, revision: 'work-tree' };
    const there = new Map(entries.map(one => [one.path, fileWords(one)]));
    const source = { git: repo, path: 'registry.yml' };
    return openHistorian(
      { ...createFakePorts(), source },
      { files: seen, texts, there, others: ['gone.py'] },
      { commits: 20, texts: 10 },
    );
  }

  return {
    clone,
    repo,
    commit: (files, message) => commitFiles(clone, files, message),
    ask: async (subjects, lying) => {
      const last = await (await historian(lying)).last(subjects);
      return last.state === 'committed' ? last.subject : last.state;
    },
  };
}

const value = (...path: readonly (string | number)[]): readonly Subject[] => [{ of: 'value', path }];
const file = (path: string): readonly Subject[] => [{ of: 'file', path }];

describe('the last change', () => {
  it('of a value is the commit since which it is so, whatever changed around it', async () => {
    const { commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {PORT: 1, OTHER: 1}\n' }, 'begin');
    await commit({ 'registry.yml': 'vars: {PORT: 2, OTHER: 1}\n' }, 'two');
    await commit({ 'registry.yml': 'vars: {PORT: 1, OTHER: 1}\n' }, 'one again');
    await commit({ 'registry.yml': '# moved down\n\nvars:\n  OTHER: 2\n  PORT: 1\n' }, 'another style');
    expect(await ask(value('vars', 'PORT'))).toBe('one again');
    expect(await ask(value('vars', 'OTHER'))).toBe('another style');
    expect(await ask(value('vars', 'NONE'))).toBe('never');
  });

  it('of what is gone is the commit that took it away; of several, the newest', async () => {
    const { commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {A: 1, B: 1}\n' }, 'begin');
    await commit({ 'registry.yml': 'vars: {B: 1}\n' }, 'without A');
    await commit({ 'registry.yml': 'vars: {}\n' }, 'without B');
    expect(await ask(value('vars', 'A'))).toBe('without A');
    expect(await ask([...value('vars', 'A'), ...value('vars', 'B'), ...value('vars', 'C')])).toBe('without B');
  });

  it('goes with an entry into another file', async () => {
    const { commit, ask } = await bench();
    const services = 'services:\n  web: {port: 1}\n';
    await commit({ 'registry.yml': `include: [parts/*.yml]\n${services}`, 'parts/more.yml': 'vars: {}\n' }, 'begin');
    await commit({ 'registry.yml': 'include: [parts/*.yml]\n', 'parts/web.yml': services }, 'split');
    expect(await ask(value('services', 'web', 'port'))).toBe('begin');
    await commit({ 'parts/web.yml': services.replace('1', '2') }, 'port 2');
    await commit({ 'registry.yml': 'include: [parts/*.yml]\ndomain: lan\n' }, 'a domain');
    expect(await ask(value('services', 'web', 'port'))).toBe('port 2');
    expect(await ask([{ of: 'entry', path: ['services', 'web'] }])).toBe('begin');
  });

  it('is that of a merged branch, not of the merge', async () => {
    const { clone, commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {A: 1}\n' }, 'begin');
    await git(clone, 'checkout', '--quiet', '-b', 'topic');
    await commit({ 'registry.yml': 'vars: {A: 2}\n' }, 'by a pull request');
    await git(clone, 'checkout', '--quiet', 'trunk');
    await commit({ 'README.md': 'x\n' }, 'meanwhile');
    await git(clone, 'merge', '--quiet', '--no-ff', '-m', 'merge topic', 'topic');
    expect(await ask(value('vars', 'A'))).toBe('by a pull request');
  });

  it('is none of a commit whose text was broken', async () => {
    const { commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {A: 1}\n' }, 'begin');
    await commit({ 'registry.yml': 'vars: {A: 1\n' }, 'broken');
    await commit({ 'registry.yml': 'vars: {A: 1}\nx-note: y\n' }, 'mended');
    expect(await ask(value('vars', 'A'))).toBe('begin');
  });

  it('follows anchors', async () => {
    const { commit, ask } = await bench();
    const text = (one: number) => `x-base: &base {A: ${one}}\nservices:\n  web:\n    env: *base\n`;
    await commit({ 'registry.yml': text(1) }, 'begin');
    await commit({ 'registry.yml': text(2) }, 'by the anchor');
    expect(await ask(value('services', 'web', 'env', 'A'))).toBe('by the anchor');
  });

  it('of a file is by its content and mode', async () => {
    const { clone, commit, ask } = await bench();
    await commit({ 'app.py': 'x\n', 'gone.py': 'x\n' }, 'begin');
    await git(clone, 'update-index', '--chmod=+x', 'app.py');
    await git(clone, 'commit', '--quiet', '-m', 'let it run');
    await git(clone, 'rm', '--quiet', 'gone.py');
    await git(clone, 'commit', '--quiet', '-m', 'drop it');
    await git(clone, 'reset', '--quiet', '--hard');
    expect([await ask(file('app.py')), await ask(file('gone.py'))]).toEqual(['let it run', 'drop it']);
  });

  it('may not be committed yet', async () => {
    const { commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {A: 1, B: 1}\n' }, 'begin');
    const lying = { 'registry.yml': 'vars: {A: 2, B: 1}\n' };
    expect([await ask(value('vars', 'A'), lying), await ask(value('vars', 'B'), lying)]).toEqual([
      'uncommitted',
      'begin',
    ]);
  });

  it('is not known beyond the bound, and says so', async () => {
    const { clone, commit, ask } = await bench();
    await commit({ 'registry.yml': 'vars: {A: 1}\n' }, 'begin');
    await git(clone, 'push', '--quiet', 'origin', 'trunk');
    await pushMany(clone, 21);
    expect(await ask(value('vars', 'A'))).toBe('unknown');
    await commit({ 'registry.yml': 'vars: {A: 2}\n' }, 'near');
    expect(await ask(value('vars', 'A'))).toBe('near');
  });

  it('is not known beyond the texts that are read, where only a parser can tell', async () => {
    const { commit, ask } = await bench();
    for (let turn = 0; turn < 12; turn += 1)
      await commit({ 'registry.yml': `{"vars": {"A": 1, "B": ${turn}}}\n` }, 'x');
    expect([await ask(value('vars', 'A')), await ask(value('vars', 'B'))]).toEqual(['unknown', 'x']);
  });

  it('is not known outside any repository', async () => {
    const ports = { ...createFakePorts(), source: { path: 'registry.yml' } };
    const files: RepoFiles = { revision: 'work-tree', read: async () => undefined, list: async () => [] };
    const historian = openHistorian(ports, { files, texts: new Map(), there: new Map(), others: [] });
    expect(await historian.last(value('vars', 'A'))).toEqual({
      state: 'unknown',
      why: 'the registry lies outside any repository',
    });
  });
});
