/** Presets: how a dataset's images were prepared for training, and so how an image has to be prepared here. */
import { InputError } from '../runtime/errors.ts';

export interface Preset {
  readonly name: string;
  /** Intensities are clipped to this range, then become (value - mean) / std. */
  readonly clip: readonly [number, number];
  readonly mean: number;
  readonly std: number;
  /** Millimetres along D, H and W. */
  readonly spacing: readonly [number, number, number];
  /** File axes (0 i, 1 j, 2 k) that become D, H and W. */
  readonly axes: readonly [number, number, number];
  /** The lesion's value in the dataset's labels. */
  readonly label: number;
  /** Orientation of the training data, such as RAS; files in another are reordered. Without it, axes are taken as stored. */
  readonly orientation?: string;
}

const isotropic = [1, 1, 1] as const;

/** The published presets. */
export const presets: Readonly<Record<string, Preset>> = {
  kits: {
    name: 'kits',
    clip: [-54, 247],
    mean: 59.53867,
    std: 55.457336,
    spacing: isotropic,
    axes: [0, 1, 2],
    label: 2,
  },
  lits: {
    name: 'lits',
    clip: [-48, 163],
    mean: 60.057533,
    std: 40.198017,
    spacing: isotropic,
    axes: [2, 1, 0],
    label: 2,
  },
  pancreas: {
    name: 'pancreas',
    clip: [-39, 204],
    mean: 68.45214,
    std: 63.422806,
    spacing: isotropic,
    axes: [2, 1, 0],
    label: 2,
  },
  colon: {
    name: 'colon',
    clip: [-57, 175],
    mean: 65.175035,
    std: 32.651197,
    spacing: isotropic,
    axes: [2, 1, 0],
    label: 1,
  },
};

function isNumbers(value: unknown, count: number): value is number[] {
  return Array.isArray(value) && value.length === count && value.every(Number.isFinite);
}

/** Checks a preset that a user wrote. @param file its name, for messages @throws InputError by the field's name */
export function parsePreset(json: string, file: string): Preset {
  let value: Partial<Preset>;
  try {
    value = JSON.parse(json) as Partial<Preset>;
  } catch (error) {
    throw new InputError(`${file}: no JSON (${(error as Error).message})`);
  }
  const check = (field: keyof Preset, holds: boolean, expected: string) => {
    if (!holds) {
      throw new InputError(`${file}: ${field} is ${JSON.stringify(value[field])}; expected ${expected}`);
    }
  };
  const { clip, mean, std, spacing, axes, label, orientation } = value;
  check('clip', isNumbers(clip, 2) && clip[0]! < clip[1]!, 'two numbers, the lower first');
  check('mean', Number.isFinite(mean), 'a number');
  check('std', Number.isFinite(std) && std! > 0, 'a positive number');
  check(
    'spacing',
    isNumbers(spacing, 3) && spacing.every((side) => side > 0),
    'three positive millimetres, along D, H and W',
  );
  check('axes', isNumbers(axes, 3) && [...axes].sort().join() === '0,1,2', 'an order of 0, 1 and 2');
  check('label', Number.isInteger(label) && label! > 0, 'a positive integer');
  check(
    'orientation',
    orientation === undefined || isOrientation(orientation),
    'three letters, one of each of R/L, A/P and S/I',
  );
  return { ...(value as Preset), name: value.name ?? file };
}

function isOrientation(text: unknown): boolean {
  return (
    typeof text === 'string' &&
    /^[RLAPSI]{3}$/.test(text) &&
    ['RL', 'AP', 'SI'].every((pair) => [...text].filter((letter) => pair.includes(letter)).length === 1)
  );
}
