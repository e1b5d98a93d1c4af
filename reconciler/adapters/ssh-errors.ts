// Turns what ssh2 and the network say into errors of the catalogue, by their structured fields.
import { AppError, type ErrorDetails } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { fingerprint, type HostKeyVerdict, keyType } from './known-hosts.js';

/** Fields that Node's sockets and ssh2 put on their errors. */
export interface SshFault extends Error {
  /** ssh2: where it happened (`client-socket`, `client-authentication`, `client-timeout`, `handshake`, `protocol`, `agent`). */
  readonly level?: string;
  /** Node: ECONNREFUSED …; ssh2: number of a disconnect reason (RFC 4253 11.1). */
  readonly code?: string | number;
  /** ssh2: why a channel was not opened (RFC 4254 5.1). */
  readonly reason?: number | string;
}

export const openFailure = { prohibited: 1, connectFailed: 2, unknownType: 3, shortage: 4 } as const;

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'there is no way to that address',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'it does not answer',
  ENOTFOUND: 'the name cannot be resolved',
  EAI_AGAIN: 'the name cannot be resolved now',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
};

/** `m1 (admin@10.0.0.1:22)`. */
export function placeOf(machine: Machine): string {
  return `${machine.name} (${machine.user}@${machine.host}:${machine.port})`;
}

function detailsOf(machine: Machine, more: ErrorDetails = {}): ErrorDetails {
  return { machine: machine.name, host: machine.host, port: machine.port, ...more };
}

export function unreachable(machine: Machine, why: string, cause?: unknown, hint?: string): AppError {
  const code = (cause as SshFault | undefined)?.code;
  return new AppError('ssh-unreachable', `${placeOf(machine)} cannot be reached: ${why}`, {
    cause,
    details: detailsOf(machine, code === undefined ? {} : { reason: code }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** An error before the connection was ready. `authenticating`: the key exchange was done. */
export function connectError(
  machine: Machine,
  fault: SshFault,
  authenticating: boolean,
  tried: readonly string[],
): AppError {
  const refused = fault.level === 'client-authentication' || (authenticating && typeof fault.code === 'number');
  if (refused) return loginRefused(machine, fault, tried);
  if (fault.level === 'client-timeout')
    return unreachable(machine, 'it did not finish the SSH handshake in time', fault);
  if (fault.level === 'handshake') {
    const hint =
      'Its sshd and Portoser share no strong algorithm, or something between them speaks for it; look at its sshd log.';
    return unreachable(machine, `the SSH handshake failed (${fault.message})`, fault, hint);
  }
  return unreachable(machine, networkReasons[String(fault.code)] ?? fault.message, fault);
}

function loginRefused(machine: Machine, cause: unknown, tried: readonly string[]): AppError {
  return new AppError('ssh-auth', `${placeOf(machine)} refused the login with ${tried.join(', ')}`, {
    cause,
    details: detailsOf(machine, { user: machine.user, tried: tried.join(', ') }),
  });
}

/** Why a host key was not accepted, with its fingerprint and the one command that would. */
export function hostKeyError(machine: Machine, verdict: Exclude<HostKeyVerdict, 'trusted'>, key: Buffer): AppError {
  const print = `${keyType(key) ?? 'key'} ${fingerprint(key)}`;
  const details = detailsOf(machine, { fingerprint: fingerprint(key), keyType: keyType(key) ?? '', verdict });
  switch (verdict) {
    case 'unknown': {
      const hint = `Compare the fingerprint with the machine's own (ssh-keygen -lf on its /etc/ssh/ssh_host_*_key.pub), then run: portoser machine trust ${machine.name}`;
      return new AppError('ssh-host-key-unknown', `${placeOf(machine)} shows a host key that is not known: ${print}`, {
        details,
        hint,
      });
    }
    case 'changed': {
      const hint = `Somebody may be listening in. If the machine was set up anew, run: portoser machine trust ${machine.name} --replace`;
      return new AppError(
        'ssh-host-key-changed',
        `${placeOf(machine)} shows another host key than the known one: ${print}`,
        { details, hint },
      );
    }
    case 'revoked':
      return new AppError(
        'ssh-host-key-changed',
        `${placeOf(machine)} shows a host key that known_hosts revokes: ${print}`,
        {
          details,
          hint: 'Its private key is known to strangers. Give the machine new host keys.',
        },
      );
    default:
      return verdict satisfies never;
  }
}

/** A refused channel to host:port as seen from the machine. */
export function dialError(machine: Machine, host: string, port: number, fault: SshFault): AppError {
  const to = `${host}:${port}`;
  const details = detailsOf(machine, { to, reason: fault.reason ?? null });
  if (fault.reason === openFailure.prohibited || fault.reason === openFailure.unknownType) {
    return new AppError('ssh-forward-refused', `${machine.name} refuses forwarding to ${to}`, {
      cause: fault,
      details,
    });
  }
  if (typeof fault.reason === 'number') {
    return new AppError('command-failed', `${machine.name}: nothing accepts on ${to}`, { cause: fault, details });
  }
  return new AppError('ssh-lost', `${placeOf(machine)}: the connection was lost while opening ${to}`, {
    cause: fault,
    details,
  });
}
