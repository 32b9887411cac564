/** Where a bench run's figures are kept: one file for each adapter and day. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterDescription } from '../src/runtime/gpu.ts';

/**
 * Writes a JSON file into bench/results/, or another folder, and says so.
 * @param name gets the adapter's name and the date
 */
export function writeResult(
  adapter: AdapterDescription,
  name: (adapter: string, date: string) => string,
  result: object,
  folder = fileURLToPath(new URL('results/', import.meta.url)),
): void {
  const date = new Date().toISOString().slice(0, 10);
  const slug = (adapter.device || adapter.vendor)
    .replace(/[^a-z0-9]+/gi, '-')
    .replace(/-$/, '')
    .toLowerCase();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name(slug, date)}.json`);
  writeFileSync(file, `${JSON.stringify({ date, adapter, node: process.version, ...result }, undefined, 2)}\n`);
  console.log(`written to ${file}`);
}
