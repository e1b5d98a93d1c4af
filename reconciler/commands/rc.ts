// A preview: services of FreeBSD's rc.d, kept alive by daemon(8) (rc.subr(8), service(8), sysrc(8)).
import { type Command, quote, sh } from './command.js';

export interface RcWish {
  readonly name: string;
  readonly service: string;
  readonly user: string;
  readonly command: readonly string[];
  readonly logFile: string;
}

export const rcScriptPath = (name: string): string => `/usr/local/etc/rc.d/${name}`;
const pidFile = (name: string): string => `/var/run/${name}.pid`;

/** Names of rc variables are shell variables. */
const variable = (name: string): string => name.replaceAll(/\W/g, '_');

/** rc.subr evaluates `command_args`, so its words are quoted twice. */
export function rcScript(wish: RcWish): string {
  const args = ['-r', '-f', '-P', pidFile(wish.name), '-u', wish.user, '-o', wish.logFile, ...wish.command];
  const name = variable(wish.name);
  return `#!/bin/sh
# Written by Portoser from registry.yml; what is edited here is undone. Service: ${wish.service}
# PROVIDE: ${name}
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
. /etc/rc.subr
name=${name}
rcvar=${name}_enable
load_rc_config "$name"
: "\${${name}_enable:=NO}"
pidfile=${quote(pidFile(wish.name))}
command=/usr/sbin/daemon
command_args=${quote(args.map(quote).join(' '))}
run_rc_command "$1"
`;
}

/** Defines `p_kept INDEX SCOPE NAME`, which prints `target INDEX`, then `script`, `enabled YES`, `up` and `pid N` as they are so. */
export const lookAtRc = sh`p_kept() {
  echo "target $1"; if [ ! -e "/usr/local/etc/rc.d/$3" ] && [ ! -e "/etc/rc.d/$3" ]; then return; fi
  echo script; p_variable=$(printf %s "$3" | tr -c 'A-Za-z0-9_' _)
  echo "enabled $(sysrc -n "\${p_variable}_enable" 2>/dev/null)"
  if service "$3" onestatus >/dev/null 2>&1; then echo up; fi
  if [ -r "/var/run/$3.pid" ]; then p_pid=$(cat "/var/run/$3.pid"); echo "pid $p_pid"; if [ -n "$p_uses" ]; then p_use_group "$p_pid"; fi; fi
}
`;

export function startRc(name: string, restart: boolean): Command {
  const verb = restart ? 'onerestart' : 'onestart';
  const keep = restart ? sh`` : sh`service ${name} onestatus >/dev/null 2>&1 || `;
  return sh`if [ ! -e ${rcScriptPath(name)} ] && [ ! -e ${`/etc/rc.d/${name}`} ]; then echo "portoser: unit-missing" ${name} >&2; return 1; fi
p_root sysrc ${`${variable(name)}_enable=YES`} >/dev/null && { ${keep}p_root service ${name} ${verb} </dev/null >/dev/null; }`;
}

export function stopRc(name: string): Command {
  return sh`p_root sysrc ${`${variable(name)}_enable=NO`} >/dev/null || return
if service ${name} onestatus >/dev/null 2>&1; then p_root service ${name} onestop; fi`;
}
