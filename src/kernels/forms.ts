/** The forms of a kernel: which of them a device can run, and which it takes where nothing has been measured. */
import type { Kernel, Tile } from './kernel.ts';
import { fitted, type SubgroupTraits } from './subgroups.ts';

/** What a choice depends on. */
export interface Traits extends SubgroupTraits {
  /** The device computes on the CPU. */
  readonly software: boolean;
  /** Of workgroup memory that a pipeline may take. */
  readonly workgroupBytes: number;
}

/** A way to run an op: a kernel file, with values for its tile's overrides and constants where it has such. */
export interface Form {
  /** The kernel's name, with the values that there are several of to choose from: `linear 128x128`, `linear 128x128 bandTiles 8`. */
  readonly name: string;
  /** The form of the same tile that it refines: worth a timing where that one is the fastest. */
  readonly refines?: string;
  readonly kernel: Kernel;
  readonly settings: Readonly<Record<string, number>>;
  readonly tile: Tile;
}

/** Takes one of the forms for a dispatch of the given shape, such as `linear 768 x 3072 f32`. */
export type ChooseForm = (shape: string, forms: readonly Form[], traits: Traits) => Form;

/** A kernel's forms in one tile, the usual one first. */
function formsInTile(kernel: Kernel, settings: Readonly<Record<string, number>>, traits: Traits): Form[] {
  const here = fitted(kernel, traits, settings);
  if (here === undefined) {
    return [];
  }
  const name = kernel.settings.length > 1 ? `${kernel.name} ${Object.values(settings).join('x')}` : kernel.name;
  return (kernel.refinements ?? [{}]).map((refinement, i): Form => {
    const values = Object.entries(refinement).map((entry) => entry.join(' '));
    return {
      name: i === 0 ? name : `${name} ${values.join(' ')}`,
      kernel: here.kernel,
      settings: { ...here.overrides, ...refinement },
      tile: here.kernel.tile,
      ...(i > 0 && { refines: name }),
    };
  });
}

/** Every form that the device can run. @param kernels a kernel's files, the plain one first */
export function formsOf(kernels: readonly Kernel[], traits: Traits): Form[] {
  return kernels
    .filter(
      ({ needs: { features, workgroupBytes = 0 } }) =>
        features.every((feature) => traits.features.has(feature)) && workgroupBytes <= traits.workgroupBytes,
    )
    .flatMap((kernel) => kernel.settings.flatMap((settings) => formsInTile(kernel, settings, traits)));
}

/** The first form that suits the kind of device, on a CPU one for its subgroups where there is one; the plain form where none does. */
export const safeForm: ChooseForm = (_, forms, { software }) => {
  const suitable = forms.filter(({ kernel }) => kernel.suitsSoftware === software);
  const forSubgroups = suitable.find(({ kernel }) => kernel.needs.subgroupLanes !== undefined);
  return (software ? forSubgroups : undefined) ?? suitable[0] ?? forms[0]!;
};

/**
 * Forms that are worth a timing, before their refinements. What suits a CPU keeps to memory what a GPU has in registers, and is left to devices without
 * another form; a CPU compiles those that synchronise through workgroup memory for seconds each, and then runs them several
 * times slower.
 * @param safe the form that is taken where nothing has been measured
 */
export function contenders(all: readonly Form[], safe: Form, { software }: Pick<Traits, 'software'>): Form[] {
  return all.filter(
    ({ name, kernel, refines }) => name === safe.name || (kernel.suitsSoftware === software && refines === undefined),
  );
}
