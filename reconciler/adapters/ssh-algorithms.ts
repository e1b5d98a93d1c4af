// What we speak over SSH, by name: nothing with SHA-1, MD5, CBC, DSA or small groups is offered.
import type { Algorithms } from 'ssh2';

/** Curve25519 first: the cheapest key exchange in Node's own crypto. */
const kex = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
] as const;

/** AES-GCM first: one native call a packet; chacha20-poly1305 needs two and a MAC key derived for each. */
const cipher = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
] as const;

const hmac = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
] as const;

/** `rsa-sha2-*` are RSA keys with SHA-2 signatures (RFC 8332); `ssh-rsa` alone would mean SHA-1. */
export const hostKeyAlgorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** The offer, with these host key algorithms in front; names we do not speak (certificates, `sk-` keys) are left out. */
export function offer(first: readonly string[]): Algorithms {
  const preferred = first.filter(name => hostKeyAlgorithms.includes(name));
  const rest = hostKeyAlgorithms.filter(name => !preferred.includes(name));
  return exactOffer([...preferred, ...rest]);
}

/** The offer with just these host key algorithms. */
export function exactOffer(hostKeys: readonly string[]): Algorithms {
  const serverHostKey = [...hostKeys] as NonNullable<Algorithms['serverHostKey']> & string[];
  return { kex: [...kex], cipher: [...cipher], hmac: [...hmac], compress: ['none'], serverHostKey };
}
