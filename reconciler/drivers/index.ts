// The list of drivers, by service type.
import { docker } from './docker.js';
import type { Driver } from './driver.js';
import { local } from './local.js';
import { native } from './native.js';

export const drivers: Readonly<Record<string, Driver>> = { docker, local, native };
