// What of a registry is secret: values of variables, in its own text and in the env files that lie beside it in the repository.
import { asAppError } from '../../schema/errors.js';
import { secretsOfEnv, secretsOfEnvFile, secretsOfLines } from '../../schema/known-secrets.js';
import type { Destination } from '../../schema/notify.js';
import type { ParseResult, Registry, ServiceSpec } from '../../schema/registry-types.js';
import type { Ports, RepoFiles } from '../ports.js';
import { revealed } from './announce-send.js';

/** They are told everywhere: a variable that holds one of them makes no secret of it. */
const namesOf = ({ cluster, domain, machines, placements }: Registry): readonly string[] => [
  cluster,
  domain,
  ...machines.flatMap(({ name, host, user }) => [name, host, user]),
  ...placements.flatMap(({ service, path, user = '', hostname = '', unitName }) => [
    service,
    path,
    user,
    hostname,
    unitName,
  ]),
];

const envFilesOf = ({ source, envFiles }: ServiceSpec): readonly string[] => {
  if (source === undefined) return [];
  const own = envFiles.filter(file => !file.startsWith('/') && !file.includes('..'));
  return ['.env', ...own].map(file => (source === '' ? file : `${source}/${file}`));
};

async function textOf({ log }: Pick<Ports, 'log'>, files: RepoFiles, path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await files.read(path));
  } catch (thrown) {
    // Whoever needs the file is told; here it is only looked into.
    log.debug({ path, code: asAppError(thrown).code }, 'not looked into for secrets');
    return '';
  }
}

/** What a destination refers to is known before the first message: the log may tell of it, too. */
async function learnDestination({ redactor, post, log }: Pick<Ports, 'redactor' | 'log' | 'post'>, to: Destination) {
  try {
    if (post !== undefined) redactor.learn((await revealed(post, to)).secrets.map(value => ({ value })));
  } catch (thrown) {
    // Who tells people tells of it.
    log.debug({ destination: to.name, code: asAppError(thrown).code }, 'what it refers to is not known');
  }
}

/** `texts`: of the registry; where it is not valid they are all there is. */
export async function learnSecrets(
  ports: Pick<Ports, 'redactor' | 'log' | 'post'>,
  files: RepoFiles,
  texts: Iterable<string>,
  { registry }: ParseResult,
): Promise<void> {
  const { redactor } = ports;
  if (registry === undefined) return redactor.learn([...texts].flatMap(secretsOfLines));
  const paths = new Set(registry.placements.flatMap(envFilesOf));
  const beside = await Promise.all([...paths].map(path => textOf(ports, files, path)));
  const secrets = [...registry.placements.flatMap(one => secretsOfEnv(one.env)), ...beside.flatMap(secretsOfEnvFile)];
  redactor.spare(namesOf(registry));
  redactor.learn(secrets);
  await Promise.all((registry.notify ?? []).map(to => learnDestination(ports, to)));
}
