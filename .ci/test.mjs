// npm test [room...]: all tests, room after room, with all they need; names what it had to leave out; counts honestly.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, install } from './install.mjs';
import { isDebianRoot, missing, needs, prepareMachine } from './machine.mjs';
import { root, run, tool } from './programs.mjs';

const requireAll = process.env.PORTOSER_REQUIRE_ALL === '1';
const asked = process.argv.slice(2);
const rooms = Object.keys(needs).filter(room => asked.length === 0 || asked.includes(room));
const results = join(root, '.cache/test');
/** @type {string[]} the signals that asked us to stop; the running room gets them too */
const stops = [];
/** @type {string[]} all that failed, told once more at the end */
const fallen = [];
/** @type {string[]} how long each room took */
const durations = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stops.push(signal));

/** Why a room cannot run on this machine, or undefined. */
async function obstacle(room) {
  const programs = missing(room);
  if (room === 'lab' && !isDebianRoot) return 'need root on Debian';
  if (programs.length > 0) return `need ${programs.join(', ')}`;
  if (room !== 'lab') return undefined;
  const tried = await run('test/lab/lab', ['try'], { quiet: true });
  return tried.code === 0 ? undefined : tried.output.trim().split('\n').at(-1) || 'no host boots here';
}

async function runRoom(room) {
  const file = join(results, `${room}.json`);
  rmSync(file, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const { code } = await tool('vitest', ['run', '--project', room, '--passWithNoTests', ...reporters]);
  return count(room, code, read(file));
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The first lines of what a test says: enough to know it by at the end of a long output. */
const headOf = (text = '') => text.split('\n').slice(0, 12).join('\n    ').slice(0, 1500);

/** A file that fails without a failed test (it does not load, a hook fails), or a room that fails without either, counts as one. */
function count(room, code, report) {
  const files = report?.testResults ?? [];
  const tests = files.flatMap(file => file.assertionResults);
  const passed = tests.filter(test => test.status === 'passed').length;
  const failures = files.flatMap(file => {
    const name = relative(root, file.name);
    const failed = file.assertionResults.filter(test => test.status === 'failed');
    if (file.status === 'failed' && failed.length === 0) return [`${name} as a whole: ${headOf(file.message)}`];
    return failed.map(test => `${name}: ${test.fullName}\n    ${headOf(test.failureMessages?.[0])}`);
  });
  if (code !== 0 && failures.length === 0) failures.push(`${room} tests ended with code ${code}`);
  fallen.push(...failures);
  return {
    passed,
    failed: failures.length,
    skipped: tests.filter(test => !['passed', 'failed'].includes(test.status)).length,
  };
}

async function leaveOut(room, why) {
  console.log(`skipped: ${room} tests: ${why}`);
  if (requireAll) fallen.push(`${room} tests: ${why}`);
  const { output } = await tool('vitest', ['list', '--project', room, '--json'], { quiet: true });
  return { passed: 0, failed: requireAll ? 1 : 0, skipped: output.split('"name":').length - 1 };
}

/** Done before the first room; each step that goes wrong counts as one failure, and the rooms are tried all the same. */
async function prepare() {
  let failed = 0;
  for (const step of [install, build, prepareMachine]) {
    try {
      await step();
    } catch (error) {
      fallen.push(error.message);
      failed += 1;
    }
  }
  return failed;
}

async function allRooms() {
  const total = { passed: 0, failed: await prepare(), skipped: 0 };
  for (const room of rooms) {
    if (stops.length > 0) break;
    console.log(`--- ${room}`);
    const startedAt = Date.now();
    const why = await obstacle(room);
    const counted = why === undefined ? await runRoom(room) : await leaveOut(room, why);
    durations.push(`${room} ${((Date.now() - startedAt) / 60_000).toFixed(1)}`);
    for (const key of Object.keys(total)) total[key] += counted[key];
  }
  return total;
}

mkdirSync(results, { recursive: true });
const total = await allRooms();
if (isDebianRoot) await run('test/lab/lab', ['tidy'], { quiet: true });
if (stops.length > 0) {
  console.log(`stopped by ${stops[0]}`);
  total.failed += 1;
}
if (requireAll && total.skipped > 0) {
  console.log(`failed: nothing may be skipped here, ${total.skipped} tests were`);
  total.failed += total.skipped;
  total.skipped = 0;
}
if (total.passed === 0 && total.failed === 0) {
  console.log('failed: no test ran');
  total.failed = 1;
}
for (const one of fallen) console.log(`failed: ${one}`);
console.log(`minutes: ${durations.join(', ')}`);
const more = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${more}`);
process.exitCode = total.failed > 0 ? 1 : 0;
