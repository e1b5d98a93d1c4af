// Ends processes that a test started.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Takes all of them away, those that run at once. */
export async function endChildren(children: ChildProcess[]): Promise<void> {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
}
