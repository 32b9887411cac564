/**
 * Surface Dice and Hausdorff distance in millimetres, as DeepMind's surface-distance (Nikolov et al., 2018), which the
 * paper's test code uses, defines them: a surface element lies at every corner between eight voxels that are not all
 * alike, and weighs as much as the area of the surface through that corner.
 */

import { crossProduct } from '../formats/affine.ts';
import { distancesTo } from '../volume/distance-transform.ts';

export interface SurfaceScores {
  /** Share of both surfaces that lies within the tolerance of the other one; 1 where both are empty, 0 where one is. */
  readonly surfaceDice: number;
  /** 95th percentile of the distances from one surface to the other, the larger of the two; null where one is empty. */
  readonly hd95: number | null;
}

type Triple = readonly [number, number, number];

/** Corners of a cell by the bits of their number: bit 0 along i, bit 1 along j, bit 2 along k. */
const edges = [0, 1, 2].flatMap((axis) =>
  [0, 1, 2, 3, 4, 5, 6, 7]
    .filter((corner) => !((corner >> axis) & 1))
    .map((corner) => [corner, corner | (1 << axis)] as const),
);

/** Corners round each face of a cell, in order. */
const faces = [0, 1, 2].flatMap((axis) => {
  const [u, v] = [0, 1, 2].filter((other) => other !== axis).map((other) => 1 << other) as [number, number];
  return [0, 1 << axis].map((first) => [first, first + u, first + u + v, first + v]);
});

const edgeBetween = (a: number, b: number) =>
  edges.findIndex(([low, high]) => low === Math.min(a, b) && high === Math.max(a, b));

/** The surface of a cell as segments between edges, face by face; where two corners of a face lie across, each is cut off. */
function segmentsOf(code: number): [number, number][] {
  const inside = (corner: number) => ((code >> corner) & 1) === 1;
  return faces.flatMap((face) => {
    const crossed = face
      .map((corner, i) => [corner, face[(i + 1) % 4]!] as const)
      .filter(([a, b]) => inside(a) !== inside(b))
      .map(([a, b]) => edgeBetween(a, b));
    if (crossed.length < 4) {
      return crossed.length === 2 ? [[crossed[0]!, crossed[1]!] as [number, number]] : [];
    }
    return face.flatMap((corner, i): [number, number][] =>
      inside(corner) ? [[edgeBetween(corner, face[(i + 3) % 4]!), edgeBetween(corner, face[(i + 1) % 4]!)]] : [],
    );
  });
}

/** Segments joined to closed loops of edges. */
function loopsOf(code: number): number[][] {
  const rest = segmentsOf(code);
  const loops: number[][] = [];
  while (rest.length > 0) {
    const loop = [...rest.pop()!];
    for (;;) {
      const next = rest.findIndex((segment) => segment.includes(loop.at(-1)!));
      if (next < 0) {
        break;
      }
      const [[a, b]] = rest.splice(next, 1) as [[number, number]];
      loop.push(a === loop.at(-1) ? b : a);
    }
    loops.push(loop.slice(0, -1));
  }
  return loops;
}

type Point = readonly number[];

/** In a cell of the given sides. */
function middleOf(edge: number, sides: Triple): Point {
  const [a, b] = edges[edge]!;
  return [0, 1, 2].map((axis) => ((((a >> axis) & 1) + ((b >> axis) & 1)) / 2) * sides[axis]!);
}

function triangleArea(a: Point, b: Point, c: Point): number {
  const along = (to: Point) => to.map((value, axis) => value - a[axis]!);
  return Math.hypot(...crossProduct(along(b), along(c))) / 2;
}

/** A loop's edges as triangles that meet in one of them. */
function fanFrom(loop: readonly number[], first: number): [number, number, number][] {
  const at = (n: number) => loop[(first + n) % loop.length]!;
  return Array.from({ length: loop.length - 2 }, (_, n) => [at(0), at(n + 1), at(n + 2)]);
}

function fanArea(fan: readonly (readonly [number, number, number])[], sides: Triple): number {
  return fan.reduce((area, corners) => {
    const [a, b, c] = corners.map((edge) => middleOf(edge, sides)) as [Point, Point, Point];
    return area + triangleArea(a, b, c);
  }, 0);
}

/**
 * The triangles in a cell by marching cubes: each loop as the fan that is largest in a cell of unit sides. The surface round
 * more than four corners is that round the others.
 */
function trianglesOf(code: number): [number, number, number][] {
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].filter((corner) => (code >> corner) & 1).length;
  return loopsOf(corners > 4 ? 255 - code : code).flatMap((loop) => {
    const fans = loop.map((_, first) => fanFrom(loop, first));
    const areas = fans.map((fan) => fanArea(fan, [1, 1, 1]));
    return fans[areas.indexOf(Math.max(...areas))]!;
  });
}

