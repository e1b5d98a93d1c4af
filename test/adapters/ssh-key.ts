// Key pairs for tests, made without ssh-keygen.
import { writeFile } from 'node:fs/promises';
import ssh2 from 'ssh2';

/** Writes an ed25519 key pair; answers the public key as a line of authorized_keys. */
export async function writeKey(path: string, passphrase?: string): Promise<string> {
  const pair =
    passphrase === undefined
      ? ssh2.utils.generateKeyPairSync('ed25519')
      : ssh2.utils.generateKeyPairSync('ed25519', { cipher: 'aes256-ctr', passphrase, rounds: 16 });
  await writeFile(path, pair.private, { mode: 0o600 });
  await writeFile(`${path}.pub`, pair.public);
  return pair.public;
}
