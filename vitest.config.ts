import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup.ts'],
    // A software driver compiles a whole training step in minutes, the first time; nothing is timed by this.
    testTimeout: 900_000,
    hookTimeout: 120_000,
    // A software adapter uses every core by itself, and each process opens a device of its own.
    pool: 'forks',
    maxWorkers: 2,
  },
});
