// What a host can have against us: what is done to it, and the error that a person shall get.
import type { ErrorCode } from '../../../schema/errors.js';
import { hostKey } from '../harness.js';

export const native = (more: object = {}): object => ({
  type: 'native',
  machine: 'm1',
  path: '/opt/bad',
  source: 'bad',
  command: 'sleep infinity',
  health: { type: 'command', command: 'true' },
  ...more,
});
const docker = (more: object = {}): object => ({
  type: 'docker',
  machine: 'm1',
  path: '/opt/bad',
  source: 'compose',
  ...more,
});

const compose = (image: string): string =>
  `services:\n  main:\n    image: ${image}\n    ports: ["18090:8080"]\n    restart: always\n`;

export const steady = { 'bad/a.txt': 'a\n', 'bad/b.txt': 'b\n', 'compose/compose.yaml': compose('lab/web:1') };

export interface Trouble {
  readonly what: string;
  /** The entry of the bad host, as far as it differs. */
  readonly machine?: object;
  readonly service: object;
  readonly files?: Readonly<Record<string, string>>;
  /** Done to the host before, and undone after. */
  readonly script?: string;
  readonly undo?: string;
  readonly code: ErrorCode;
  readonly message: RegExp;
  readonly hint: RegExp;
  /**
   * What it wrote: nothing, or the claim that says whose the placement is; `files`: also the managed files, whole, where
   * only the start itself can find what is wrong.
   */
  readonly left?: 'claim' | 'files';
  /** The same commit works once the host is as it should be; else another registry is needed. */
  readonly recovers?: true;
}

/** A file system of its own at a place, with so much room. */
const small = (place: string, options: string): string =>
  `mkdir -p ${place}; mount -t tmpfs -o ${options},mode=755 small ${place}`;
const fill = (place: string): string => `head -c 64M /dev/zero >${place}/filler 2>/dev/null || :`;

