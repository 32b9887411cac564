/** The forms of a kernel: which of them a device can run, and which it takes where nothing has been measured. */
import type { Kernel, Precision, Tile } from './kernel.ts';

/** What a choice depends on. */
export interface Traits {
  readonly precision: Precision;
  /** The device computes on the CPU. */
  readonly software: boolean;
  /** WebGPU features of the device. */
  readonly features: ReadonlySet<string>;
  /** Lanes of a subgroup, where all subgroups have one width. */
  readonly subgroupSize: number | undefined;
  /** Side of the matrices that the device multiplies, f16 by f16 to f32, where it does. */
  readonly matrixSide: number | undefined;
}

/** A way to run an op: a kernel file, with values for its tile's overrides where it has such. */
export interface Form {
  /** The kernel's name, with the tile's sizes where there are several to choose from: `linear 128x128`. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly settings: Readonly<Record<string, number>>;
  readonly tile: Tile;
}

/** Takes one of the forms for a dispatch of the given shape, such as `linear 768 x 3072 f32`. */
export type ChooseForm = (shape: string, forms: readonly Form[], traits: Traits) => Form;

export function canRun({ needs }: Kernel, { precision, features, subgroupSize, matrixSide }: Traits): boolean {
  const { subgroupLanes } = needs;
  const lanesFit =
    subgroupLanes === undefined ||
    subgroupSize === subgroupLanes ||
    (subgroupLanes === 'fixed' && subgroupSize !== undefined);
  const matricesFit = !needs.features.includes('chromium-experimental-subgroup-matrix') || matrixSide !== undefined;
  return (
    needs.features.every((feature) => features.has(feature)) &&
    lanesFit &&
    matricesFit &&
    (!needs.halfPrecision || precision === 'f16')
  );
}

function withSettings(tile: Tile, settings: Readonly<Record<string, number>>): Tile {
  const axisOf = (name: string) => name.charAt(4).toLowerCase() + name.slice(5); // tileTokens: tokens
  return { ...tile, ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [axisOf(name), value])) };
}

/** Every form that the device can run. @param kernels a kernel's files, the plain one first */
export function formsOf(kernels: readonly Kernel[], traits: Traits): Form[] {
  return kernels
    .filter((kernel) => canRun(kernel, traits))
    .flatMap((kernel) =>
      kernel.settings.map((settings): Form => {
        const values = kernel.settings.length > 1 ? ` ${Object.values(settings).join('x')}` : '';
        const lanes: Record<string, number> =
          kernel.needs.subgroupLanes === 'fixed' ? { subgroupLanes: traits.subgroupSize! } : {};
        return {
          name: kernel.name + values,
          kernel,
          settings: { ...settings, ...lanes },
          tile: withSettings(kernel.tile, settings),
        };
      }),
    );
}

/** On a CPU a form that suits one, for its subgroups where there is one; elsewhere the plain form. */
export const safeForm: ChooseForm = (_, forms, { software }) => {
  const suitable = software ? forms.filter(({ kernel }) => kernel.suitsSoftware) : [];
  return suitable.find(({ kernel }) => kernel.needs.subgroupLanes !== undefined) ?? suitable[0] ?? forms[0]!;
};
