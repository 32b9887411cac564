/** How a kernel meets a device's subgroups: how many lanes they have there, and which matrices they multiply. */
import type { Kernel, MatrixShape, Precision, Tile } from './kernel.ts';

type Settings = Readonly<Record<string, number>>;

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

/** Four of these fill the 256 invocations that a workgroup has on every device. */
const mostLanes = 64;

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
  const isPossible =
    least <= lanes && lanes <= Math.min(most, mostLanes) && (!isSet || features.has('subgroup-size-control'));
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

/** The source, as it is written or minified, with other values of its constants. */
function withConstants(source: string, constants: Readonly<Record<string, number>>): string {
  return source.replace(/const (\w+) ?= ?\d+u;/g, (text, name: string) =>
    name in constants ? `const ${name} = ${constants[name]}u;` : text,
  );
}

const sidesOf = ({ rows, columns, depth }: MatrixShape) => ({
  matrixRows: rows,
  matrixColumns: columns,
  matrixDepth: depth,
});

/** The source with its matrix types made the given ones. */
function withMatrix(source: string, matrix: MatrixShape): string {
  const sized = withConstants(source, { componentBytes: matrix.component === 'f16' ? 2 : 4, ...sidesOf(matrix) });
  return matrix.component === 'f32'
    ? sized
    : sized
        .replace(/alias component ?= ?f32;/, 'alias component = f16;')
        .replace(/alias ComponentBits ?= ?vec4<u32>;/, 'alias ComponentBits = vec2<u32>;');
}

function withSetLanes(source: string, lanes: number): string {
  return `enable subgroup_size_control;\n${source.replaceAll('@compute', `@compute @subgroup_size(${lanes})`)}`;
}

/** A workgroup's tile. @param values of its overrides, and of all constants that its sizes are multiples of */
function tileOf({ tile, tileFactors = {} }: Kernel, values: Settings): Tile {
  const sizes = Object.entries(tile).map(([axis, size]) => {
    const name = `tile${axis.charAt(0).toUpperCase()}${axis.slice(1)}`;
    const factors = (tileFactors[axis] ?? []).map((factor) => values[factor]!);
    return [axis, factors.reduce((product, factor) => product * factor, values[name] ?? size)];
  });
  return Object.fromEntries(sizes);
}

/** The kernel with those of the settings written into its source that its tile's sizes are multiples of; the others are overrides. */
function withSettings(kernel: Kernel, settings: Settings): { readonly kernel: Kernel; readonly overrides: Settings } {
  if (kernel.tileFactors === undefined) {
    return { kernel, overrides: settings };
  }
  const factors = new Set(Object.values(kernel.tileFactors).flat());
  const partOf = (areFactors: boolean) =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => factors.has(name) === areFactors));
  const constants = partOf(true);
  return {
    kernel: { ...kernel, source: withConstants(kernel.source, constants), constants },
    overrides: partOf(false),
  };
}

/**
 * The kernel as the device takes it, and the overrides that come with it.
 * @param settings one of the kernel's
 * @returns undefined where its subgroups or their matrices are not to be had
 */
export function fitted(
  plain: Kernel,
  traits: SubgroupTraits,
  settings: Settings,
): { readonly kernel: Kernel; readonly overrides: Settings } | undefined {
  const { needs } = plain;
  if (needs.subgroupLanes === undefined) {
    return { kernel: { ...plain, tile: tileOf(plain, settings) }, overrides: settings };
  }
  const found = lanesOf(plain, traits);
  const matrix = matrixOf(plain, traits);
  if (found === undefined || (needs.matrices !== undefined && matrix === undefined)) {
    return undefined;
  }
  const { kernel, overrides } = withSettings(plain, settings);
  const { lanes, isSet } = found;
  const sized = matrix ? withMatrix(kernel.source, matrix) : kernel.source;
  const fit = [matrix ? describeMatrix(matrix) : '', isSet ? `${lanes} lanes` : ''].filter((text) => text !== '');
  return {
    kernel: {
      ...kernel,
      tile: tileOf(kernel, { ...settings, ...(matrix && sidesOf(matrix)) }),
      source: isSet ? withSetLanes(sized, lanes) : sized,
      ...(fit.length > 0 && { fit: fit.join(', ') }),
    },
    overrides: needs.subgroupLanes === 'any' ? { ...overrides, subgroupLanes: lanes } : overrides,
  };
}
