// Resolves the settings: flag over environment over config.yml over default, each with the place it came from.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { AppError } from '../schema/errors.js';
import { forgeNames } from '../schema/forge.js';
import {
  type Flags,
  type Setting,
  type SettingName,
  type Settings,
  settingEntry,
  settingNames,
} from '../schema/settings.js';
import { readConfigFile, type ConfigEntries } from './config-file.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingsAsk {
  readonly flags: Flags;
  readonly env: Environment;
  /** Effective user id; undefined where there is none. */
  readonly uid: number | undefined;
}

const home = (env: Environment): string => env.HOME ?? homedir();

/** A variable that is set but empty counts as not set (XDG Base Directory Specification; the usual habit for the others). */
function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** The XDG spec: a relative path in these variables is to be ignored. */
function xdgFolder(env: Environment, name: string, below: string): string {
  const value = given(env, name);
  return join(value !== undefined && isAbsolute(value) ? value : join(home(env), below), 'portoser');
}

export function configFilePath(env: Environment): string {
  return join(xdgFolder(env, 'XDG_CONFIG_HOME', '.config'), 'config.yml');
}

/** Root without XDG_STATE_HOME is a system service, or a person who looks after it: both use one folder. */
function defaultStateDir(ask: SettingsAsk): string {
  const asService = ask.uid === 0 && given(ask.env, 'XDG_STATE_HOME') === undefined;
  return asService ? '/var/lib/portoser' : xdgFolder(ask.env, 'XDG_STATE_HOME', join('.local', 'state'));
}

function readContent(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new AppError('settings-invalid', `${variable} names ${path}, which cannot be read`, { cause });
  }
}

function fromEnvironment(name: SettingName, env: Environment): Setting | undefined {
  const entry = settingEntry(name);
  const value = entry.emptyCounts ? env[entry.env] : given(env, entry.env);
  const variant = `${entry.env}_FILE`;
  const path = entry.fileVariant === undefined ? undefined : given(env, variant);
  if (value !== undefined && path !== undefined) {
    throw new AppError('settings-invalid', `${entry.env} and ${variant} are both set`, {
      hint: 'Unset one of the two.',
    });
  }
  if (value !== undefined) return { value, from: 'environment', where: entry.env };
  if (path === undefined) return undefined;
  const content = readContent(variant, path);
  return { value: entry.fileVariant === 'content' ? content : path, from: 'environment', where: variant };
}

function fromFile(name: SettingName, config: ConfigEntries): Setting | undefined {
  const key = settingEntry(name).key;
  const found = key === undefined ? undefined : config[key];
  return found === undefined ? undefined : { value: found.value, from: 'file', where: found.where };
}

function fallback(name: SettingName, ask: SettingsAsk): Setting {
  const values: Partial<Record<SettingName, string>> = {
    path: 'registry.yml',
    listen: '127.0.0.1:8750',
    stateDir: defaultStateDir(ask),
  };
  const value = values[name];
  return { ...(value === undefined ? {} : { value }), from: 'default', where: 'default' };
}

function resolveOne(name: SettingName, ask: SettingsAsk, config: ConfigEntries): Setting {
  const flag = ask.flags[name];
  if (flag !== undefined) return { value: flag, from: 'flag', where: `--${settingEntry(name).key ?? name}` };
  return fromEnvironment(name, ask.env) ?? fromFile(name, config) ?? fallback(name, ask);
}

/** What is wrong with a value, or undefined. */
function fault(name: SettingName, value: string, env: Environment): string | undefined {
  if (value.trim() === '' && !settingEntry(name).emptyCounts) return 'is empty';
  if (/\0/.test(value)) return 'holds a NUL byte';
  if (name === 'listen' && !validListen(value))
    return `is ${value}, which is neither address:port, such as 127.0.0.1:8750, nor off`;
  if (name === 'server' && !(/^https?:\/\/[^/]/.test(value) && URL.canParse(value)))
    return `is ${value}, which is no http:// or https:// address`;
  if (name === 'insecureHttp' && !isHost(value))
    return `is ${value}; it names one host, as it stands in the address of --server`;
  if (name === 'forge' && !forgeNames.includes(value)) return `is ${value}, which is none of ${forgeNames.join(', ')}`;
  if (name === 'forgeUrl' && !/^https?:\/\/[^/@]+(\/[^?#]*)?$/.test(value))
    return 'is no plain http:// or https:// address'; // it may hold a password: it is not repeated
  if (name === 'branch' && /\s|\.\.|^-|[~^:?*[\\]/.test(value)) return `is ${value}, which is no name of a branch`;
  if (name === 'databaseUrl' && !/^(postgres|postgresql|socket):/.test(value)) return 'is no postgres:// address'; // it may hold a password: it is not repeated
  if (name === 'redisUrl' && !(value.startsWith('/') || (/^rediss?:\/\//.test(value) && URL.canParse(value))))
    return 'is neither a redis:// or rediss:// address nor the path of a socket'; // it may hold a password: it is not repeated
  if (name === 'stateDir' && value.startsWith('~') && home(env) === '')
    return `is ${value}, and there is no home folder`;
  return undefined;
}

/** A name or an address, without a port. */
function isHost(value: string): boolean {
  const url = `http://${value}`;
  return /^[^/@?#\\\s]+$/.test(value) && URL.canParse(url) && new URL(url).port === '';
}

function validListen(value: string): boolean {
  if (value === 'off') return true;
  const match = /^(?:\[[0-9a-f:.]+\]|[^:\s]*):(\d{1,5})$/i.exec(value);
  return match !== null && Number(match[1]) <= 65_535;
}

function expand(name: SettingName, setting: Setting, env: Environment): Setting {
  if (name !== 'stateDir' || setting.value === undefined) return setting;
  const value = setting.value.replace(/^~(?=\/|$)/, home(env));
  return { ...setting, value: resolve(value) };
}

/**
 * All settings. Throws `settings-invalid`, naming the source, for a value that cannot be, an unknown key in config.yml, or
 * a file that cannot be read.
 */
export function resolveSettings(ask: SettingsAsk): Settings {
  const config = readConfigFile(configFilePath(ask.env));
  const pairs = settingNames.map(name => {
    const setting = resolveOne(name, ask, config);
    const wrong = setting.value === undefined ? undefined : fault(name, setting.value, ask.env);
    if (wrong !== undefined) throw new AppError('settings-invalid', `${setting.where} ${wrong}`);
    return [name, expand(name, setting, ask.env)] as const;
  });
  return Object.fromEntries(pairs) as Record<SettingName, Setting>;
}

/** Where the controller keeps its files. */
export const stateFolder = (settings: Settings): string => settings.stateDir.value ?? '';
