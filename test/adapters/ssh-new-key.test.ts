// Key pairs of embedded machines: ssh2 itself makes one in some hundreds that nobody can read.
import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { newKeyPair } from '../../reconciler/adapters/ssh-new-key.js';

it('every new key pair can be read', async () => {
  const pairs = await Promise.all(Array.from({ length: 2000 }, newKeyPair));
  const unread = pairs
    .flatMap(pair => [pair.private, pair.public])
    .filter(text => ssh2.utils.parseKey(text) instanceof Error);
  expect(unread).toEqual([]);
});
