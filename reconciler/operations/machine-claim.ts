// Makes a machine that knows this cluster's name from another repository belong to this one.
import { claimMachine, type Claimed } from '../loop/claim.js';
import { desire } from '../loop/desired.js';
import { sync } from '../loop/sync.js';
import type { Operation } from './operation.js';
import { needMachine, needRegistry } from './parts/names.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the machine') }, ['name']);

export const machineClaim: Operation<typeof input, Claimed> = {
  name: 'machine.claim',
  summary: 'Take a machine over from another repository',
  effect: 'changes',
  role: 'admin',
  input,
  run: async ({ ports, lists }, { name }) => {
    const synced = await sync(ports, { from: ports.source.git === undefined ? 'files' : 'commit' });
    const machine = needMachine(needRegistry(synced), name);
    return await claimMachine(ports, machine, await desire(ports, lists, synced));
  },
};
