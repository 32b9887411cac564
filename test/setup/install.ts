/** Before all tests, once: vitest's files run side by side, and package managers do not. */
import { spawnSync } from 'node:child_process';
import { installForeignTools } from './foreign-tools.ts';
import { installRuntimes } from '../runtimes/runtimes.ts';

/** A changed kernel is tested as it stands, not as it was when the project was last built. */
function generateKernels(): void {
  const { status } = spawnSync('npm', ['run', '-s', 'kernels'], { stdio: 'inherit' });
  if (status !== 0) {
    throw new Error('npm run kernels failed, so no test was run; its message stands above');
  }
}

export default function setup(): void {
  generateKernels();
  installForeignTools();
  installRuntimes();
}
