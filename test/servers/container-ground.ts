// Portoser's own image, built by the shipped Dockerfile, and a place in which the shipped Compose file is used as its README says.
import { chownSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { mustRun } from '../lab/run-program.js';
import { project } from '../program.js';
import { startDocker } from './private-docker.js';

export const image = 'portoser-test';
/** The user of the image, by number. */
export const user = 8750;

const base = 'node-of-this-machine';

/** Over a base with this machine's node and npm: no registry of images is asked, and packages come out of npm's cache where they are in it. */
export async function buildImage(dir: string): Promise<void> {
  const docker = await startDocker(join(dir, 'docker'), 'machine');
  try {
    const source = (await mustRun('npm', ['config', 'get', 'registry'], { cwd: project })).trim();
    const certificates = '/etc/ssl/certs/ca-certificates.crt';
    const npm = `ENV npm_config_prefer_offline=true npm_config_registry=${source} NODE_EXTRA_CA_CERTS=${certificates}`;
    const script = 'set -o pipefail; "$1" "$2" | docker import --change "$3" - "$4"';
    const words = [join(import.meta.dirname, 'node-image'), join(dir, 'base'), npm, base];
    await mustRun('bash', ['-c', script, 'bash', ...words], { env: docker.env, timeoutMs: 300_000 });
    const build = ['build', '--network', 'host', '--build-arg', `NODE_IMAGE=${base}`, '--tag', image, '.'];
    await docker.docker(build, { cwd: project, timeoutMs: 540_000 });
  } finally {
    await docker.stop();
  }
}

/** What is changed of the shipped file: a repository of this disk, and less patience. */
const changes = `services:
  portoser:
    healthcheck: {interval: 1s}
    volumes: ['./repo:/repo:ro']
`;

const registry = (word: string) => `# ${word}
cluster: container
machines:
  away: {host: 127.0.0.1, port: 1, user: nobody, platform: linux, ssh_key: /nonexistent}
services: {}
`;

/** The example's folder with what its README has one make; `commit` changes the repository beside it. */
export async function makePlace(dir: string) {
  const place = join(dir, 'controller');
  const repo = join(place, 'repo');
  cpSync(join(project, 'examples/controller'), place, { recursive: true });
  for (const name of ['config', 'ssh', 'backups', 'repo']) mkdirSync(join(place, name));
  chownSync(join(place, 'backups'), user, user);
  writeFileSync(join(place, 'portoser.env'), 'PORTOSER_REPO=/repo\n');
  writeFileSync(join(place, '.env'), `PORTOSER_IMAGE=${image}\n`);
  writeFileSync(join(place, 'changes.yml'), changes);
  await git(repo, 'init', '--quiet', '--initial-branch=main');
  const commit = (word: string) => commitFiles(repo, { 'registry.yml': registry(word) }, word);
  await commit('first');
  return { place, commit };
}
