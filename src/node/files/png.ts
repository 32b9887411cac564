/** Pictures as PNG. */
import { PNG } from 'pngjs';
import type { Picture } from '../../lesions/overlay.ts';

export function formatPng({ width, height, pixels }: Picture): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(pixels);
  return PNG.sync.write(png);
}
