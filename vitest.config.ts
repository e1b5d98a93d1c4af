// Which tests stand in which room: `unit` is quick, for the inner loop; `parts` drives adapters, passes, properties and what is slow of the rest;
// `scenarios` tells whole stories on embedded machines; `servers` and `lab` need what their names say.
import { defineConfig } from 'vitest/config';

const room = (name: string, include: string[], more: object = {}) => ({
  test: {
    name,
    include,
    environment: 'node',
    setupFiles: ['test/check-answers.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...more,
  },
});
const built = { globalSetup: ['.ci/built.mjs'] };
// Slow by nature: in real shells they wait for time limits, followers and kills; every byte of many webhooks is changed.
const slow = [
  'test/{commands/{batch,batch-ended,batch-live,command},checks/words,api/hook-examples,operations/trust}.test.ts',
];
const patient = { testTimeout: 300_000, hookTimeout: 600_000 };

export default defineConfig({
  test: {
    maxWorkers: '100%', // most wait for programs and disks; one core less would be half of a small machine
    projects: [
      room(
        'unit',
        ['test/*.test.ts', 'test/{schema,core,commands,drivers,checks,loop,operations,api,examples}/**/*.test.ts'],
        { isolate: false, exclude: slow },
      ),
      room('parts', ['test/{adapters,passes,property}/**/*.test.ts', ...slow], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
      }),
      room('scenarios', ['test/scenarios/**/*.test.ts'], { ...built, testTimeout: 120_000, hookTimeout: 120_000 }),
      room('servers', ['test/servers/**/*.test.ts'], { ...built, ...patient }),
      room('lab', ['test/lab/**/*.test.ts'], { ...built, ...patient, fileParallelism: false }),
    ],
  },
});
