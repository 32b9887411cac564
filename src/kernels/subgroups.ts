/** How a kernel meets a device's subgroups: how many lanes they have there, and which matrices they multiply. */
import type { Kernel, MatrixShape, Precision, Tile } from './kernel.ts';

/** What of a device decides it. */
export interface SubgroupTraits {
  readonly precision: Precision;
  /** WebGPU features of the device. */
  readonly features: ReadonlySet<string>;
  /** Fewest and most lanes of a subgroup; undefined without subgroups. */
  readonly subgroupSizes: { readonly least: number; readonly most: number } | undefined;
  /** What the device's subgroups multiply, as it lists them. */
  readonly matrices: readonly MatrixShape[];
}

/** Where the width can be set: RDNA's matrix units take 32 lanes, and so do Intel's. */
const preferredLanes = 32;

/** Lanes of the kernel's subgroups on the device, and whether the pipeline has to ask for them; undefined where it cannot run. */
function lanesOf(
  { needs: { subgroupLanes } }: Kernel,
  { subgroupSizes, features }: SubgroupTraits,
): { readonly lanes: number; readonly isSet: boolean } | undefined {
  if (subgroupSizes === undefined || subgroupLanes === undefined) {
    return undefined;
  }
  const { least, most } = subgroupSizes;
  const lanes = subgroupLanes !== 'any' ? subgroupLanes : least === most ? least : preferredLanes;
  const isSet = least !== most;
  const isPossible = least <= lanes && lanes <= most && (!isSet || features.has('subgroup-size-control'));
  return isPossible ? { lanes, isSet } : undefined;
}

const isAlike = (a: MatrixShape, b: MatrixShape) =>
  a.component === b.component &&
  a.result === b.result &&
  a.rows === b.rows &&
  a.columns === b.columns &&
  a.depth === b.depth;

/** The first of the kernel's shapes that the device lists; halves are multiplied in half precision only. */
export function matrixOf({ needs }: Kernel, { matrices, precision }: SubgroupTraits): MatrixShape | undefined {
  return needs.matrices?.find(
    (shape) => (precision === 'f16' || shape.component === 'f32') && matrices.some((listed) => isAlike(listed, shape)),
  );
}

/** `f16 16x16x16`: component, then M x N x K. */
export const describeMatrix = ({ component, rows, columns, depth }: MatrixShape): string =>
  `${component} ${rows}x${columns}x${depth}`;

/** The source with its matrix types made the given ones, as it is written or minified. */
function withMatrix(source: string, { component, rows, columns, depth }: MatrixShape): string {
  const constants = {
    componentBytes: component === 'f16' ? 2 : 4,
    matrixRows: rows,
    matrixColumns: columns,
    matrixDepth: depth,
  };
  const sized = Object.entries(constants).reduce(
    (text, [name, value]) => text.replace(new RegExp(`const ${name} ?= ?\\d+u;`), `const ${name} = ${value}u;`),
    source,
  );
  return component === 'f32'
    ? sized
    : sized
        .replace(/alias component ?= ?f32;/, 'alias component = f16;')
        .replace(/alias ComponentBits ?= ?vec4<u32>;/, 'alias ComponentBits = vec2<u32>;');
}

function withSetLanes(source: string, lanes: number): string {
  return `enable subgroup_size_control;\n${source.replaceAll('@compute', `@compute @subgroup_size(${lanes})`)}`;
}

/** A workgroup's tile, its sizes that count matrices in tokens, columns and so on. */
function tileOf({ tile, tileMatrices = {} }: Kernel, matrix: MatrixShape): Tile {
  const sizes = Object.entries(tile).map(([axis, size]) => [
    axis,
    tileMatrices[axis] ? size * matrix[tileMatrices[axis]] : size,
  ]);
  return Object.fromEntries(sizes);
}

/**
 * The kernel as the device takes it, and the overrides that come with it.
 * @returns undefined where its subgroups or their matrices are not to be had
 */
export function fitted(
  kernel: Kernel,
  traits: SubgroupTraits,
): { readonly kernel: Kernel; readonly overrides: Readonly<Record<string, number>> } | undefined {
  const { needs } = kernel;
  if (needs.subgroupLanes === undefined) {
    return { kernel, overrides: {} };
  }
  const found = lanesOf(kernel, traits);
  const matrix = matrixOf(kernel, traits);
  if (found === undefined || (needs.matrices !== undefined && matrix === undefined)) {
    return undefined;
  }
  const { lanes, isSet } = found;
  const sized = matrix ? withMatrix(kernel.source, matrix) : kernel.source;
  const fit = [matrix ? describeMatrix(matrix) : '', isSet ? `${lanes} lanes` : ''].filter((text) => text !== '');
  return {
    kernel: {
      ...kernel,
      tile: matrix ? tileOf(kernel, matrix) : kernel.tile,
      source: isSet ? withSetLanes(sized, lanes) : sized,
      ...(fit.length > 0 && { fit: fit.join(', ') }),
    },
    overrides: needs.subgroupLanes === 'any' ? { subgroupLanes: lanes } : {},
  };
}
