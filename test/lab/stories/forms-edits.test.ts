// The documented forms that edit and read the registry, typed as they are written: one commit each, of the person, pushed, with all comments kept.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshPerson, type Person } from './forms-person.js';

let person: Person;
let comments: readonly string[];

const commentsOf = (text: string): readonly string[] => text.split('\n').filter(line => line.includes('#'));

beforeAll(async () => {
  person = await freshPerson();
});
afterAll(() => person?.remove());

/** Types it; it must succeed by one commit of the person that touches the registry alone, is pushed, and keeps all comments. */
async function edit(line: string, subject: string): Promise<string> {
  const before = await person.git('rev-parse', 'HEAD');
  const ended = await person.type(line);
  expect(ended, line).toMatchObject({ code: 0, stderr: '' });
  const log = await person.git('log', '--format=%an: %s', '--name-only', `${before}..HEAD`);
  expect(log.split('\n').filter(Boolean)).toEqual([`Ada: ${subject}`, 'registry.yml']);
  const head = await person.git('rev-parse', 'HEAD');
  expect(ended.stdout).toContain(`Committed as ${head.slice(0, 12)}`);
  expect(await person.git('--git-dir', person.repo.bare, 'rev-parse', 'main')).toBe(head);
  expect(await person.git('status', '--porcelain')).toBe('');
  const text = person.registry();
  for (const comment of comments) expect(text.split('\n')).toContain(comment);
  return text;
}

test('init writes a registry that says what goes where; nothing is edited before it is committed', async () => {
  const ended = await person.type('portoser init --cluster forms');
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.stdout).toContain('git add registry.yml && git commit -m "Add a registry"');
  const early = await person.type('portoser machine add --name m1 --host h --user u --platform linux');
  expect(early).toMatchObject({ code: 1, stdout: '' });
  expect(early.stderr).toContain('git add registry.yml && git commit');
  await person.git('add', 'registry.yml');
  await person.git('commit', '-q', '-m', 'Add a registry');
  await person.git('push', '-q', '-u', 'origin', 'main');
  comments = commentsOf(person.registry());
  expect(comments.length).toBeGreaterThan(5);
  expect(await person.type('portoser registry validate')).toEqual({
    code: 0,
    stdout: 'registry.yml is valid: 0 machines, 0 services.\n',
    stderr: '',
  });
});

describe('machines', () => {
  test('machine add', async () => {
    const line = 'portoser machine add --name m1 --host 192.168.0.245 --user admin --platform darwin';
    const text = await edit(line, 'Add machine m1');
    expect(text).toContain('machines:\n  m1:\n    host: 192.168.0.245\n    user: admin\n    platform: darwin\n');
    const again = await person.type(line);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain('portoser machine update m1');
    expect(person.registry()).toBe(text);
  });

  test('machine show', async () => {
    expect((await person.type('portoser machine show m1')).stdout).toMatch(/^m1\n {2}host +192\.168\.0\.245\n/);
    expect(await person.json('portoser machine show m1')).toMatchObject({
      machine: { name: 'm1', host: '192.168.0.245', port: 22, user: 'admin', platform: 'darwin' },
      placements: [],
    });
    const unknown = await person.type('portoser machine show m2');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/no machine `m2`\n {2}Did you mean `m1`\? \[unknown-name\]/);
  });

  test('machine update', async () => {
    const text = await edit('portoser machine update m1 --host new-ip', 'Change machine m1');
    expect(text).toContain('  m1:\n    host: new-ip\n    user: admin\n');
  });

  test('machine list', async () => {
    await edit(
      'portoser machine add mini1 --host 192.168.0.9 --user admin --platform darwin --tag desk',
      'Add machine mini1',
    );
    expect(await person.json('portoser machine list')).toMatchObject([{ name: 'm1' }, { name: 'mini1' }]);
    expect(await person.json('portoser machine list --tag desk')).toMatchObject([{ name: 'mini1' }]);
    expect((await person.type('portoser machine list')).stdout).toMatch(/^MACHINE .*\nm1 +new-ip /);
  });
});

