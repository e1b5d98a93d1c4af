// Health by HTTP: the status is in the expected ranges and the body holds the expected text.
import type { HealthCheck } from '../../schema/registry-types.js';
import type { Verdict } from '../../schema/state.js';
import type { Check, HttpReply } from './check.js';

type HttpCheck = HealthCheck & { type: 'http' };

function judge(check: HttpCheck, reply: HttpReply): Verdict {
  const found = `HTTP ${reply.status}`;
  if (!check.expectedStatus.some(([low, high]) => reply.status >= low && reply.status <= high)) {
    return { state: 'fail', found };
  }
  if (check.expectedBody !== undefined && !reply.body.includes(check.expectedBody)) {
    return { state: 'fail', found: `${found}, without ${JSON.stringify(check.expectedBody)} in its body` };
  }
  return { state: 'pass', found };
}

export const httpCheck: Check<HttpCheck> = {
  type: 'http',
  ask: check => ({
    via: 'http',
    question: {
      scheme: check.scheme,
      host: check.host,
      port: check.port,
      path: check.endpoint,
      tlsVerify: check.tlsVerify,
      ...(check.hostHeader === undefined ? {} : { hostHeader: check.hostHeader }),
    },
    judge: reply => judge(check, reply),
  }),
};
