// Words for folders that move, run by every shell that is here: what is measured, compared, put in place and cleared away.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clearCopy,
  type CopyRoom,
  hashTrees,
  landCopy,
  lookAtTargets,
  measureTrees,
  openCopy,
  type Tree,
} from '../../reconciler/commands/trees.js';
import { type Answer, createScriptMachine, nonce, type ScriptMachine, user } from './batch-machine.js';
import { shells } from './supervise-shells.js';

describe.each(shells)('$name', shell => {
  let machine: ScriptMachine;
  beforeEach(() => {
    machine = createScriptMachine();
    mkdirSync(machine.state, { recursive: true });
    mkdirSync(machine.place);
    writeFileSync(join(machine.state, 'fence'), '7.x\n');
  });
  afterEach(() => machine.remove());

  const settings = { nonce, sudo: 'never' } as const;
  const room: CopyRoom = { ...settings, cluster: 'c', fence: '7.x', service: 'db' };
  const at = (...path: readonly string[]) => join(machine.place, ...path);
  const tree = (path: string): Tree => ({ path: at(path), ours: true, numeric: false });
  const said = (answer: Answer, name: string): readonly string[] =>
    answer.sections?.filter(one => one.name === name).map(one => one.rest) ?? [];

  function fill(name: string): void {
    mkdirSync(at(name, 'sub dir', 'empty'), { recursive: true });
    mkdirSync(at(name, '.portoser'));
    writeFileSync(at(name, '.portoser', 'log'), 'ours');
    writeFileSync(at(name, 'sub dir', "it's\\n"), 'text');
    writeFileSync(at(name, 'a\nb'), 'two lines');
    symlinkSync('nowhere', at(name, 'link'));
    for (const path of [['a\nb'], ['sub dir', "it's\\n"], ['sub dir', 'empty'], ['sub dir'], []])
      utimesSync(at(name, ...path), 1000, 1000);
  }

  const hashes = async (...names: readonly string[]) =>
    said(await machine.run(hashTrees({ ...settings, trees: names.map(tree) }), shell), 'manifest').map(row =>
      row.slice(row.indexOf(' ') + 1),
    );

  it('measures bytes and owners, without what is ours', async () => {
    fill('one');
    const answer = await machine.run(measureTrees({ ...settings, trees: [tree('one')] }), shell);
    const [bytes, count, , ...owners] = answer.sections?.find(one => one.name === 'tree')?.lines[0]?.split(' ') ?? [];
    expect([bytes, count, owners]).toEqual(['13', '6', [user]]);
    const none = await machine.run(measureTrees({ ...settings, trees: [tree('none')] }), shell);
    expect(said(none, 'failed')).toEqual([at('none')]);
  });

  it('has one hash for what is the same, and another for whatever differs', async () => {
    fill('one');
    fill('two');
    writeFileSync(at('two', '.portoser', 'log'), 'ours, and other');
    const [one, two] = await hashes('one', 'two');
    expect(one).toMatch(/^2 [0-9a-f]{64}$/);
    expect(two).toBe(one);
    const changes: readonly (() => void)[] = [
      () => chmodSync(at('two', 'a\nb'), 0o600),
      () => utimesSync(at('two', 'a\nb'), 1001, 1001),
      () => {
        writeFileSync(at('two', 'a\nb'), 'two linez');
        utimesSync(at('two', 'a\nb'), 1000, 1000);
      },
      () => {
        rmSync(at('two', 'link'));
        symlinkSync('elsewhere', at('two', 'link'));
        utimesSync(at('two'), 1000, 1000);
      },
      () => {
        mkdirSync(at('two', 'more'));
        utimesSync(at('two'), 1000, 1000);
      },
      () => {
        execFileSync('mkfifo', [at('two', 'pipe')]);
        utimesSync(at('two'), 1000, 1000);
      },
    ];
    for (const change of changes) {
      rmSync(at('two'), { recursive: true });
      fill('two');
      change();
      expect((await hashes('two'))[0]).not.toBe(one);
    }
  });

  it('tells what stands at a target, and how much room there is', async () => {
    mkdirSync(at('empty'));
    fill('full');
    writeFileSync(at('file'), '');
    const targets = ['absent/deeper', 'empty', 'full', 'file'].map(name => ({ path: at(name) }));
    const answer = await machine.run(lookAtTargets({ ...settings, targets }), shell);
    expect(said(answer, 'target').map(row => row.split(' ')[1])).toEqual(['absent', 'empty', 'data', 'file']);
    expect(said(answer, 'target').every(row => /^\d \w+ \d+$/.test(row))).toBe(true);
  });

  it('puts in place what came, and puts aside or refuses what stood there', async () => {
    fill('kept');
    mkdirSync(at('empty'));
    const targets = ['new/db', 'empty', 'kept'].map(name => ({ path: at(name) }));
    const opened = await machine.run(openCopy(room, targets, 'id'), shell);
    const beside = opened.sections?.filter(one => one.name === 'beside').map(one => one.lines.slice(0, 2)) ?? [];
    expect(beside.map(([target]) => target)).toEqual(targets.map(one => one.path));
    for (const [, folder] of beside) writeFileSync(join(folder ?? '', 'came'), 'x');
    const landing = beside.map(([target = '', folder = '']) => ({ target, folder }));
    const refused = await machine.run(landCopy(room, landing.slice(2)), shell);
    expect(said(refused, 'failed')).toEqual([at('kept')]);
    const landed = landing.map(one => ({ ...one, aside: `${one.target}.aside` }));
    expect((await machine.run(landCopy(room, landed), shell)).said('end')).toBe('');
    expect(['new/db', 'empty', 'kept'].map(name => readdirSync(at(name)))).toEqual([['came'], ['came'], ['came']]);
    expect(readFileSync(at('kept.aside', 'a\nb'), 'utf8')).toBe('two lines');
    expect([existsSync(at('empty.aside')), readdirSync(join(machine.state, 'copies'))]).toEqual([false, []]);
  });

  it('clears away what a copy left, before the next one or by itself, and nothing of others', async () => {
    const targets = [{ path: at('db') }];
    await machine.run(openCopy(room, targets, 'first'), shell);
    await machine.run(openCopy(room, targets, 'second'), shell);
    expect(readdirSync(machine.place)).toEqual(['.portoser-copy.second.0']);
    mkdirSync(at('precious'));
    const list = join(machine.state, 'copies', 'db');
    writeFileSync(list, `${readFileSync(list, 'utf8')}${at('precious')}\n`);
    await machine.run(clearCopy(room), shell);
    expect([readdirSync(machine.place), readdirSync(join(machine.state, 'copies'))]).toEqual([['precious'], []]);
  });

  it('does nothing once another controller has the machine', async () => {
    const answer = await machine.run(openCopy({ ...room, fence: '6.y' }, [{ path: at('db') }], 'id'), shell);
    expect([answer.code, readdirSync(machine.place)]).toEqual([76, []]);
  });
});
