// The soak's hosts: what they note by themselves, who was there before us, and what stands on them now.
import { containerStarts, fileTimes, startTimes, type Host } from '../harness.js';
import { cluster, folderOf, type Slot, slots } from './services.js';

const state = `/var/lib/portoser/clusters/${cluster}`;

/**
 * Stands before the real systemctl(1): whatever changes units is noted with the fence and the holder of the lock at that
 * moment, and whoever finds another in here has caught two writers at once.
 */
const systemctl = `#!/bin/sh
case " $* " in *' start '*|*' stop '*|*' restart '*|*' enable '*|*' disable '*|*' daemon-reload '*)
  exec 9>>/opt/log/lock
  flock -n 9 || echo "overlap $*" >>/opt/log/overlaps
  read up rest </proc/uptime
  echo "$(cat ${state}/fence) $(cut -d' ' -f1,2 ${state}/lock) $* @$up" >>/opt/log/writes
  /usr/bin/systemctl "$@"; exit $?
esac
exec /usr/bin/systemctl "$@"
`;

/** Things of somebody else, also in our folders. */
const stranger = '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n';
const theirFile = (name: string): string => `/opt/soak/${name}/theirs.txt`;

const text = (path: string, content: string, mode = '644'): string =>
  `echo ${Buffer.from(content).toString('base64')} | base64 -d >${path}; chmod ${mode} ${path}`;

export async function prepare(host: Host): Promise<void> {
  await host.must(`set -e
mkdir -p /opt/log; : >/opt/log/starts; : >/opt/log/writes; : >/opt/log/overlaps
${text('/usr/local/bin/systemctl', systemctl, '755')}
${text('/etc/systemd/system/stranger.service', stranger)}
/usr/bin/systemctl daemon-reload; /usr/bin/systemctl -q enable --now stranger
${slots.map(one => `mkdir -p ${folderOf(one)}; echo theirs >${theirFile(one.name)}`).join('\n')}
${host.index === 1 ? 'docker run -d --name stranger --restart always lab/web:1 >/dev/null' : ':'}`);
}

/** `files` never change; `lives` only when their host was crashed. */
export interface Strangers {
  readonly files: unknown;
  readonly lives: unknown;
}

export async function strangersOn(host: Host): Promise<Strangers> {
  const [files, units, containers] = await Promise.all([
    fileTimes(host, ['/etc/systemd/system/stranger.service', ...slots.map(one => theirFile(one.name))]),
    startTimes(host, ['stranger.service']),
    host.index === 1 ? containerStarts(host, ['stranger']) : {},
  ]);
  return { files, lives: { units, containers } };
}

export interface Seen {
  /** Arguments of all `sleep` processes of ours with their VERSION: `1000000 v3`. */
  readonly naps: readonly string[];
  /** Running containers: `d1-main-1 lab/web:1 v3`. */
  readonly containers: readonly string[];
  /** `n1 v3 4711.08` for each start, oldest first: what, and when by the clock that all hosts share, in seconds. */
  readonly starts: readonly string[];
  /** `fence controller process verb… @4711.08` for each write, by the same clock. */
  readonly writes: readonly string[];
  readonly overlaps: string;
  /** Locks, steps that run, things laid aside. */
  readonly leftovers: readonly string[];
}

const lines = (output: string): readonly string[] => output.split('\n').filter(line => line !== '');

/** A process of a service is known by its argument; one that a container has is none of them. */
const napScript = `for p in /proc/[0-9]*; do
  c=$(tr '\\0' ' ' <$p/cmdline 2>/dev/null) || continue
  case $c in 'sleep '[0-9]*[0-9]' ') c=\${c#sleep }; [ "\${c% }" -ge 1000000 ] || continue
    echo "\${c% } $(tr '\\0' '\\n' <$p/environ | sed -n 's/^VERSION=//p')";; esac
done`;

const containerScript = `docker ps -q --filter label=com.docker.compose.project | xargs -r docker inspect -f '{{.Name}} {{.Config.Image}} {{range .Config.Env}}{{println .}}{{end}}' |
awk '/^\\//{name=$1; image=$2; v=""} {for(i=1;i<=NF;i++) if ($i ~ /^VERSION=/) v=substr($i,9)} /^$/{if(name!="") print substr(name,2), image, v; name=""}'`;

export async function seenOn(host: Host): Promise<Seen> {
  const [naps, containers, starts, writes, overlaps, leftovers] = await Promise.all([
    host.must(napScript),
    host.index === 1 ? host.must(containerScript) : '',
    host.must('cat /opt/log/starts'),
    host.must('cat /opt/log/writes'),
    host.must('cat /opt/log/overlaps'),
    host.must(
      `cd ${state} 2>/dev/null || exit 0; ls -d lock lock.* steps/*/open steps/made.* 2>/dev/null; find incoming stamps /opt/soak /etc/systemd/system -type f -name '*portoser-new*'; find incoming -type f`,
    ),
  ]);
  return {
    naps: lines(naps).toSorted(),
    containers: lines(containers).toSorted(),
    starts: lines(starts),
    writes: lines(writes),
    overlaps: overlaps.trim(),
    leftovers: lines(leftovers),
  };
}

/** A service of which a person took the hands off. */
export interface Standing {
  readonly files: string;
  /** Whether it runs, and how often it was started: a crash of its host changes it. */
  readonly lives: string;
}

export async function standingOf(host: Host, { name, kind }: Slot): Promise<Standing> {
  const folder = folderOf({ name });
  const files = `cat /etc/systemd/system/${name}.service 2>/dev/null; find ${folder} -type f -exec sha256sum {} + | sort`;
  const lives = `grep -c '^${name} ' /opt/log/starts; systemctl is-active ${name}`;
  const containers = `docker ps -a --no-trunc --filter label=com.docker.compose.project=${name} --format '{{.ID}} {{.State}}'`;
  const [{ stdout: standing }, { stdout: living }] = await Promise.all([
    host.inside(files),
    host.inside(`${lives}; ${kind === 'docker' ? containers : ':'}`),
  ]);
  return { files: standing, lives: living };
}
