// What machines say of themselves, as Linux, busybox, macOS and FreeBSD print it; and nothing made up where they say less.
import { describe, expect, it } from 'vitest';
import { readFacts, readFileSystems, readListeners } from '../../reconciler/core/facts.js';

const lines = (text: string) => text.split('\n').filter(line => line !== '');

const debian = `uname Linux nas 6.1.0-18-amd64 x86_64
clock 1700000100
user 1000 admin /home/admin
manager systemd
uv yes
boot 3d6c0a4e-1111-2222-3333-444455556666
uptime 86400.52
load 0.42
memory MemTotal: 16305940
memory MemAvailable: 9000000
cpu  100 5 50 1000 20 3 2 0 0 0
cpus 4
net lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0
net eth0: 123456 10 0 0 0 0 0 0 654321 11 0 0 0 0 0 0
net wlan0:77 1 0 0 0 0 0 0 88 1 0 0 0 0 0 0
temperature 48312
`;

const debianDf = `Filesystem     1024-blocks     Used Available Capacity Mounted on
udev               8125480        0   8125480       0% /dev
tmpfs              1630596     1464   1629132       1% /run
/dev/nvme0n1p2   244506940 91000000 141000000      40% /
//nas/share name  1000       10   990    1% /mnt/my share
overlay          244506940 91000000 141000000      40% /var/lib/docker/overlay2/x/merged
`;
const debianInodes = `Filesystem       Inodes  IUsed    IFree IUse% Mounted on
/dev/nvme0n1p2 15597568 500000 15097568    4% /
`;

const macos = `uname Darwin mini 23.4.0 arm64
clock 1700000100
user 501 admin /Users/admin
manager launchd
booted 1700000000
boot 8F1B2C3D-AAAA-BBBB-CCCC-DDDDEEEEFFFF
load 1.87 2.01 1.95
cpus 8
memory-bytes 17179869184
page-size 16384
pages-free 10000
pages-inactive 300000
`;
const macosDf = `Filesystem   1024-blocks      Used Available Capacity  Mounted on
/dev/disk3s1s1   482797652  10000000 200000000     5%    /
devfs                  205       205         0   100%    /dev
/dev/disk3s5     482797652 250000000 200000000    56%    /System/Volumes/Data
map auto_home            0         0         0   100%    /System/Volumes/Data/home
`;
const macosInodes = `Filesystem   512-blocks      Used Available Capacity iused      ifree %iused  Mounted on
/dev/disk3s1s1    965595304  20000000 400000000     5%  404167 2000000000    0%   /
`;

const freebsd = `uname FreeBSD bsd 14.0-RELEASE amd64
clock 1700000100
user 0 root /root
manager rc
booted 1699999100
boot
load 0.10 0.20 0.30
cpus 2
memory-bytes 4294967296
`;

const busybox = `uname Linux alpine 6.6.1 aarch64
clock 1700000100
user 0 root /root
manager none
boot b
uptime 12.00
load 0.00
memory MemTotal: 500000
memory MemAvailable: 400000
cpu  1 0 1 10
cpus 1
`;
const busyboxDf = `Filesystem           1024-blocks    Used Available Capacity Mounted on
overlay               10000000   5000000   5000000  50% /
shm                      65536         0     65536   0% /dev/shm
/dev/mmcblk0p1          258095     30000   228095  12% /boot
`;

