// What registry.yml may say about the health of a service.
import { Type, type Static } from 'typebox';
import { anyPath, duration, fields, freeText, host, oneOf, oneOrMany, port } from './leaf.js';

const status = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  minimum: 100,
  maximum: 599,
  pattern: '^[1-5][0-9]{2}(-[1-5][0-9]{2})?$',
  expected: 'a status such as 200, a range such as "200-299", or a list of them',
});

export function command(description: string) {
  const expected = 'words, as a list or as one string with shell quoting';
  return Type.Union([freeText({ expected }), Type.Array(freeText({ expected: 'a word' }), { minItems: 1, expected })], {
    expected,
    description,
  });
}

const properties = {
  type: oneOf(['http', 'tcp', 'process', 'command', 'docker'], {
    description: 'Default `http` when `endpoint` is given.',
  }),
  port: port({ description: 'Default: the service’s `port`, else its first host port.' }),
  host: host({ description: 'Where the machine looks.', default: '127.0.0.1' }),
  endpoint: Type.String({
    pattern: '^/[^\\s\\u0000-\\u001f\\u007f]*$',
    maxLength: 2048,
    expected: 'a path such as /health',
    description: 'Path that is asked for.',
    default: '/health',
  }),
  scheme: oneOf(['http', 'https'], { default: 'http' }),
  host_header: host({ description: 'Host header to send.' }),
  expected_status: oneOrMany(status, 'a status such as 200, a range such as "200-299", or a list of them', {
    description: 'Statuses that count as healthy.',
    default: 200,
  }),
  expected_body: freeText({ description: 'Text that the body must contain.' }, 1024),
  tls_verify: Type.Boolean({
    expected: 'true or false',
    description: 'Whether the certificate is verified.',
    default: true,
  }),
  pid_file: anyPath({ description: 'File with the process id, absolute or relative to `path`.' }),
  command: command('Command that must exit 0, run in `path`.'),
  interval: duration({ description: 'Time between looks.', default: 30 }),
  timeout: duration({ description: 'How long one look may take.', default: 5 }),
  retries: Type.Integer({
    minimum: 1,
    maximum: 1000,
    expected: 'a number of at least 1',
    description: 'Failures in a row until unhealthy.',
    default: 3,
  }),
  start_period: duration({ description: 'Failures after a start that do not count.', default: 0 }),
  deadline: duration({ description: 'How long a deploy waits for health.', default: 60 }),
  soak: duration({ description: 'A fault within this time after the gate still undoes the deploy.', default: 30 }),
};

export const healthSchema = Type.Partial(fields(properties), {
  description: 'How health is judged.',
  additionalProperties: false,
  patternProperties: { '^x-': {} },
  expected: 'a map such as {endpoint: /health}',
});

export type HealthText = Static<typeof healthSchema>;
