// The ground of the story of outages: hosts that note every start, stop a change at points of its own, and tell what stands on them.
import type { Host } from '../harness.js';

/** Run by systemd before each start: notes the version, and does not let it start while /run/hold is there. */
const guard = `#!/bin/sh
echo "begin $VERSION" >>/opt/guard/log
while [ -e /run/hold ]; do sleep 0.1; done
echo "end $VERSION" >>/opt/guard/log
`;
/** Stands before the real sync(1): files that are laid beside their target wait here for their rename. */
const slowSync = `#!/bin/sh
while [ -e /run/hold-sync ] && ls /opt/far/.portoser-new* >/dev/null 2>&1; do : >/run/syncing; sleep 0.1; done
exec /bin/sync "$@"
`;

const script = (path: string, text: string): string =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}; chmod 755 ${path}`;

export const setUp = (unit: string): string => `set -e
mkdir -p /opt/guard /etc/systemd/system/${unit}.service.d; : >/opt/guard/log
${script('/opt/guard/guard', guard)}
${script('/usr/local/bin/sync', slowSync)}
printf '[Service]\\nExecStartPre=/opt/guard/guard\\nTimeoutStartSec=infinity\\n' >/etc/systemd/system/${unit}.service.d/guard.conf
systemctl daemon-reload`;

/** It listens only once /run/closed is away. */
export const server =
  'while [ -e /run/closed ]; do sleep 0.1; done; exec python3 -m http.server 9201 --bind 127.0.0.1 >/dev/null 2>&1';

/** `begin v1`, `end v1`, …: each start of the host's service, oldest first. */
export const words = async (host: Host): Promise<readonly string[]> =>
  (await host.must('cat /opt/guard/log')).split('\n').filter(line => line !== '');

/** What stands on a far host: whole files of one version, nothing laid aside, no lock, a finished stamp, the process. */
export async function standing(host: Host, service: string): Promise<readonly string[]> {
  const found = await host.must(`cd /opt/far; cat a.txt deep/b.txt; ls | paste -sd' '
find / -xdev -name '.portoser-new*' -print; cd /var/lib/portoser/clusters/outage
find incoming -type f; ls lock steps/*/open 2>/dev/null; grep -c ^fingerprint stamps/${service}
curl -s -o /dev/null localhost:9201 && tr '\\0' '\\n' <"/proc/$(systemctl show -P MainPID ${service})/environ" | grep VERSION`);
  return found.trimEnd().split('\n');
}
