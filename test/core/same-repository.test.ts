// Addresses of one repository, in all the forms that people and forges write.
import { describe, expect, it } from 'vitest';
import { mayBeRepository } from '../../reconciler/core/same-repository.js';

describe('what may be one repository', () => {
  it.each([
    ['https://github.com/ada/fleet', 'https://github.com/ada/fleet.git'],
    ['https://github.com/ada/fleet.git', 'git@github.com:ada/fleet.git'],
    ['git@github.com:ada/fleet', 'ssh://git@ssh.github.com:443/ada/fleet.git'],
    ['https://github.com/Ada/Fleet/', 'ada/fleet'],
    ['http://127.0.0.1:3000/ada/fleet.git', 'https://git.example.org/ada/fleet'],
    ['https://gitlab.example.org/ops/home/fleet.git', 'ops/home/fleet'],
    ['ssh://git@bitbucket.example.org:7999/ops/fleet.git', 'https://bitbucket.example.org/scm/OPS/fleet.git'],
    ['https://api.github.com/repos/ada/fleet', 'https://github.com/ada/fleet'],
    ['git@[::1]:ada/fleet.git', 'ada/fleet'],
    ['/srv/git/fleet.git', 'https://git.example.org/ada/fleet'],
    ['file:///var/lib/gitea/repositories/ada/fleet.git', 'ada/fleet'],
    ['git@host:fleet.git', 'ada/fleet'],
    ['https://git.example.org/ada/fleet', 'fleet'],
  ])('%s and %s', (ours, theirs) => {
    expect(mayBeRepository(ours, [theirs])).toBe(true);
    expect(mayBeRepository(ours, ['https://example.org/x/y', theirs])).toBe(true);
  });

  it.each([
    ['https://github.com/ada/fleet', 'https://github.com/eve/fleet'],
    ['https://github.com/ada/fleet', 'https://github.com/ada/other'],
    ['https://github.com/ada/fleet', 'https://github.com/ada/fleet/tree/main'],
    ['https://github.com/ada/fleet', ''],
    ['https://github.com/ada/fleet', 'https://github.com'],
    ['https://github.com/ada/fleet', '.git'],
    ['git@github.com:ada/fleet', 'git@github.com:ada/fleets'],
    ['/srv/git/fleet.git', 'ada/other'],
    ['', ''],
  ])('not %s and %s', (ours, theirs) => {
    expect(mayBeRepository(ours, [theirs])).toBe(false);
  });

  it('nothing, and nothing', () => {
    expect(mayBeRepository('https://github.com/ada/fleet', [])).toBe(false);
  });
});
