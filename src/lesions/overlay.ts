/** A picture of a mask: the three planes through a click in patient orientation, with the mask's outline. */
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import { patientAxes, type AxisOrder } from '../volume/orientation.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGBA, rows from the top. */
  readonly pixels: Uint8Array;
}

const panelPixels = 360;
const gapPixels = 8;
const outlineColour = [255, 196, 0] as const;
const clickColour = [0, 220, 255] as const;

interface Panel {
  readonly across: AxisOrder;
  readonly down: AxisOrder;
}

/** File offset of every pixel along an axis, at `pixelMm` millimetres a pixel. */
function offsets({ dims, spacing }: NiftiImage, { fileAxis, flipped }: AxisOrder, pixelMm: number): Int32Array {
  const stride = stridesOf(dims)[fileAxis]!;
  const count = Math.max(1, Math.round((dims[fileAxis]! * spacing[fileAxis]!) / pixelMm));
  return Int32Array.from({ length: count }, (_, pixel) => {
    const voxel = Math.min(dims[fileAxis]! - 1, Math.floor(((pixel + 0.5) * pixelMm) / spacing[fileAxis]!));
    return (flipped ? dims[fileAxis]! - 1 - voxel : voxel) * stride;
  });
}

function pixelOf(
  { dims, spacing }: NiftiImage,
  { fileAxis, flipped }: AxisOrder,
  voxel: number,
  pixelMm: number,
): number {
  return Math.round((((flipped ? dims[fileAxis]! - 1 - voxel : voxel) + 0.5) * spacing[fileAxis]!) / pixelMm - 0.5);
}

function paintCross(put: (x: number, y: number, colour: readonly number[]) => void, x: number, y: number): void {
  for (let away = 3; away <= 7; away++) {
    for (const [dx, dy] of [
      [away, 0],
      [-away, 0],
      [0, away],
      [0, -away],
    ] as const) {
      put(x + dx, y + dy, clickColour);
    }
  }
}

/**
 * Axial, coronal and sagittal planes side by side.
 * @param mask 0, or a lesion's label, on the image's grid
 * @param click voxel indices (i, j, k)
 * @param range intensities that become black and white
 */
export function drawOverlay(
  image: NiftiImage,
  mask: Uint8Array,
  click: readonly number[],
  range: readonly [number, number],
): Picture {
  const { dims, spacing } = image;
  const strides = stridesOf(dims);
  const { left, back, feet } = patientAxes(image.affine);
  const voxel = click.map((at, axis) => Math.min(Math.max(Math.round(at), 0), dims[axis]! - 1));
  const origin = voxel.reduce((sum, at, axis) => sum + at * strides[axis]!, 0);
  const pixelMm = Math.max(...dims.map((side, axis) => side * spacing[axis]!)) / panelPixels;
  const panels: Panel[] = [
    { across: left, down: back },
    { across: left, down: feet },
    { across: back, down: feet },
  ];
  const laidOut = panels.map((panel) => ({
    ...panel,
    xs: offsets(image, panel.across, pixelMm),
    ys: offsets(image, panel.down, pixelMm),
  }));
  const width = laidOut.reduce((sum, { xs }) => sum + xs.length, gapPixels * 2);
  const height = Math.max(...laidOut.map(({ ys }) => ys.length));
  const pixels = new Uint8Array(width * height * 4).fill(255).map((value, i) => (i % 4 === 3 ? value : 24));
  let startX = 0;
  for (const { across, down, xs, ys } of laidOut) {
    const startY = Math.floor((height - ys.length) / 2);
    const put = (x: number, y: number, colour: readonly number[]) => {
      if (x >= 0 && y >= 0 && x < xs.length && y < ys.length) {
        pixels.set(colour, ((startY + y) * width + startX + x) * 4);
      }
    };
    const plane =
      origin - voxel[across.fileAxis]! * strides[across.fileAxis]! - voxel[down.fileAxis]! * strides[down.fileAxis]!;
    const inMask = (x: number, y: number) =>
      x >= 0 && y >= 0 && x < xs.length && y < ys.length && mask[plane + xs[x]! + ys[y]!]! > 0;
    for (let y = 0; y < ys.length; y++) {
      for (let x = 0; x < xs.length; x++) {
        const shade =
          255 * Math.min(Math.max((image.values[plane + xs[x]! + ys[y]!]! - range[0]) / (range[1] - range[0]), 0), 1);
        const onOutline =
          inMask(x, y) && !(inMask(x - 1, y) && inMask(x + 1, y) && inMask(x, y - 1) && inMask(x, y + 1));
        put(x, y, onOutline ? outlineColour : [shade, shade, shade]);
      }
    }
    paintCross(
      put,
      pixelOf(image, across, voxel[across.fileAxis]!, pixelMm),
      pixelOf(image, down, voxel[down.fileAxis]!, pixelMm),
    );
    startX += xs.length + gapPixels;
  }
  return { width, height, pixels };
}
