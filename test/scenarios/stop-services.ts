// Ends what a test deployed on this machine: by a registry without services, whose plan a person approves.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

type Portoser = (line: string) => Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;

/** Throws when anything of it may still run. */
export async function stopServices(repo: string, cluster: string, portoser: Portoser): Promise<void> {
  const text = `cluster: ${cluster}\nmachines:\n  me: {host: local, user: root, platform: linux}\nservices: {}\n`;
  await writeFile(join(repo, 'registry.yml'), text);
  await promisify(execFile)('git', ['-C', repo, 'commit', '-q', '-a', '-m', 'Stop all']);
  const { plan } = JSON.parse((await portoser('plan --committed --json')).out) as {
    readonly plan: { readonly id: string };
  };
  await portoser(`approve ${plan.id}`);
  const ended = await portoser('run --once');
  if (ended.code !== 0) throw new Error(`services may still run:\n${ended.out}\n${ended.err}`);
}
