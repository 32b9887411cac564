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

export interface Kernel<Bindings extends Record<string, Element> = Record<string, Element>, Overrides = Record<string, OverrideValue>> {
  /** The file's name without its extension, followed by `.entryPoint` where that is not `main`. */
  readonly name: string;
  readonly entryPoint: string;
  readonly source: string;
  readonly bindings: readonly Binding[];
  /** Overrides without a default, which every dispatch has to give. */
  readonly required: readonly string[];
  /** For the type checker alone: never set. */
  readonly types?: { bindings: Bindings; overrides: Overrides };
}

/** WGSL for a precision: `alias stored = f32;` is the one line that half precision changes. */
export function specialised(source: string, precision: Precision): string {
  return precision === 'f32' ? source : `enable f16;\n${source.replace('alias stored = f32;', 'alias stored = f16;')}`;
}

export type Precision = 'f32' | 'f16';