describe('services', () => {
  test('service add', async () => {
    const text = await edit(
      'portoser service add --name my-app --type docker --path /opt/my-app --machine m1',
      'Add service my-app',
    );
    expect(text).toContain('services:\n  my-app:\n    type: docker\n    machine: m1\n    path: /opt/my-app\n');
  });

  test('service update', async () => {
    const text = await edit('portoser service update my-app --machine mini1 --port 9000', 'Change service my-app');
    expect(text).toMatch(
      / {2}my-app:\n {4}type: docker\n {4}machine: mini1\n {4}path: \/opt\/my-app\n {4}port: 9000\n/,
    );
  });

  test('service list and service show', async () => {
    expect((await person.type('portoser service list')).stdout).toMatch(
      /^SERVICE .*\nmy-app +mini1 +docker +\/opt\/my-app +9000/,
    );
    expect(await person.json('portoser service list')).toMatchObject([
      { service: 'my-app', machine: 'mini1', type: 'docker', path: '/opt/my-app', ports: [9000] },
    ]);
    expect(await person.json('portoser service show my-app')).toMatchObject([{ key: 'my-app@mini1', ports: [9000] }]);
    expect((await person.type('portoser service show my-app')).stdout).toMatch(/written at +registry\.yml:\d+/);
  });

  test('an edit that would break the registry is refused whole', async () => {
    const text = person.registry();
    for (const [line, reason] of [
      ['portoser service update my-app --machine nowhere', 'there is no machine `nowhere`; known are: m1, mini1'],
      ['portoser service update my-app --port 99999', '`99999` is no port'],
      ['portoser service add --name two --type docker --path relative --machine m1', 'absolute path'],
      ['portoser service add --name two --type docker --path /opt/my-app --machine mini1', '/opt/my-app'],
      ['portoser machine remove mini1', 'my-app'],
    ] as const) {
      const ended = await person.type(line);
      expect(ended, line).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr, line).toContain(reason);
    }
    expect(person.registry()).toBe(text);
    expect(await person.git('status', '--porcelain')).toBe('');
  });
});

describe('the registry', () => {
  test('registry validate', async () => {
    expect(await person.json('portoser registry validate')).toMatchObject({ valid: true, machines: 2, services: 1 });
    writeFileSync(
      join(person.folder, 'registry.yml'),
      person.registry().replace('platform: darwin', 'platfrom: darwin'),
    );
    const refused = await person.type('portoser registry validate');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/registry\.yml:\d+:\d+ error .*platfrom/);
    expect(await person.json('portoser registry validate', 1)).toMatchObject({ valid: false, differs: true });
    expect(await person.type('portoser registry validate --committed')).toMatchObject({ code: 0 });
    await person.git('checkout', '-q', 'registry.yml');
  });

  test('registry reload prints the commit in force', async () => {
    const head = await person.git('rev-parse', 'HEAD');
    const subject = await person.git('log', '-1', '--format=%s');
    expect(await person.type('portoser registry reload')).toEqual({
      code: 0,
      stdout: `In force: commit ${head} (${subject})\n`,
      stderr: '',
    });
    expect(await person.json('portoser registry reload')).toMatchObject({ head, inForce: head, diagnostics: [] });
  });

  test('registry check-conflicts', async () => {
    expect(await person.type('portoser registry check-conflicts')).toMatchObject({
      code: 0,
      stdout: 'No conflicts.\n',
    });
    const clash = `${person.registry()}  other:\n    {type: docker, machine: mini1, path: /opt/other, port: 9000}\n`;
    writeFileSync(join(person.folder, 'registry.yml'), clash);
    const found = await person.type('portoser registry check-conflicts');
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(/registry\.yml:\d+:\d+ .*9000/);
    expect(await person.json('portoser registry check-conflicts', 1)).toMatchObject({
      conflicts: [{ severity: 'error' }],
    });
    await person.git('checkout', '-q', 'registry.yml');
  });

  test('registry schema and registry format', async () => {
    expect(JSON.parse((await person.type('portoser registry schema')).stdout)).toMatchObject({ type: 'object' });
    expect(await person.type('portoser registry format --check')).toMatchObject({ code: 0 });
    writeFileSync(join(person.folder, 'registry.yml'), `${person.registry()}\n\n\n`);
    expect(await person.type('portoser registry format --check')).toMatchObject({ code: 2 });
    expect(await person.type('portoser registry format')).toMatchObject({ code: 0 });
    expect(await person.git('status', '--porcelain')).toBe('');
  });

  test('deps graph, order and impact', async () => {
    await edit(
      'portoser service add --name front --type docker --path /opt/front --machine mini1 --depends-on my-app',
      'Add service front',
    );
    expect((await person.type('portoser deps graph')).stdout).toBe('front on mini1 → my-app\nmy-app on mini1\n');
    expect((await person.type('portoser deps graph --dot')).stdout).toContain('"front" -> "my-app";');
    expect(await person.json('portoser deps order')).toMatchObject({ waves: [['my-app'], ['front']] });
    expect(await person.json('portoser deps impact my-app')).toMatchObject({ dependants: [{ service: 'front' }] });
    expect((await person.type('portoser deps impact front')).stdout).toContain('Nothing depends on front.');
    const held = await person.type('portoser service remove my-app');
    expect(held).toMatchObject({ code: 1 });
    expect(held.stderr).toContain('front');
    await edit('portoser service remove front', 'Remove service front');
  });
});

