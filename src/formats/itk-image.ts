/** Images as ITK has them, in LPS, and as volsam has them, in RAS. */
import type { Image } from 'itk-wasm';
import { InputError } from '../runtime/errors.ts';
import { createNifti, type NiftiImage } from './nifti.ts';
import { nrrdGeometry } from './nrrd-geometry.ts';
import type { TextHeader } from './text-header.ts';
import type { Affine } from './affine.ts';

/** @throws InputError where it holds no single scalar volume */
export function fromItk({ imageType, size, direction, spacing, origin, data }: Image, file: string): NiftiImage {
  const dims = [size[0]!, size[1]!, size[2] ?? 0] as [number, number, number];
  if (size.length !== 3 || imageType.components !== 1 || !data) {
    const kind = imageType.components > 1 ? ` of ${imageType.components} components, as colours or vectors are` : '';
    throw new InputError(
      `${file}: ${size.join(' x ')} voxels${kind}; expected one three-dimensional volume of single values`,
    );
  }
  const side = (row: number) => (row < 2 ? -1 : 1);
  const affine: Affine = [0, 1, 2]
    .map((row) => [
      ...[0, 1, 2].map((column) => side(row) * Number(direction[3 * row + column]) * spacing[column]!),
      side(row) * origin[row]!,
    ])
    .concat([[0, 0, 0, 1]]);
  return createNifti(
    dims,
    affine,
    data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number | bigint>, Number),
    file,
  );
}

/** As `fromItk`, with what the file's own header says of an NRRD's space: ITK takes left-anterior-superior for another. */
export function fromItkFile(image: Image, header: TextHeader, file: string): NiftiImage {
  const read = fromItk(image, file);
  if (header.format !== 'NRRD') {
    return read;
  }
  const { affine = read.affine, notes } = nrrdGeometry(header, file);
  return { ...createNifti(read.dims, affine, read.values, file), notes };
}

/** Values on an image's grid as ITK has them. */
export function toItk(
  { dims, affine, spacing }: NiftiImage,
  data: Uint8Array | Int16Array | Float32Array,
  name: string,
): Image {
  const component = data instanceof Uint8Array ? 'uint8' : data instanceof Int16Array ? 'int16' : 'float32';
  const side = (row: number) => (row < 2 ? -1 : 1);
  return {
    imageType: { dimension: 3, componentType: component, pixelType: 'Scalar', components: 1 },
    name,
    origin: [0, 1, 2].map((row) => side(row) * affine[row]![3]!),
    spacing: [...spacing],
    size: [...dims],
    direction: Float64Array.from(
      { length: 9 },
      (_, i) => (side(Math.floor(i / 3)) * affine[Math.floor(i / 3)]![i % 3]!) / spacing[i % 3]!,
    ),
    metadata: new Map(),
    data,
  } as Image;
}
