// API tokens as text.
import type { ApiToken, NewToken } from '../../../schema/access.js';
import { table } from './table.js';

const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

export function newTokenText({ token, name, role, expiresAt }: NewToken, folder: string): string {
  return `${token}
The token ${name} (${role}) is valid until ${day(expiresAt)} UTC, and shown only now. Kept in ${folder}: its hash.`;
}

export function tokensText(tokens: readonly ApiToken[], folder: string, now: number): string {
  if (tokens.length === 0) return `There are no tokens in ${folder}.`;
  const rows = tokens.map(({ id, name, role, createdAt, expiresAt }) => [
    id,
    name,
    role,
    day(createdAt),
    now < expiresAt ? day(expiresAt) : `${day(expiresAt)} (expired)`,
  ]);
  return table(rows, ['ID', 'NAME', 'ROLE', 'MADE (UTC)', 'EXPIRES']);
}