export const troubles: readonly Trouble[] = [
  {
    what: 'a host key that nobody knows',
    machine: { host_key: undefined },
    service: native(),
    code: 'ssh-host-key-unknown',
    message: /^m1 \(root@10\.77\.0\.1\d:22\) shows a host key that is not known: ssh-ed25519 SHA256:/,
    hint: /portoser machine trust m1$/,
  },
  {
    what: 'another host key than the pinned one',
    machine: { host_key: hostKey(2) },
    service: native(),
    code: 'ssh-host-key-changed',
    message: /shows another host key than the known one: ssh-ed25519 SHA256:/,
    hint: /portoser machine trust m1 --replace$/,
  },
  {
    what: 'a user that is not there',
    machine: { user: 'nobody-here' },
    service: native(),
    code: 'ssh-auth',
    message: /^m1 \(nobody-here@10\.77\.0\.1\d:22\) refused the login/,
    hint: /authorized_keys/,
  },
  {
    what: 'a port where nothing listens',
    machine: { port: 2222 },
    service: native(),
    code: 'ssh-unreachable',
    message: /cannot be reached: nothing listens there/,
    hint: /sshd listens/,
  },
  {
    what: 'a user without sudo, and a system unit',
    machine: { user: 'plain' },
    service: native(),
    code: 'sudo-refused',
    message: /m1.*sudo/,
    hint: /NOPASSWD/,
    left: 'claim',
  },
  {
    what: 'sudo: never, and a system unit',
    machine: { user: 'deploy', sudo: 'never' },
    service: native(),
    code: 'sudo-refused',
    message: /sudo: never for m1/,
    hint: /scope: user/,
  },
  {
    what: 'a user who may not use Docker',
    machine: { user: 'plain' },
    service: docker(),
    code: 'docker-refused',
    message: /docker|sudo/i,
    hint: /group docker/,
  },
  {
    what: 'Docker stopped',
    service: docker(),
    script: 'systemctl stop docker.socket docker.service',
    undo: 'systemctl start docker',
    code: 'docker-down',
    message: /docker/i,
    hint: /systemctl start docker/,
    recovers: true,
  },
  {
    what: 'Docker not installed',
    service: docker(),
    script: 'mv /usr/bin/docker /usr/bin/docker-away',
    undo: 'mv /usr/bin/docker-away /usr/bin/docker',
    code: 'docker-missing',
    message: /docker/i,
    hint: /Install Docker/,
    recovers: true,
  },
  {
    what: 'an image that cannot be had',
    service: docker({ pull: 'never' }),
    files: { 'compose/compose.yaml': compose('lab/none:1') },
    code: 'image-missing',
    message: /lab\/none/,
    hint: /name and tag/,
    left: 'files',
  },
  {
    what: 'an image whose registry does not answer',
    service: docker(),
    files: { 'compose/compose.yaml': compose('lab/none:1') },
    code: 'image-unreachable',
    message: /registry-1\.docker\.io/,
    hint: /network and DNS/,
    left: 'files',
  },
  {
    what: 'a compose file that is none',
    service: docker(),
    files: { 'compose/compose.yaml': 'services:\n  main: {imagee: x}\n' },
    code: 'compose-invalid',
    message: /imagee/,
    hint: /docker compose config/,
    left: 'files',
  },
  {
    what: 'no uv for a Python app',
    service: { type: 'local', machine: 'm1', path: '/opt/bad', source: 'app', command: 'python -m app' },
    files: { 'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n' },
    code: 'uv-missing',
    message: /needs uv, and m1 has none/,
    hint: /Install uv/,
  },
  {
    what: 'a port that a stranger holds',
    service: native({ port: 9301, command: 'python3 -m http.server 9301', health: { type: 'tcp' } }),
    script: 'systemd-run -q --unit=stranger python3 -m http.server 9301',
    undo: 'systemctl stop stranger',
    code: 'port-taken',
    message: /^port 9301 on m1 is taken by python3 \(pid \d+\), which is not ours; 9302 is free$/,
    hint: /another port/,
    recovers: true,
  },
  {
    what: 'a published port that a stranger holds',
    service: docker({ port: 18_090 }),
    script: 'systemd-run -q --unit=stranger python3 -m http.server 18090',
    undo: 'systemctl stop stranger',
    code: 'port-taken',
    message: /^port 18090 on m1 is taken by python3/,
    hint: /another port/,
    recovers: true,
  },
  {
    what: 'a published port that a stranger holds and the registry does not name',
    service: docker(),
    script: 'systemd-run -q --unit=stranger python3 -m http.server 18090',
    undo: 'systemctl stop stranger',
    code: 'port-taken',
    message: /18090/,
    hint: /another port/,
    left: 'files',
    recovers: true,
  },
  {
    what: 'a unit of that name that is not ours',
    service: native(),
    script: `printf '[Service]\\nExecStart=/bin/sleep 1d\\n' >/etc/systemd/system/bad.service; systemctl daemon-reload; systemctl start bad`,
    undo: 'systemctl stop bad; rm /etc/systemd/system/bad.service; systemctl daemon-reload',
    code: 'stranger',
    message: /^bad\.service is on m1 already and is not ours$/,
    hint: /another name/,
    recovers: true,
  },
  {
    what: 'a small disk at the path',
    service: native(),
    script: small('/opt/bad', 'size=2m'),
    undo: 'umount /opt/bad',
    code: 'machine-disk-full',
    message: /^\/opt\/bad on m1 has \d+ KiB/,
    hint: /Free space/,
    recovers: true,
  },
  {
    what: 'a disk without inodes at the path',
    service: native(),
    script: `${small('/opt/bad', 'nr_inodes=100')}; seq 200 | sed 's|^|/opt/bad/f|' | xargs touch 2>/dev/null || :`,
    undo: 'umount /opt/bad',
    code: 'machine-disk-full',
    message: /0 % of its inodes/,
    hint: /inodes/,
    recovers: true,
  },
  {
    what: 'a small disk under the state folder',
    service: native(),
    script: small('/var/lib/portoser', 'size=2m'),
    undo: 'umount /var/lib/portoser',
    code: 'machine-disk-full',
    message: /^\/var\/lib\/portoser on m1 has \d+ KiB/,
    hint: /Free space/,
    recovers: true,
  },
  {
    what: 'a full disk that only the writing finds, behind a link at the path',
    service: native(),
    script: `${small('/mnt/small', 'size=64k')}; mkdir /mnt/small/bad; ${fill('/mnt/small')}; ln -s /mnt/small/bad /opt/bad`,
    undo: 'umount /mnt/small; rm /opt/bad',
    code: 'machine-disk-full',
    message: /no space left on m1/,
    hint: /Free space/,
    left: 'claim',
    recovers: true,
  },
  {
    what: 'a full disk that only the writing finds, where units stand',
    service: native(),
    script: `cp -a /etc/systemd/system /tmp/units; ${small('/etc/systemd/system', 'size=512k')}; cp -a /tmp/units/. /etc/systemd/system; ${fill('/etc/systemd/system')}`,
    undo: 'umount /etc/systemd/system; rm -r /tmp/units',
    code: 'machine-disk-full',
    message: /no space left on m1/,
    hint: /Free space/,
    left: 'claim',
    recovers: true,
  },
  {
    what: 'a full disk that only the writing finds, behind a link at the state folder',
    service: native(),
    script: `rm -rf /var/lib/portoser; ${small('/mnt/small', 'size=64k')}; ${fill('/mnt/small')}; ln -s /mnt/small /var/lib/portoser`,
    undo: 'umount /mnt/small; rm /var/lib/portoser',
    code: 'machine-disk-full',
    message: /m1/,
    hint: /Free space/,
    recovers: true,
  },
];
