// The list of health checks, by type.
import type { HealthCheck } from '../../schema/registry-types.js';
import type { Check } from './check.js';
import { commandCheck } from './command.js';
import { dockerCheck } from './docker.js';
import { httpCheck } from './http.js';
import { processCheck } from './process.js';
import { tcpCheck } from './tcp.js';

export const checks: Readonly<Record<HealthCheck['type'], Check>> = {
  http: httpCheck,
  tcp: tcpCheck,
  process: processCheck,
  command: commandCheck,
  docker: dockerCheck,
};
