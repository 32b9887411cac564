import { defineConfig } from 'vitest/config';
import { networkCompiling, opCompiling } from './test/setup/quick-compiling.ts';
import { RoomOrder } from './test/setup/room-order.ts';

/** Tests that compile more than they compute: of single ops, and of whole networks. */
const ops = ['test/ops/**/*.test.ts'];
const networks = [
  'test/{model,engine,runtime,teaching}/**/*.test.ts',
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
      { extends: true, test: { name: 'ops', include: ops, env: opCompiling } },
      { extends: true, test: { name: 'networks', include: networks, env: networkCompiling } },
      {
        extends: true,
        test: {
          name: 'computing',
          include: ['test/**/*.test.ts'],
          exclude: [...ops, ...networks, '**/node_modules/**'],
        },
      },
    ],
  },
});
