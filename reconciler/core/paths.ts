// Paths of the registry: normalised, so that one folder has one spelling, and folders that belong to the system refused.

/** Doubled slashes, `/./` and a slash at the end taken away. */
export function normalPath(path: string): string {
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  return `${path.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}

const system = new Set([
  '/',
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/home',
  '/lib',
  '/lib64',
  '/media',
  '/mnt',
  '/opt',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/srv',
  '/sys',
  '/tmp',
  '/usr',
  '/usr/bin',
  '/usr/lib',
  '/usr/local',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/share',
  '/var',
  '/var/lib',
  '/var/log',
  '/Users',
  '/Applications',
  '/Library',
  '/System',
  '/private',
  '/private/etc',
  '/private/var',
]);

/** A folder (normalised) that holds more than one service's own things. */
export function isSystemFolder(path: string): boolean {
  return system.has(path) || /^\/(proc|sys|dev)\//.test(path);
}
