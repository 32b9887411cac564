/** Clicks by lesion from a file: volsam's own JSON, or 3D Slicer's markups (.mrk.json). */
import { InputError } from '../runtime/errors.ts';

export interface ClicksFile {
  /** Voxel indices of the image's file, or millimetres in RAS. */
  readonly space: 'voxel' | 'ras';
  /** A list of clicks for each lesion; `lesions` in the file. */
  readonly byLesion: readonly (readonly (readonly number[])[])[];
}

function isClick(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}

function isClicks(value: unknown): value is number[][] {
  return Array.isArray(value) && value.length > 0 && value.every(isClick);
}

interface Markup {
  readonly coordinateSystem?: string;
  readonly controlPoints?: readonly { readonly label?: string; readonly position?: unknown }[];
}

/** Points of one list that share a label are clicks of one lesion; Slicer gives every point a label of its own. */
function fromMarkups(markups: readonly Markup[], file: string): ClicksFile {
  const byLesion = markups.flatMap(({ coordinateSystem = 'LPS', controlPoints = [] }, list) => {
    if (coordinateSystem !== 'LPS' && coordinateSystem !== 'RAS') {
      throw new InputError(`${file}: coordinateSystem is ${JSON.stringify(coordinateSystem)}; expected LPS or RAS`);
    }
    const side = coordinateSystem === 'LPS' ? -1 : 1;
    const byLabel = new Map<string, number[][]>();
    controlPoints.forEach(({ label, position }, index) => {
      if (!isClick(position)) {
        throw new InputError(
          `${file}: control point ${index + 1} of list ${list + 1} has position ${JSON.stringify(position)}; expected three numbers`,
        );
      }
      const key = label ?? String(index);
      byLabel.set(key, [...(byLabel.get(key) ?? []), [side * position[0]!, side * position[1]!, position[2]!]]);
    });
    return [...byLabel.values()];
  });
  if (byLesion.length === 0) {
    throw new InputError(`${file}: holds no control point`);
  }
  return { space: 'ras', byLesion };
}

/**
 * @param file its name, for messages
 * @throws InputError where it is neither `{"space": "voxel" or "ras", "lesions": [[[i, j, k], …], …]}`, nor a list of
 * clicks of one lesion, nor Slicer's markups
 */
export function parseClicks(text: string, file: string): ClicksFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: no JSON (${(error as Error).message})`);
  }
  if (isClicks(json)) {
    return { space: 'voxel', byLesion: [json] };
  }
  const {
    markups,
    lesions,
    space = 'voxel',
  } = (typeof json === 'object' && json !== null ? json : {}) as {
    markups?: unknown;
    lesions?: unknown;
    space?: unknown;
  };
  if (Array.isArray(markups)) {
    return fromMarkups(markups as Markup[], file);
  }
  if (
    !Array.isArray(lesions) ||
    lesions.length === 0 ||
    !lesions.every(isClicks) ||
    (space !== 'voxel' && space !== 'ras')
  ) {
    throw new InputError(
      `${file}: no clicks; expected {"space": "voxel" or "ras", "lesions": [[[i, j, k], …], …]}, a list of [i, j, k], or 3D Slicer's .mrk.json`,
    );
  }
  return { space, byLesion: lesions };
}
