import { defineConfig } from 'vitest/config';
import { networkCompiling, opCompiling } from './test/setup/quick-compiling.ts';
import { RoomOrder } from './test/setup/room-order.ts';

/** Tests that compile more than they compute: of single ops, and of whole networks. */
const ops = ['test/ops/**/*.test.ts'];
const networks = ['test/{model,engine,runtime,teaching}/**/*.test.ts', 'test/node/torch.test.ts'];

/** What each project has. `globalSetup` is the whole run's: a project that had it would run it once more. */
const project = {
  setupFiles: ['test/setup/deadline.ts'],
  // A software driver compiles a whole training step in minutes, the first time; nothing is timed by this.
  testTimeout: 900_000,
  hookTimeout: 120_000,
  execArgv: ['--expose-gc'], // memory is judged by what lasts, not by how late the rest is collected
  // A software device uses every core by itself. Files of one worker share a device, and with it compiled pipelines.
  pool: 'forks',
  isolate: false,
  maxWorkers: 2,
} as const;

export default defineConfig({
  test: {
    globalSetup: ['test/setup/install.ts'],
    reporters: ['default', './test/setup/summary.ts'],
    tags: [
      {
        name: 'thorough',
        description: 'left out of npm test: whole networks in each set of forms, endurance, long compiling',
      },
    ],
    maxWorkers: project.maxWorkers,
    sequence: { sequencer: RoomOrder },
    projects: [
      { test: { ...project, name: 'ops', include: ops, env: opCompiling } },
      { test: { ...project, name: 'networks', include: networks, env: networkCompiling } },
      {
        test: {
          ...project,
          name: 'computing',
          include: ['test/**/*.test.ts'],
          exclude: [...ops, ...networks, '**/node_modules/**'],
        },
      },
    ],
  },
});
