// Packs that strangers filled: ordinary ones pass, those that stand for more than memory holds do not.
import { deflateSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkPack, type PackLimits, packLimits } from '../../reconciler/adapters/git-pack-guard.js';
import { commitFiles, git, gitEnv, makeRepo, scratch } from '../contracts/git-fixture.js';

/** Type and size of an object, then its bytes (gitformat-pack). */
function packed(type: number, content: Buffer, size = content.length, base = Buffer.alloc(0)): Buffer {
  const head: number[] = [];
  let left = Math.floor(size / 16);
  head.push((type << 4) | (size % 16) | (left > 0 ? 0x80 : 0));
  while (left > 0) {
    const low = left % 128;
    left = Math.floor(left / 128);
    head.push(low | (left > 0 ? 0x80 : 0));
  }
  return Buffer.concat([Buffer.from(head), base, deflateSync(content)]);
}

function packOf(...objects: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(objects.length, 8);
  return Buffer.concat([head, ...objects, Buffer.alloc(20)]);
}

const limits: PackLimits = { packBytes: 1000, objects: 3, objectBytes: 1000, allBytes: 1500 };
const refused = { code: 'git-unsupported' };

describe('a pack', () => {
  it('as git makes it passes, deltas and all', async () => {
    const folder = await scratch();
    const { clone } = await makeRepo(folder);
    const long = Array.from({ length: 3000 }, (_, line) => `line ${line * 7919}\n`).join('');
    for (let round = 0; round < 5; round += 1) await commitFiles(clone, { 'big.txt': `${long}${round}\n` });
    await git(clone, 'repack', '-adfq', '--depth=10');
    const name = (await git(clone, 'rev-parse', '--git-path', 'objects/pack')).trim();
    const listing = execFileSync('sh', ['-c', 'cat *.pack'], { cwd: join(clone, name), env: gitEnv, maxBuffer: 1e9 });
    expect(() => checkPack(listing)).not.toThrow();
    expect(() => checkPack(listing, { ...packLimits, allBytes: long.length * 3 })).toThrow(/unpacked it has more/);
  });

  it.each([
    ['many objects', packOf(...Array.from({ length: 4 }, () => packed(3, Buffer.from('a')))), /has 4 objects/],
    ['a large object', packOf(packed(3, Buffer.alloc(2000))), /an object of it has 2000 bytes/],
    ['one that says less than it holds', packOf(packed(3, Buffer.alloc(900_000), 10)), /damaged/],
    ['too much in all', packOf(packed(3, Buffer.alloc(900)), packed(3, Buffer.alloc(900))), /more than 1500/],
    [
      'a small delta with a large result',
      packOf(packed(7, Buffer.from([1, 0xff, 0xff, 0x7f]), 4, Buffer.alloc(20))),
      /an object of it has 2097151 bytes/,
    ],
    ['no end of a number', packOf(Buffer.alloc(40, 0xff)), /length/],
    ['nothing of a pack', Buffer.from('<html>'), /no pack/],
  ])('with %s does not', (_, pack, why) => {
    expect(() => checkPack(pack, limits)).toThrow(why);
    expect(() => checkPack(pack, limits)).toThrow(expect.objectContaining(refused));
  });
});
