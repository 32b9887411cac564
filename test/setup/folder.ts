/** A folder for a test file's own files, removed behind it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** @returns a path in the folder, by the names below it */
export function testFolder(name: string): (...names: string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), `volsam-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true }));
  return (...names) => join(folder, ...names);
}
