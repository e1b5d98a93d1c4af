// Key pairs for tests, made without ssh-keygen.
import { writeFile } from 'node:fs/promises';
import ssh2 from 'ssh2';
import { newKeyPair } from '../../reconciler/adapters/ssh-new-key.js';

/** Writes an ed25519 key pair; answers the public key as a line of authorized_keys. */
export async function writeKey(path: string, passphrase?: string): Promise<string> {
  const pair = passphrase === undefined ? await newKeyPair() : lockedPair(passphrase);
  await writeFile(path, pair.private, { mode: 0o600 });
  await writeFile(`${path}.pub`, pair.public);
  return pair.public;
}

/** Some of ssh2's pairs cannot be read: see `newKeyPair`. */
function lockedPair(passphrase: string): { readonly private: string; readonly public: string } {
  const pair = ssh2.utils.generateKeyPairSync('ed25519', { cipher: 'aes256-ctr', passphrase, rounds: 16 });
  return ssh2.utils.parseKey(pair.public) instanceof Error ? lockedPair(passphrase) : pair;
}
