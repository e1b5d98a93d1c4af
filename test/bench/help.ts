// `portoser --help` beside a Node that does nothing.
import type { Figure } from './figure.js';
import { builtProgram, mustTake } from './product.js';

export async function measureHelp(rounds: number): Promise<Figure> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await mustTake(process.execPath, ['-e', '0']));
    ours.push(await mustTake(process.execPath, [builtProgram, '--help']));
  }
  return {
    name: '`portoser --help`',
    unit: 'ms',
    goal: { kind: 'ratio', most: 2.5 },
    ours,
    reference: { name: '`node -e 0`', values: bare },
  };
}