describe('the environment variable REGISTRY_FILE', () => {
  test('names another file of the repository', async () => {
    await person.git('mv', 'registry.yml', 'other.yml');
    await person.git('commit', '-q', '-m', 'Rename');
    const env = { REGISTRY_FILE: join(person.folder, 'other.yml') };
    expect(await person.type('portoser service list')).toMatchObject({ code: 1 });
    expect((await person.type('portoser service list', { env })).stdout).toContain('my-app');
    expect((await person.type('portoser service list', { env, cwd: '/' })).stdout).toContain('my-app');
    const config = await person.type('portoser config show', { env });
    expect(config.stdout).toMatch(/^path +\S+other\.yml +REGISTRY_FILE$/m);
    await person.git('mv', 'other.yml', 'registry.yml');
    await person.git('commit', '-q', '-m', 'Rename back');
    await person.git('push', '-q');
  });

  test('and one outside any repository: looking works, deploying wants --uncommitted', async () => {
    const file = join(person.home, 'plain.yml');
    writeFileSync(file, 'cluster: plain\nmachines: {}\nservices: {}\n');
    const env = { REGISTRY_FILE: file };
    expect(await person.type('portoser plan', { env })).toMatchObject({ code: 0 });
    expect(await person.type('portoser registry validate', { env })).toMatchObject({ code: 0 });
    const deployed = await person.type('portoser deploy', { env });
    expect(deployed).toMatchObject({ code: 1 });
    expect(deployed.stderr).toContain('--uncommitted');
    expect(await person.type('portoser deploy --uncommitted', { env })).toMatchObject({ code: 0 });
  });
});

describe('itself', () => {
  test('config show tells each setting and where it is from', async () => {
    const settings = await person.json<readonly { name: string; value: string; where: string }[]>(
      'portoser config show --branch main',
    );
    expect(settings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'branch', value: 'main', where: '--branch' }),
        expect.objectContaining({ name: 'state-dir', where: 'PORTOSER_STATE_DIR' }),
      ]),
    );
  });

  test('completion gives a script that the shell takes and that completes', async () => {
    const ended = await person.type(
      `bash -c 'source <(portoser completion bash); COMP_WORDS=(portoser machine up); COMP_CWORD=2; F=$(complete -p portoser | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $F; echo "\${COMPREPLY[@]}"'`,
    );
    expect(ended).toMatchObject({ code: 0, stdout: 'update\n' });
    for (const shell of ['zsh', 'fish'])
      expect((await person.type(`portoser completion ${shell}`)).stdout).toContain('machine');
  });
});

test('service remove and machine remove', async () => {
  const text = await edit('portoser service remove my-app', 'Remove service my-app');
  expect(text).toContain('services: {}');
  expect(await person.type('portoser service list')).toMatchObject({ code: 0, stdout: 'No services.\n' });
  await edit('portoser machine remove mini1', 'Remove machine mini1');
  expect(await person.json('portoser machine list')).toMatchObject([{ name: 'm1' }]);
});
