/** The field's own readers and writers, ITK's, one request at a time; its images are in LPS, ours in RAS. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Image } from 'itk-wasm';
import { createNifti, type Affine, type NiftiImage } from '../files/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import type { ItkAnswer, ItkRequest } from './itk-worker.ts';

/** What ITK prints names patients' files, and so stays in the worker. */
export async function askItk(request: ItkRequest, file: string): Promise<Image | undefined> {
  // Built, this file is part of dist/cli.js and the worker lies beside it.
  const worker = new Worker(new URL('./itk-worker.js', import.meta.url), { stdout: true, stderr: true });
  try {
    const answered = once(worker, 'message') as Promise<[ItkAnswer]>;
    worker.postMessage(request);
    const [{ image, failure }] = await answered;
    if (failure !== undefined) {
      throw new InputError(`${file}: ${failure}`);
    }
    return image;
  } finally {
    await worker.terminate();
  }
}

/** @throws InputError where it holds no single scalar volume */
export function fromItk({ imageType, size, direction, spacing, origin, data }: Image, file: string): NiftiImage {
  const dims = [size[0]!, size[1]!, size[2] ?? 0] as [number, number, number];
  if (size.length !== 3 || imageType.components !== 1 || !data) {
    throw new InputError(`${file}: ${size.join(' x ')} voxels of ${imageType.components} components; accepted is one three-dimensional scalar volume`);
  }
  const side = (row: number) => (row < 2 ? -1 : 1);
  const affine: Affine = [0, 1, 2].map((row) => [...[0, 1, 2].map((column) => side(row) * Number(direction[3 * row + column]) * spacing[column]!), side(row) * origin[row]!]).concat([[0, 0, 0, 1]]);
  return createNifti(dims, affine, data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number | bigint>, Number));
}

/** Values on an image's grid as ITK has them. */
export function toItk({ dims, affine, spacing }: NiftiImage, data: Uint8Array | Int16Array | Float32Array, name: string): Image {
  const component = data instanceof Uint8Array ? 'uint8' : data instanceof Int16Array ? 'int16' : 'float32';
  const side = (row: number) => (row < 2 ? -1 : 1);
  return {
    imageType: { dimension: 3, componentType: component, pixelType: 'Scalar', components: 1 },
    name, origin: [0, 1, 2].map((row) => side(row) * affine[row]![3]!), spacing: [...spacing], size: [...dims],
    direction: Float64Array.from({ length: 9 }, (_, i) => (side(Math.floor(i / 3)) * affine[Math.floor(i / 3)]![i % 3]!) / spacing[i % 3]!),
    metadata: new Map(), data,
  } as Image;
}
