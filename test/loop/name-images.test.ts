// Images that were just brought up get the names by which a registry would give them again; without an answer they keep their ids.
import { expect, test } from 'vitest';
import { drivers } from '../../reconciler/drivers/index.js';
import type { BatchRun, Prepared } from '../../reconciler/loop/batch-run.js';
import { nameImages } from '../../reconciler/loop/name-images.js';
import { display } from '../../reconciler/commands/command.js';
import { AppError } from '../../schema/errors.js';
import type { Outcome } from '../../schema/plan.js';
import { createFakePorts } from '../fakes/ports.js';

const id = (digit: string): string => `sha256:${digit.repeat(64)}`;
const outcomes: readonly Outcome[] = [
  {
    key: 'web@m1',
    result: 'applied',
    kind: 'create',
    durationMs: 1,
    images: { web: { id: id('1') }, db: { id: id('2') } },
  },
  { key: 'app@m1', result: 'applied', kind: 'create', durationMs: 1 },
];
const prepared = [{ driver: drivers['docker'] }] as unknown as readonly Prepared[];

function runWith(answer: () => Promise<string>): { readonly run: BatchRun; readonly asked: string[] } {
  const asked: string[] = [];
  const ports = createFakePorts();
  const shell = {
    ...ports.shell,
    run: async (_: unknown, command: Parameters<typeof display>[0]) => {
      asked.push(display(command));
      return { stdout: await answer() };
    },
  };
  const run = { ports: { ...ports, shell }, machine: { name: 'm1', sudo: 'auto' } } as unknown as BatchRun;
  return { run, asked };
}

test('a digest is kept where the engine knows one', async () => {
  const lines = [
    `${id('1')} ["lab/web@${id('9')}","another/web@${id('8')}"]`,
    `${id('2')} ["portoser/db@${id('7')}"]`,
    `${id('3')} null`,
    'Error: no such image',
  ];
  const { run, asked } = runWith(async () => lines.join('\n'));
  const [web, app] = await nameImages(run, prepared, outcomes);
  expect(asked[0]).toContain(`docker image inspect --format '{{.Id}} {{json .RepoDigests}}' ${id('1')} ${id('2')}`);
  expect(web).toMatchObject({
    images: { web: { id: id('1'), digest: `another/web@${id('8')}` }, db: { id: id('2') } },
  });
  expect(web).not.toHaveProperty('images.db.digest');
  expect(app).toEqual(outcomes[1]);
});

test('nobody is asked where nothing runs from images, and a lost machine changes no outcome', async () => {
  const { run, asked } = runWith(() => Promise.reject(new AppError('ssh-lost', 'gone')));
  expect(await nameImages(run, prepared, outcomes.slice(1))).toEqual(outcomes.slice(1));
  expect(asked).toEqual([]);
  expect(await nameImages(run, prepared, outcomes)).toEqual(outcomes);
});
