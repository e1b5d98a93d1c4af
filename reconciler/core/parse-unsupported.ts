// What the registry asks for and no engine does yet: named per service, so that it is held back instead of done by half.
import type { PolicyText, ServiceText } from '../../schema/registry.js';
import { unsupportedPolicy } from './parse-policy.js';

type Asks = (text: Partial<ServiceText>) => boolean;

const asks: Readonly<Record<string, Asks>> = {
  build: text => typeof text.build === 'object',
  expose: text => text.expose !== undefined,
  hostname: text => text.hostname !== undefined,
  secrets_as: text => text.secrets_as === 'files',
  tls: text => text.tls !== undefined && text.tls !== false,
  vault_secrets: text => (text.vault_secrets ?? []).length > 0,
};

/** Keys such as `tls` or `policy.windows`; `policy` is the one in force for the service. */
export function unsupportedKeys(text: Partial<ServiceText>, policy: PolicyText): readonly string[] {
  const own = Object.entries(asks).filter(([, asked]) => asked(text));
  return [...own.map(([key]) => key), ...unsupportedPolicy(policy)];
}

/** Sections that are for those keys, or for nothing that is done yet. */
export const laterSections: readonly string[] = ['caddy', 'dns', 'vault', 'ca', 'healing', 'mcp', 'status_page'];
