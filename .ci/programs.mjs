// Runs programs for the scripts beside this file: with the terminal, or quietly for their output; signals reach them.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a program in the project's folder. `quiet`: both outputs are kept and given back instead of shown.
 * Resolves to { code, output }; code is 128 + number when a signal ended it, 127 when the program is not there.
 */
export function run(program, words, { quiet = false, env = {} } = {}) {
  return new Promise(resolve => {
    const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(program, words, { cwd: root, stdio, env: { ...process.env, ...env } });
    const stopPassing = passSignals(child);
    const kept = [];
    child.stdout?.on('data', chunk => kept.push(chunk));
    child.stderr?.on('data', chunk => kept.push(chunk));
    child.on('error', error => {
      stopPassing();
      resolve({ code: 127, output: String(error.message) });
    });
    child.on('close', (code, signal) => {
      stopPassing();
      resolve({ code: code ?? 128 + signalNumbers[signal], output: Buffer.concat(kept).toString() });
    });
  });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/** A terminal sends Ctrl-C to the whole group itself; sent twice it would mean "at once". */
function passSignals(child) {
  const pass = signal => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, pass);
  return () => signals.forEach(signal => process.off(signal, pass));
}

/** A program that npm installed for this project. */
export function tool(name, words, options) {
  return run(`node_modules/.bin/${name}`, words, options);
}

/** Runs until it succeeds, at most `tries` times, with a growing pause: for what goes over a network. */
export async function retry(tries, attempt) {
  for (let round = 1; ; round += 1) {
    const ended = await attempt();
    if (ended.code === 0 || round === tries) return ended;
    await new Promise(resolve => setTimeout(resolve, round * 3000));
  }
}
