import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/setup.ts'],
    // A software driver compiles a whole training step in minutes, the first time; nothing is timed by this.
    testTimeout: 900_000,
    hookTimeout: 120_000,
    execArgv: ['--expose-gc'], // memory is judged by what lasts, not by how late the rest is collected
    // A software adapter uses every core by itself, and each process opens a device of its own.
    pool: 'forks',
    maxWorkers: 2,
  },
});
