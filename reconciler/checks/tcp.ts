// Health by TCP: something accepts on the port.
import type { HealthCheck } from '../../schema/registry-types.js';
import type { Check } from './check.js';

export const tcpCheck: Check<HealthCheck & { type: 'tcp' }> = {
  type: 'tcp',
  ask: check => ({ via: 'tcp', host: check.host, port: check.port }),
};
