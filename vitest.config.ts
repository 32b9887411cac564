import { defineConfig } from 'vitest/config';
import { quickCompiling } from './test/setup/quick-compiling.ts';
import { RoomOrder } from './test/setup/room-order.ts';

/** Tests that compile more than they compute. */
const compiling = [
  'test/{ops,model,engine,runtime,teaching}/**/*.test.ts',
  'test/cli/{train,batch,profile}.test.ts',
  'test/node/torch.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/setup/install.ts'],
    setupFiles: ['test/setup/deadline.ts'],
    reporters: ['default', './test/setup/summary.ts'],
    tags: [
      {
        name: 'thorough',
        description: 'left out of npm test: whole networks in each set of forms, endurance, long compiling',
      },
    ],
    // A software driver compiles a whole training step in minutes, the first time; nothing is timed by this.
    testTimeout: 900_000,
    hookTimeout: 120_000,
    execArgv: ['--expose-gc'], // memory is judged by what lasts, not by how late the rest is collected
    // A software device uses every core by itself. Files of one worker share a device, and with it compiled pipelines.
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    sequence: { sequencer: RoomOrder },
    projects: [
      { extends: true, test: { name: 'compiling', include: compiling, env: quickCompiling } },
      {
        extends: true,
        test: { name: 'computing', include: ['test/**/*.test.ts'], exclude: [...compiling, '**/node_modules/**'] },
      },
    ],
  },
});
