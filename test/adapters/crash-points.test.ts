// Crash points: armed by a number they end the process there and nowhere else, without any cleanup; counted they tell all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { armCrashPoints } from '../../reconciler/adapters/crash-points.js';

/** A process that passes three points and says what it still gets to do. */
async function passing(wish: string) {
  const file = new URL('../../reconciler/adapters/crash-points.ts', import.meta.url).href;
  const source = `
    import { armCrashPoints } from ${JSON.stringify(file)};
    process.on('exit', () => console.log('orderly'));
    const pass = armCrashPoints(${JSON.stringify(wish)});
    try { for (const name of ['one', 'two', 'three']) { console.log('before ' + name); pass(name); } }
    finally { console.log('cleaned up'); }
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: 'pipe' });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, ...texts };
}

it('kills the process at the point of that number', async () => {
  expect(await passing('2')).toEqual({
    code: null,
    signal: 'SIGKILL',
    out: 'before one\nbefore two\n',
    err: 'crash point 2: two\n',
  });
});

it('leaves a process alone that does not pass so many', async () => {
  expect(await passing('4')).toMatchObject({ code: 0, err: '' });
});

it('counts them', async () => {
  expect(await passing('count')).toEqual({
    code: 0,
    signal: null,
    out: 'before one\nbefore two\nbefore three\ncleaned up\norderly\n',
    err: 'crash point 1: one\ncrash point 2: two\ncrash point 3: three\n',
  });
});

it.each(['0', '-1', '2x', 'yes'])('%s arms nothing', wish => {
  expect(() => armCrashPoints(wish)).toThrow('PORTOSER_CRASH_AT');
});
