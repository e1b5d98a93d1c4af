// Edits of the registry, line by line: what was asked for changes, everything else stays as it was.
import { describe, expect, it } from 'vitest';
import {
  removeMachine,
  removeService,
  replaceMachine,
  restoreService,
  setMachine,
  setService,
  type EditedTexts,
} from '../../reconciler/core/edit.js';
import { AppError } from '../../schema/errors.js';

const main = 'registry.yml';
const texts = (text: string, more: Readonly<Record<string, string>> = {}) => ({
  main,
  files: new Map([[main, text], ...Object.entries(more)]),
});

/** Lines that went (`-`) and came (`+`), around what stayed at both ends. */
function changes(before: string, edited: EditedTexts, path = main): string {
  const [old, now] = [before.split('\n'), (edited.get(path) ?? before).split('\n')];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const gone = old.slice(head, old.length - tail).map(line => `-${line}`);
  return [...gone, ...now.slice(head, now.length - tail).map(line => `+${line}`)].join('\n');
}

function codeOf(edit: () => unknown): string {
  try {
    edit();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'no error';
}

const home = `# my cluster
cluster: home   # name

machines:
  m1:   # the first
    host: 10.0.0.1     # aligned
    user:    admin
    platform: linux
    # port: 2222
  # end of machines

services:
  web:
    type: docker
    machine: m1
    ports: [8080,   8443]
    env_file:
      - a.env # the first
      - b.env
    health:
      endpoint: /health
    description: >
      folded
      text

  # about api
  api: {type: docker, machine: m1, path: /opt/api} # short
  db:
    <<: *base
    path: /opt/db

x-base: &none {}
# the end`.replace('*base', '{type: docker, machine: m1}');

const m2 = { host: '10.0.0.2', user: 'admin', platform: 'darwin' };
const app = { type: 'docker', path: '/opt/my-app', machine: 'm1' };

describe('setting', () => {
  it.each([
    [
      'a value, its comment kept',
      () => setMachine(texts(home), 'm1', { host: 'new-ip' }),
      '-    host: 10.0.0.1     # aligned\n+    host: new-ip     # aligned',
    ],
    ['a new key behind the last', () => setMachine(texts(home), 'm1', { port: 2200 }), '+    port: 2200'],
    [
      'several at once',
      () => setMachine(texts(home), 'm1', { user: 'root', platform: 'bsd' }),
      '-    user:    admin\n-    platform: linux\n+    user:    root\n+    platform: bsd',
    ],
    ['the same as before: nothing', () => setMachine(texts(home), 'm1', { user: 'admin' }), ''],
    ['nothing at all: nothing', () => setMachine(texts(home), 'm1', {}), ''],
    [
      'a list in brackets',
      () => setService(texts(home), 'web', { ports: [80] }),
      '-    ports: [8080,   8443]\n+    ports: [80]',
    ],
    [
      'a list in lines',
      () => setService(texts(home), 'web', { env_file: ['c.env'] }),
      '-      - a.env # the first\n-      - b.env\n+      - c.env',
    ],
    [
      'a list by text',
      () => setService(texts(home), 'web', { env_file: 'c.env' }),
      '-    env_file:\n-      - a.env # the first\n-      - b.env\n+    env_file: c.env',
    ],
    [
      'a map in lines',
      () => setService(texts(home), 'web', { health: { endpoint: '/', interval: '5s' } }),
      '-      endpoint: /health\n+      endpoint: /\n+      interval: 5s',
    ],
    [
      'folded text',
      () => setService(texts(home), 'web', { description: 'short' }),
      '-    description: >\n-      folded\n-      text\n+    description: short',
    ],
    [
      'a key within braces',
      () => setService(texts(home), 'api', { machine: 'mini1', port: 9000 }),
      '-  api: {type: docker, machine: m1, path: /opt/api} # short\n+  api: {type: docker, machine: mini1, path: /opt/api, port: 9000} # short',
    ],
    ['a key over a merged one', () => setService(texts(home), 'db', { machine: 'm2' }), '+    machine: m2'],
  ])('%s', (_, edit, expected) => {
    expect(changes(home, edit())).toBe(expected);
  });

  it('text that would be read as something else gets quotes', () => {
    const after =
      setService(texts(home), 'web', { description: 'a: b # c', machine: 'yes', group: '8080', user: '' }).get(main) ??
      '';
    for (const line of ['machine: "yes"', 'description: "a: b # c"', 'group: "8080"', 'user: ""'])
      expect(after).toContain(`    ${line}\n`);
  });

  it('null takes a key away', () => {
    expect(changes(home, setService(texts(home), 'web', { ports: null }))).toBe('-    ports: [8080,   8443]');
    expect(changes(home, setService(texts(home), 'api', { type: null, path: null }))).toBe(
      '-  api: {type: docker, machine: m1, path: /opt/api} # short\n+  api: {machine: m1} # short',
    );
  });
});

describe('adding', () => {
  it.each([
    [
      'a machine, before the comment that ends the section',
      home,
      () => setMachine(texts(home), 'm2', m2),
      '+  m2:\n+    host: 10.0.0.2\n+    user: admin\n+    platform: darwin',
    ],
    [
      'a service',
      home,
      () => setService(texts(home), 'my-app', app),
      '+  my-app:\n+    type: docker\n+    path: /opt/my-app\n+    machine: m1',
    ],
  ])('%s', (_, text, edit, expected) => {
    expect(changes(text, edit())).toBe(expected);
  });

  it.each([
    ['an empty file', '', 'machines:\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n'],
    ['only a comment', '# hi', '# hi\nmachines:\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n'],
    [
      'a section without content',
      'machines:  # none yet\n',
      'machines:  # none yet\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n',
    ],
    [
      'a section of null',
      'machines: null\nx-a: 1\n',
      'machines:\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\nx-a: 1\n',
    ],
    [
      'empty braces',
      'machines: {} # none\n',
      'machines: # none\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n',
    ],
    [
      'a section that is not there',
      'cluster: a',
      'cluster: a\nmachines:\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n',
    ],
    [
      'neighbours in braces',
      'machines:\n  m1: { host: a } # one\n',
      'machines:\n  m1: { host: a } # one\n  m2: { host: 10.0.0.2, user: admin, platform: darwin }\n',
    ],
    [
      'four blanks',
      'machines:\n    m1:\n        host: a\n',
      'machines:\n    m1:\n        host: a\n    m2:\n        host: 10.0.0.2\n        user: admin\n        platform: darwin\n',
    ],
    [
      'empty lines between',
      'machines:\n  a:\n    host: a\n\n  b:\n    host: b\n',
      'machines:\n  a:\n    host: a\n\n  b:\n    host: b\n\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n',
    ],
    [
      'JSON',
      '{"machines": {"m1": {"host": "a"}}}',
      '{"machines": {"m1": {"host": "a"}, m2: {host: 10.0.0.2, user: admin, platform: darwin}}}',
    ],
    [
      'braces over lines',
      'machines: {\n  m1: {host: a}, # one\n}\n',
      'machines: {\n  m1: {host: a}, # one\n  m2: {host: 10.0.0.2, user: admin, platform: darwin},\n}\n',
    ],
    [
      'CRLF',
      'machines:\r\n  m1:\r\n    host: a',
      'machines:\r\n  m1:\r\n    host: a\r\n  m2:\r\n    host: 10.0.0.2\r\n    user: admin\r\n    platform: darwin\r\n',
    ],
    [
      'an entry without content',
      'machines:\n  m2:\n',
      'machines:\n  m2:\n    host: 10.0.0.2\n    user: admin\n    platform: darwin\n',
    ],
  ])('to %s', (_, text, expected) => {
    expect(setMachine(texts(text), 'm2', m2).get(main)).toBe(expected);
  });

  it('to the file that holds the section', () => {
    const more = 'services:\n  a: {type: docker}\n';
    const edited = setService(texts('include: [more.yml]\nservices: {}\n', { 'more.yml': more }), 'my-app', app);
    expect([...edited.keys()]).toEqual(['more.yml']);
    expect(changes(more, edited, 'more.yml')).toBe('+  my-app: {type: docker, path: /opt/my-app, machine: m1}');
  });
});

describe('removing', () => {
  it('takes the lines of the entry, and of the comments in it, alone', () => {
    expect(changes(home, removeService(texts(home), 'api'))).toBe(
      '-  api: {type: docker, machine: m1, path: /opt/api} # short',
    );
    expect(changes(home, removeMachine(texts(home), 'm1'))).toBe(
      '-machines:\n-  m1:   # the first\n-    host: 10.0.0.1     # aligned\n-    user:    admin\n-    platform: linux\n-    # port: 2222\n+machines: {}',
    );
  });

  it.each([
    ['first in braces', '{machines: {a: {}, m: {host: x}, c: {}}}', 'a', '{machines: {m: {host: x}, c: {}}}'],
    ['in the middle of braces', '{machines: {a: {}, m: {host: x}, c: {}}}', 'm', '{machines: {a: {}, c: {}}}'],
    ['last in braces', '{machines: {a: {}, m: {host: x}}}', 'm', '{machines: {a: {}}}'],
    ['alone in braces', '{machines: {m: {host: x}}}', 'm', '{machines: {}}'],
    ['with a comma behind', 'machines: {\n  m: {host: x},\n}\n', 'm', 'machines: {\n  \n}\n'],
    ['first, with an empty line behind', 'machines:\n  m:\n    host: x\n\n  c: {}\n', 'm', 'machines:\n  c: {}\n'],
  ])('%s', (_, text, name, expected) => {
    expect(removeMachine(texts(text), name).get(main)).toBe(expected);
  });

  it('from an included file', () => {
    const more = 'machines:\n  a: {host: x}\n  b: {host: y}\n';
    const edited = removeMachine(texts('include: [more.yml]\n', { 'more.yml': more }), 'b');
    expect([...edited]).toEqual([['more.yml', 'machines:\n  a: {host: x}\n']]);
  });
});

describe('one machine of a list', () => {
  const listed = (list: string) => `services:\n  web: {type: local, machines: ${list}, path: /opt/web} # short\n`;

  it.each([
    ['[m1, m2]', '[m1, m3]'],
    ['[ m1,   "m2" ]', '[ m1,   m3 ]'],
    ['[m1, m2, m2]', '[m1, m3, m2]'],
  ])('%s becomes %s', (before, after) => {
    const text = listed(before);
    expect(replaceMachine(texts(text), 'web', 'm2', 'm3').get(main)).toBe(text.replace(before, after));
  });

  it('in an included file, and written so that it stays text', () => {
    const more = 'services:\n  web:\n    machines:\n      - m2 # far\n      - m1\n';
    const edited = replaceMachine(texts(home, { 'more.yml': more.replace('web', 'www') }), 'www', 'm2', '10');
    expect([...edited]).toEqual([['more.yml', more.replace('web', 'www').replace('- m2', '- "10"')]]);
  });
});

describe('refusing', () => {
  it.each([
    [
      'what others take from an anchor',
      'registry-edit',
      () => setMachine(texts('machines:\n  a: &a {host: x}\n  b: {<<: *a}\n'), 'a', { host: 'y' }),
    ],
    [
      'an alias',
      'registry-edit',
      () => setMachine(texts('machines:\n  a: &a {host: x}\n  b: *a\n'), 'b', { host: 'y' }),
    ],
    [
      'taking a merged key away',
      'registry-edit',
      () => setMachine(texts('machines:\n  a: &a {host: x}\n  b: {<<: *a}\n'), 'b', { host: null }),
    ],
    [
      'removing what holds an anchor in use',
      'registry-edit',
      () => removeMachine(texts('machines:\n  a: &a {host: x}\n  b: *a\n'), 'a'),
    ],
    [
      'a list that is merged from elsewhere',
      'registry-edit',
      () => replaceMachine(texts('services:\n  a: &a {machines: [x, y]}\n  b: {<<: *a}\n'), 'b', 'x', 'z'),
    ],
    [
      'an item that is an alias',
      'registry-edit',
      () => replaceMachine(texts('x-a: &a x\nservices:\n  b: {machines: [*a]}\n'), 'b', 'x', 'z'),
    ],
    [
      'an item that others take',
      'registry-edit',
      () => replaceMachine(texts('services:\n  b: {machines: [&a x]}\nx-a: *a\n'), 'b', 'x', 'z'),
    ],
    [
      'an item that is filled in',
      'registry-edit',
      () => replaceMachine(texts('services:\n  b: {machines: ["{{ home }}"]}\n'), 'b', 'x', 'z'),
    ],
    ['broken YAML', 'registry-edit', () => setMachine(texts('machines: ['), 'a', m2)],
    [
      'a key twice',
      'registry-edit',
      () => setMachine(texts('machines:\n  a: {host: x, host: y}\n'), 'a', { host: 'z' }),
    ],
    ['a section that is a list', 'registry-edit', () => setMachine(texts('machines: [a]\n'), 'a', m2)],
    ['an entry that is text', 'registry-edit', () => setMachine(texts('machines: {a: b}\n'), 'a', m2)],
    ['an unknown name', 'unknown-name', () => removeMachine(texts(home), 'm9')],
    ['a name of the prototype', 'unknown-name', () => removeService(texts(home), 'constructor')],
  ])('%s', (_, code, edit) => {
    expect(codeOf(edit)).toBe(code);
  });
});

describe('restoring an entry', () => {
  const before = `services:
  # The site.
  web:
    type: docker # as ever
    machine: m1
    env: # what it reads
      LEVEL: debug # or info
      NEW: '1'
    tags: [a]
  db: {type: local, machine: m1, path: /opt/db, command: ./db}
`;
  const entry = { type: 'docker', machine: 'm1', env: { LEVEL: 'info', OLD: 'x' }, images: { web: 'sha256:1' } };

  it('changes what differs, within maps too, and keeps comments and all else', () => {
    expect(changes(before, restoreService(texts(before), 'web', entry))).toBe(
      `-      LEVEL: debug # or info
-      NEW: '1'
-    tags: [a]
+      LEVEL: info # or info
+      OLD: x
+    images: {web: sha256:1}`,
    );
  });

  it('is nothing where it says so already', () => {
    const restored = restoreService(texts(before), 'web', entry).get(main) ?? '';
    expect(restoreService(texts(restored), 'web', entry).size).toBe(0);
  });

  it('brings back one that is gone, in the file that has the section', () => {
    const edited = restoreService(texts('cluster: c\n', { 'more.yml': before }), 'api', {
      type: 'local',
      env: { A: 'b' },
    });
    expect(changes(before, edited, 'more.yml')).toContain('+  api:\n+    type: local\n+    env: {A: b}');
  });

  it('refuses what comes from elsewhere', () => {
    const merged = 'x-a: &a {type: docker}\nservices:\n  web:\n    <<: *a\n    machine: m1\n';
    expect(codeOf(() => restoreService(texts(merged), 'web', { machine: 'm1' }))).toBe('registry-edit');
  });
});