describe('facts', () => {
  it('of Debian', () => {
    expect(readFacts(lines(debian), lines(debianDf), lines(debianInodes))).toEqual({
      platform: 'linux',
      arch: 'amd64',
      kernel: '6.1.0-18-amd64',
      hostname: 'nas',
      bootId: '3d6c0a4e-1111-2222-3333-444455556666',
      clock: 1_700_000_100,
      uptimeSeconds: 86_400,
      load1: 0.42,
      cpus: 4,
      memoryTotalBytes: 16_305_940 * 1024,
      memoryFreeBytes: 9_000_000 * 1024,
      fileSystems: [
        { mount: '/', totalBytes: 244_506_940 * 1024, freeBytes: 141_000_000 * 1024, inodesFreePercent: 97 },
        { mount: '/mnt/my share', totalBytes: 1_024_000, freeBytes: 1_013_760 },
      ],
      cpuTicks: { busy: 160, total: 1180 },
      network: { eth0: { receivedBytes: 123_456, sentBytes: 654_321 }, wlan0: { receivedBytes: 77, sentBytes: 88 } },
      temperatureCelsius: 48.312,
      uid: 1000,
      user: 'admin',
      home: '/home/admin',
      serviceManager: 'systemd',
      hasUv: true,
    });
  });

  it('of macOS: pages by their size, uptime from the time of the boot', () => {
    const facts = readFacts(lines(macos), lines(macosDf), lines(macosInodes));
    expect(facts).toMatchObject({
      platform: 'darwin',
      arch: 'arm64',
      uptimeSeconds: 100,
      load1: 1.87,
      cpus: 8,
      memoryTotalBytes: 17_179_869_184,
      memoryFreeBytes: 310_000 * 16_384,
      serviceManager: 'launchd',
      hasUv: false,
      network: {},
    });
    expect(facts?.fileSystems.map(one => one.mount)).toEqual(['/', '/System/Volumes/Data']);
    expect(facts?.fileSystems[0]?.inodesFreePercent).toBeUndefined();
    expect(facts).not.toHaveProperty('cpuTicks');
    expect(facts).not.toHaveProperty('temperatureCelsius');
  });

  it('of FreeBSD: what it does not say stays zero', () => {
    expect(readFacts(lines(freebsd), [], [])).toMatchObject({
      platform: 'bsd',
      arch: 'amd64',
      serviceManager: 'rc',
      bootId: '',
      uptimeSeconds: 1000,
      load1: 0.1,
      memoryTotalBytes: 4_294_967_296,
      memoryFreeBytes: 0,
      fileSystems: [],
    });
  });

  it('of busybox in a container: its root is a real file system', () => {
    const facts = readFacts(lines(busybox), lines(busyboxDf), []);
    expect(facts).toMatchObject({
      arch: 'arm64',
      serviceManager: 'none',
      uptimeSeconds: 12,
      cpuTicks: { busy: 2, total: 12 },
    });
    expect(facts?.fileSystems.map(one => one.mount)).toEqual(['/', '/boot']);
  });

  it.each([
    ['x86_64', 'amd64'],
    ['aarch64', 'arm64'],
    ['armv7l', 'arm'],
    ['armv6l', 'arm'],
    ['riscv64', 'other'],
  ])('of a processor %s', (hardware, arch) => {
    expect(readFacts(lines(debian.replace('x86_64', hardware)), [], [])?.arch).toBe(arch);
  });

  it.each([
    ['nothing', ''],
    ['no clock', debian.replace(/clock.*\n/, '')],
    ['no user', debian.replace(/user.*\n/, '')],
    ['something else', 'Permission denied\n'],
  ])('of a machine that says %s are none', (_, text) => {
    expect(readFacts(lines(text), [], [])).toBeUndefined();
  });

  it('a full disk has none left, also where more is used than there is', () => {
    const full = ['Filesystem 1024-blocks Used Available Capacity Mounted on', '/dev/sda1 1000 1060 -60 106% /'];
    expect(
      readFileSystems(full, ['Filesystem Inodes IUsed IFree IUse% Mounted on', '/dev/sda1 100 100 0 100% /']),
    ).toEqual([{ mount: '/', totalBytes: 1_024_000, freeBytes: -61_440, inodesFreePercent: 0 }]);
  });
});

const ss = `LISTEN 0      4096       127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=612,fd=14))
LISTEN 0      511              0.0.0.0:80         0.0.0.0:*    users:(("nginx",pid=900,fd=6),("nginx",pid=901,fd=6))
LISTEN 0      4096                [::]:22            [::]:*
LISTEN 0      4096                   *:9100             *:*
`;
const lsof = `p612
cnginx: master
f6
n*:80
f7
n[::1]:81
p900
cpython3.11
f3
n127.0.0.1:8000
`;
const proc = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1234 1
   1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000  1000        0 1235 1
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1
`;
const netstat = `Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  127.0.0.1.5432         *.*                    LISTEN
tcp46      0      0  *.80                   *.*                    LISTEN
tcp4       0      0  10.0.0.5.22            10.0.0.9.51514         ESTABLISHED
`;

describe('listeners', () => {
  it.each([
    [
      'ss',
      ss,
      [
        { port: 53, address: '127.0.0.53%lo', process: 'systemd-resolve', pid: 612 },
        { port: 80, address: '0.0.0.0', process: 'nginx', pid: 900 },
        { port: 22, address: '[::]' },
        { port: 9100, address: '*' },
      ],
    ],
    [
      'lsof',
      lsof,
      [
        { port: 80, address: '*', process: 'nginx: master', pid: 612 },
        { port: 81, address: '[::1]', process: 'nginx: master', pid: 612 },
        { port: 8000, address: '127.0.0.1', process: 'python3.11', pid: 900 },
      ],
    ],
    [
      '/proc/net/tcp',
      proc,
      [
        { port: 8080, address: '0100007F' },
        { port: 80, address: '00000000000000000000000000000000' },
      ],
    ],
    [
      'netstat',
      netstat,
      [
        { port: 5432, address: '127.0.0.1' },
        { port: 80, address: '*' },
      ],
    ],
    ['nothing', '', []],
    ['an error', 'ss: command not found\n', []],
  ])('by %s', (_, text, expected) => {
    expect(readListeners(lines(text))).toEqual(expected);
  });
});