const triangles = Array.from({ length: 256 }, (_, code) => trianglesOf(code));

/** Area of the surface in a cell for each of its 256 codes, in mm^2. */
export function surfaceAreas(spacing: Triple): Float64Array {
  return Float64Array.from(triangles, (ofCode) => fanArea(ofCode, spacing));
}

/** The first and last voxel of either mask along each axis. */
function boundsOf(masks: readonly Uint8Array[], [ni, nj]: Triple): { low: number[]; high: number[] } {
  const [low, high] = [
    [Infinity, Infinity, Infinity],
    [-Infinity, -Infinity, -Infinity],
  ];
  masks.forEach((mask) =>
    mask.forEach((value, at) => {
      if (value) {
        [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))].forEach((place, axis) => {
          low[axis] = Math.min(low[axis]!, place);
          high[axis] = Math.max(high[axis]!, place);
        });
      }
    }),
  );
  return { low, high };
}

/** Codes of the corners of a box of voxels, i fastest: one more corner than voxels along each axis. */
function codesOf(mask: Uint8Array, dims: Triple, low: readonly number[], corners: Triple): Uint8Array {
  const codes = new Uint8Array(corners[0] * corners[1] * corners[2]);
  let at = 0;
  for (let k = 0; k < corners[2]; k++) {
    for (let j = 0; j < corners[1]; j++) {
      for (let i = 0; i < corners[0]; i++, at++) {
        for (let bit = 0; bit < 8; bit++) {
          const [x, y, z] = [
            low[0]! + i - 1 + (bit & 1),
            low[1]! + j - 1 + ((bit >> 1) & 1),
            low[2]! + k - 1 + (bit >> 2),
          ];
          const isInside = x >= 0 && y >= 0 && z >= 0 && x < dims[0] && y < dims[1] && z < dims[2];
          codes[at]! |= isInside && mask[(z * dims[1] + y) * dims[0] + x] ? 1 << bit : 0;
        }
      }
    }
  }
  return codes;
}

interface Element {
  readonly distance: number;
  readonly area: number;
}

/** 1 where a surface element lies at a corner of that code. */
const isSurface = (code: number) => Number(code !== 0 && code !== 255);

function elementsOf(codes: Uint8Array, distances: Float64Array, areas: Float64Array): Element[] {
  const elements: Element[] = [];
  codes.forEach((code, at) => {
    if (isSurface(code)) {
      elements.push({ distance: distances[at]!, area: areas[code]! });
    }
  });
  return elements.sort((a, b) => a.distance - b.distance);
}

const areaOf = (elements: readonly Element[]) => elements.reduce((sum, { area }) => sum + area, 0);

/** The distance that 95 % of the area does not exceed. */
function percentile95(elements: readonly Element[]): number {
  const enough = 0.95 * areaOf(elements);
  let area = 0;
  for (const element of elements) {
    area += element.area;
    if (area >= enough) {
      return element.distance;
    }
  }
  return elements.at(-1)!.distance;
}

/**
 * @param predicted, truth 0 or 1 on one grid, i fastest
 * @param spacing of the grid, in mm
 * @param toleranceMm of the surface Dice
 */
export function surfaceScores(
  predicted: Uint8Array,
  truth: Uint8Array,
  dims: Triple,
  spacing: Triple,
  toleranceMm: number,
): SurfaceScores {
  const isEmpty = [predicted, truth].map((mask) => !mask.includes(1)) as [boolean, boolean];
  if (isEmpty[0] || isEmpty[1]) {
    return { surfaceDice: isEmpty[0] && isEmpty[1] ? 1 : 0, hd95: isEmpty[0] && isEmpty[1] ? 0 : null };
  }
  const { low, high } = boundsOf([predicted, truth], dims);
  const corners = low.map((from, axis) => high[axis]! - from + 2) as unknown as Triple;
  const areas = surfaceAreas(spacing);
  const [own, other] = [predicted, truth].map((mask) => codesOf(mask, dims, low, corners)) as [Uint8Array, Uint8Array];
  const [there, back] = [
    elementsOf(own, distancesTo(other.map(isSurface), corners, spacing), areas),
    elementsOf(other, distancesTo(own.map(isSurface), corners, spacing), areas),
  ];
  const near = (elements: readonly Element[]) => areaOf(elements.filter(({ distance }) => distance <= toleranceMm));
  return {
    surfaceDice: (near(there) + near(back)) / (areaOf(there) + areaOf(back)),
    hd95: Math.max(percentile95(there), percentile95(back)),
  };
}
