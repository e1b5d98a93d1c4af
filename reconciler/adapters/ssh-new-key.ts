// A new ed25519 key pair for an embedded machine or its demo.

export interface KeyPair {
  /** In OpenSSH's own format. */
  readonly private: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly public: string;
}

/**
 * ssh2 1.17 drops the leading zero byte of a key (`lib/keygen.js`), and cannot read what it then wrote: measured, 5 of 3000
 * pairs. Such a pair is thrown away.
 */
export async function newKeyPair(): Promise<KeyPair> {
  const { utils } = (await import('ssh2')).default;
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519');
    if (![pair.private, pair.public].some(text => utils.parseKey(text) instanceof Error)) return pair;
  }
}
