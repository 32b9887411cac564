/** A picture of masks: the three planes through a place in patient orientation, with the masks' outlines. */
import { placesOf, type Click } from '../formats/click.ts';
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
const clickColour = [0, 220, 255] as const;

export type Colour = readonly [red: number, green: number, blue: number];

export const maskColour: Colour = [255, 196, 0];
export const truthColour: Colour = [80, 220, 100];

/** What is drawn over an image. */
export interface Marks {
  /** 0, or a lesion's label, on the image's grid; later ones are drawn over earlier ones. */
  readonly outlines: readonly { readonly mask: Uint8Array; readonly colour: Colour }[];
  /** Where the three planes meet: voxel indices (i, j, k). */
  readonly place: readonly number[];
  /** Marked by a cross in each plane that they lie in. */
  readonly clicks: readonly (readonly number[])[];
}

/** A prediction over the truth. */
export function marksOfBoth(
  mask: Uint8Array,
  truth: Uint8Array,
  place: readonly number[],
  clicks: readonly Click[],
): Marks {
  const outlines = [
    { mask: truth, colour: truthColour },
    { mask, colour: maskColour },
  ];
  return { outlines, place, clicks: clicks.flatMap(placesOf) };
}

/** A mask, in the planes through its first click; without one, through the image's middle. */
export function marksOf(mask: Uint8Array, clicks: readonly Click[], { dims }: Pick<NiftiImage, 'dims'>): Marks {
  const places = clicks.flatMap(placesOf);
  const [place = dims.map((side) => Math.floor(side / 2))] = places;
  return { outlines: [{ mask, colour: maskColour }], place, clicks: places };
}

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
 * @param range intensities that become black and white
 */
export function drawOverlay(
  image: NiftiImage,
  { outlines, place, clicks }: Marks,
  range: readonly [number, number],
): Picture {
  const { dims, spacing } = image;
  const strides = stridesOf(dims);
  const { left, back, feet } = patientAxes(image.affine);
  const inside = (at: readonly number[]) =>
    at.map((value, axis) => Math.min(Math.max(Math.round(value), 0), dims[axis]! - 1));
  const voxel = inside(place);
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
    const inMask = (mask: Uint8Array, x: number, y: number) =>
      x >= 0 && y >= 0 && x < xs.length && y < ys.length && mask[plane + xs[x]! + ys[y]!]! > 0;
    const onOutline = (mask: Uint8Array, x: number, y: number) =>
      inMask(mask, x, y) &&
      !(inMask(mask, x - 1, y) && inMask(mask, x + 1, y) && inMask(mask, x, y - 1) && inMask(mask, x, y + 1));
    for (let y = 0; y < ys.length; y++) {
      for (let x = 0; x < xs.length; x++) {
        const shade =
          255 * Math.min(Math.max((image.values[plane + xs[x]! + ys[y]!]! - range[0]) / (range[1] - range[0]), 0), 1);
        const outline = outlines.findLast(({ mask }) => onOutline(mask, x, y));
        put(x, y, outline?.colour ?? [shade, shade, shade]);
      }
    }
    const normal = 3 - across.fileAxis - down.fileAxis;
    for (const at of clicks.map(inside).filter((click) => click[normal] === voxel[normal])) {
      paintCross(
        put,
        pixelOf(image, across, at[across.fileAxis]!, pixelMm),
        pixelOf(image, down, at[down.fileAxis]!, pixelMm),
      );
    }
    startX += xs.length + gapPixels;
  }
  return { width, height, pixels };
}
