// A registry of the older form (`hosts`, `current_host`) made into one of the present form, with a list of what was not carried over. Pure.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { fit } from './import-fit.js';
import { type Host, readHosts } from './import-hosts.js';
import { type Fields, mapAt, type Old, readOld, type ImportRemark, sayOthers, wordAt, wordOf } from './import-old.js';
import { readServices } from './import-services.js';
import { registryText } from './import-text.js';
import { optional } from './optional.js';

export interface Imported {
  /** Valid by our own parser. */
  readonly text: string;
  readonly machines: number;
  readonly services: number;
  /** What the text does not say, or not as it was, in the order of the old file. */
  readonly remarks: readonly ImportRemark[];
}

/** Descriptions of the file itself. */
const aboutItself = ['version', 'schema', 'last_updated'];

function machineOf(old: Old, section: string, value: Fields, hosts: ReadonlyMap<string, Host>): string | undefined {
  const own = wordOf(value['host']);
  const ingress = wordOf(value['ingress_host']);
  const wanted = own ?? ingress;
  const machine = hosts.get(wanted ?? '')?.name;
  if (machine === undefined) old.say([section], 'is left out: it stands on no machine that was carried over');
  else if (ingress !== undefined && ingress !== wanted)
    old.say([section, 'ingress_host'], `is left out: it stands on \`${machine}\``);
  return machine;
}

function caddyOf(old: Old, hosts: ReadonlyMap<string, Host>): Fields | undefined {
  const caddy = mapAt(old, 'caddy');
  if (caddy === undefined) return undefined;
  const machine = machineOf(old, 'caddy', caddy, hosts);
  if (machine === undefined) return undefined;
  sayOthers(old, ['caddy'], caddy, ['host', 'ingress_host', 'admin_api']);
  const admin = wordAt(old, ['caddy'], caddy, 'admin_api')
    ?.replace(/^https?:\/\//, '')
    .replace(/\/+$/, '');
  const own = admin?.replace(/^127\.0\.0\.1(?=:|$)/, 'localhost');
  return { machine, ...optional('admin', own === 'localhost:2019' ? undefined : own) };
}

function dnsOf(old: Old, hosts: ReadonlyMap<string, Host>): Fields | undefined {
  const dns = mapAt(old, 'dns');
  if (dns === undefined) return undefined;
  const machine = machineOf(old, 'dns', dns, hosts);
  if (machine === undefined) return undefined;
  sayOthers(old, ['dns'], dns, ['host', 'config_path']);
  return { machine, type: 'dnsmasq', ...optional('file', wordAt(old, ['dns'], dns, 'config_path')) };
}

/** Diagnostics of the old text where it cannot be read at all. `file`: its name, for people. */
export function importOld(file: string, text: string): Imported | { readonly diagnostics: readonly Diagnostic[] } {
  const old = readOld(file, text);
  if ('diagnostics' in old) return old;
  const hosts = readHosts(old);
  const services = readServices(old, hosts);
  sayOthers(old, [], old.value, ['hosts', 'services', 'domain', 'caddy', 'dns', ...aboutItself]);
  const shape = fit(
    old,
    {
      from: file,
      machines: Object.fromEntries([...hosts.values()].map(host => [host.name, host.entry])),
      services,
      sections: {
        ...optional('domain', wordAt(old, [], old.value, 'domain')),
        ...optional('caddy', caddyOf(old, hosts)),
        ...optional('dns', dnsOf(old, hosts)),
      },
    },
    new Map([...hosts].map(([was, host]) => [host.name, was])),
  );
  return {
    text: registryText(shape),
    machines: Object.keys(shape.machines).length,
    services: shape.services.length,
    remarks: old.remarks.toSorted((a, b) => a.line - b.line || a.column - b.column),
  };
}
