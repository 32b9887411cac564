import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/files/nibabel.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    // A software adapter uses every core by itself, and each process opens a device of its own.
    pool: 'forks',
    maxWorkers: 2,
  },
});
