/** Clicks by lesion from a file: volsam's own JSON, or 3D Slicer's markups (.mrk.json). */
import { InputError } from '../runtime/errors.ts';

export interface ClicksFile {
  /** Voxel indices of the image's file, or millimetres in RAS. */
  readonly space: 'voxel' | 'ras';
  /** A list of clicks for each lesion; `lesions` in the file. */
  readonly byLesion: readonly (readonly (readonly number[])[])[];
  /** How the file was understood, where that was no matter of course. */
  readonly notes?: readonly string[];
}

function isClick(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}

function isClicks(value: unknown): value is number[][] {
  return Array.isArray(value) && value.length > 0 && value.every(isClick);
}

interface ControlPoint {
  readonly label?: string;
  readonly position?: unknown;
  readonly positionStatus?: string;
}

interface Markup {
  readonly coordinateSystem?: string;
  readonly controlPoints?: readonly ControlPoint[];
}

/** A point that Slicer lists before it is placed, or after it was taken away. */
function isPlaced({ position, positionStatus }: ControlPoint): boolean {
  return positionStatus === undefined ? position !== '' : positionStatus === 'defined';
}

/** Labels that Slicer gives by itself: the list's name, at first F, and a number; or none. */
function isDefaultLabel(label: string | undefined, listName: string): boolean {
  const prefix = /^(.*)[-_]\d+$/.exec(label ?? '')?.[1];
  return !label || (prefix !== undefined && ['F', listName].includes(prefix));
}

/** Points of one list are clicks of one lesion, except for those that somebody gave a label of their own. */
function lesionsIn({ coordinateSystem = 'LPS', controlPoints = [] }: Markup, list: number, file: string): number[][][] {
  if (coordinateSystem !== 'LPS' && coordinateSystem !== 'RAS') {
    throw new InputError(`${file}: coordinateSystem is ${JSON.stringify(coordinateSystem)}; expected LPS or RAS`);
  }
  const side = coordinateSystem === 'LPS' ? -1 : 1;
  const listName = /([^\\/]*?)(\.mrk)?\.json$/i.exec(file)?.[1] ?? '';
  const byLabel = new Map<string, number[][]>();
  controlPoints.forEach((point, index) => {
    if (!isPlaced(point)) {
      return;
    }
    const { label, position } = point;
    if (!isClick(position)) {
      throw new InputError(
        `${file}: control point ${index + 1} of list ${list + 1} has position ${JSON.stringify(position)}; expected three numbers`,
      );
    }
    const key = isDefaultLabel(label, listName) ? '' : label!;
    byLabel.set(key, [...(byLabel.get(key) ?? []), [side * position[0]!, side * position[1]!, position[2]!]]);
  });
  return [...byLabel.values()];
}

function fromMarkups(markups: readonly Markup[], file: string): ClicksFile {
  const byLesion = markups.flatMap((markup, list) => lesionsIn(markup, list, file));
  if (byLesion.length === 0) {
    throw new InputError(`${file}: holds no control point that is placed`);
  }
  const unplaced = markups.flatMap(({ controlPoints = [] }) => controlPoints).filter((point) => !isPlaced(point));
  return {
    space: 'ras',
    byLesion,
    notes: [
      ...(byLesion.some((clicks) => clicks.length > 1)
        ? [
            `${file}: ${byLesion.map(({ length }) => length).join(', ')} clicks in ${byLesion.length} lesions, by the points' labels; --split-clicks takes each for a lesion`,
          ]
        : []),
      ...(unplaced.length > 0 ? [`${file}: points that are not placed were left out: ${unplaced.length}`] : []),
    ],
  };
}

/** Every click in a lesion of its own. */
export function splitClicks({ space, byLesion }: ClicksFile): ClicksFile {
  return { space, byLesion: byLesion.flat().map((click) => [click]) };
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
