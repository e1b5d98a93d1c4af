// A person at another host, who pushes over SSH to the repository on the controller's machine; all by the real git and OpenSSH.
import { readFileSync } from 'node:fs';
import { startSshd, type Sshd } from '../../servers/sshd.js';
import type { FreshRepo, Host } from '../harness.js';

export interface PushingHost {
  /** Commits these texts there and pushes them; the commit's id. */
  push(files: Readonly<Record<string, string>>, message: string): Promise<string>;
  /** Ends the SSH server. */
  remove(): Promise<void>;
}

/** The controller's machine as the lab's hosts see it. */
const address = '10.77.0.1';
const clone = '/root/registry';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Clones the bare repository onto the host; the lab's network must be up. */
export async function pushingHost(host: Host, repo: FreshRepo): Promise<PushingHost> {
  const sshd = await startSshd({ addresses: [address] });
  await host.must(loginScript(sshd));
  await host.must(`git clone -q 'ssh://${sshd.user}@${address}:${sshd.port}${repo.bare}' ${clone} 2>&1`);
  return {
    async push(files, message) {
      const writes = Object.entries(files).map(
        ([path, text]) => `mkdir -p "$(dirname '${path}')"; echo ${base64(text)} | base64 -d >'${path}'`,
      );
      const commit = `git add -A; git commit -q -m "$(echo ${base64(message)} | base64 -d)"; git push -q origin HEAD:main`;
      return (await host.must(['set -e', `cd ${clone}`, ...writes, commit, 'git rev-parse HEAD'].join('\n'))).trim();
    },
    remove: () => sshd.remove(),
  };
}

/** The key, the server's pinned host key, and who commits. */
function loginScript(sshd: Sshd): string {
  const options =
    '-i /root/.ssh/pusher -o IdentitiesOnly=yes -o UserKnownHostsFile=/root/.ssh/pushed-to -o StrictHostKeyChecking=yes';
  return `umask 077
echo ${base64(readFileSync(sshd.keyFile, 'utf8'))} | base64 -d >/root/.ssh/pusher
echo '[${address}]:${sshd.port} ${sshd.hostKey()}' >/root/.ssh/pushed-to
git config --global core.sshCommand 'ssh ${options}'
git config --global user.name Ada
git config --global user.email ada@example.com
git config --global init.defaultBranch main`;
}
