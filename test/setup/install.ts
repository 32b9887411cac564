/** Before all tests, once: vitest's files run side by side, and package managers do not. */
import { installForeignTools } from './foreign-tools.ts';
import { installRuntimes } from '../runtimes/runtimes.ts';

export default function setup(): void {
  installForeignTools();
  installRuntimes();
}
