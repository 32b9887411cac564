/**
 * What host code knows of a WGSL kernel. `generated.ts`, beside this file, holds one of these for every entry point
 * in `kernels/`, made by `scripts/generate-kernels.ts` from what wgsl_reflect reads in the source.
 */

/** The scalar type of a binding's array: `stored` is f32 or f16 by the plan's precision. */
export type Element = 'stored' | 'f32' | 'u32';

export interface Binding<Name extends string = string> {
  readonly name: Name;
  readonly index: number;
  readonly element: Element;
  readonly written: boolean;
}

type OverrideValue = number | boolean;

export interface Kernel<
  Bindings extends Record<string, Element> = Record<string, Element>,
  Overrides = Record<string, OverrideValue>,
> {
  /** The file's name without its extension, followed by `.entryPoint` where that is not `main`. */
  readonly name: string;
  readonly entryPoint: string;
  readonly source: string;
  /** What the source was fitted to, where a device's subgroups decide it: see subgroups.ts. */
  readonly fit?: string;
  /** Values that were written into the source, in place of those of its constants. */
  readonly constants?: Readonly<Record<string, number>>;
  readonly bindings: readonly Binding[];
  /** Overrides without a default, which every dispatch has to give. */
  readonly required: readonly string[];
  readonly needs: Needs;
  /** Its file says `suits software devices`: what they take where nothing has been measured. */
  readonly suitsSoftware: boolean;
  /** What a workgroup makes: the source's constants and overrides `tileTokens`, `tileColumns` and so on, by `tokens`, `columns`. */
  readonly tile: Tile;
  /** Constants that the tile's sizes are multiples of, by their names, tuned ones and sides of matrices: `fitted` multiplies them in. */
  readonly tileFactors?: Readonly<Record<string, readonly string[]>>;
  /** Values of the tile's overrides or constants that are worth measuring, the safe ones first. */
  readonly settings: readonly Readonly<Record<string, number>>[];
  /** Values of other overrides that are worth measuring in the tile that is the fastest, the usual ones first. */
  readonly refinements?: readonly Readonly<Record<string, number>>[];
  /** For the type checker alone: never set. */
  readonly types?: { bindings: Bindings; overrides: Overrides };
}

export interface OwnKernel {
  /** For messages and profiles. */
  readonly name: string;
  readonly source: string;
  /** In the order of `@group(0) @binding(0)`, 1, …; `written` is `var<storage, read_write>`. */
  readonly bindings: readonly { readonly name: string; readonly element: Element; readonly written?: boolean }[];
  readonly entryPoint?: string;
}

/**
 * A kernel of one's own, for `recorder.dispatch`: its recordings are planned, replayed and profiled like any other's.
 * `alias stored = f32;` in the source becomes f16 where the plan stores halves.
 */
export function defineKernel({ name, source, bindings, entryPoint = 'main' }: OwnKernel): Kernel {
  return {
    name,
    source,
    entryPoint,
    bindings: bindings.map((binding, index) => ({
      name: binding.name,
      element: binding.element,
      written: binding.written ?? false,
      index,
    })),
    required: [],
    needs: { features: [] },
    suitsSoftware: false,
    tile: {},
    settings: [{}],
  };
}

export type Tile = Readonly<Record<string, number>>;

/** Matrices that a subgroup multiplies: (rows, depth) by (depth, columns), WebGPU's M, K and N. */
export interface MatrixShape {
  /** Type of what is multiplied, and of the sums, as WebGPU names them: `f16`, `f32`, `i8`. */
  readonly component: string;
  readonly result: string;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** What a device must have for a kernel to run, as read from its source. */
export interface Needs {
  /** WebGPU features, from `enable`. */
  readonly features: readonly string[];
  /** `const subgroupLanes`: subgroups are exactly that wide. An override of the name takes the device's width. */
  readonly subgroupLanes?: number | 'any';
  /** The head's line `matrices`: what its matrix types may be, the best first. */
  readonly matrices?: readonly MatrixShape[];
  /** The head's line `workgroup memory`, where it is more than the 16 KiB that every device has. */
  readonly workgroupBytes?: number;
}

/** WGSL for a precision: `alias stored = f32;` is the line that changes, as it is written or minified. */
export function specialised(source: string, precision: Precision): string {
  return precision === 'f32'
    ? source
    : `enable f16;\n${source.replace(/alias stored ?= ?f32;/, 'alias stored = f16;')}`;
}

export type Precision = 'f32' | 'f16';
