/** Clicks by lesion from a file: volsam's own JSON, or 3D Slicer's markups (.mrk.json). */
import { InputError } from '../runtime/errors.ts';
import { clickForms, isClicks, isPlace, type Click, type Place } from './click.ts';

export interface ClicksFile {
  /** Voxel indices of the image's file, or millimetres in RAS. */
  readonly space: 'voxel' | 'ras';
  /** A list of clicks for each lesion; `lesions` in the file. */
  readonly byLesion: readonly (readonly Click[])[];
  /** How the file was understood, where that was no matter of course. */
  readonly notes?: readonly string[];
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

/** What a point's label says: the lesion, by a name that somebody gave it, and whether the point is beside it. */
function readLabel(label: string | undefined, listName: string): { lesion: string; beside: boolean } {
  const beside = /^(?:(.*?)[\s_-]+)?(?:background|not|negative)(?:[-_]\d+)?$/i.exec(label ?? '');
  if (beside) {
    return { lesion: beside[1] ?? '', beside: true };
  }
  return { lesion: isDefaultLabel(label, listName) ? '' : label!, beside: false };
}

/** Points of one list are clicks of one lesion, except for those that somebody gave a label of their own. */
function lesionsIn({ coordinateSystem = 'LPS', controlPoints = [] }: Markup, list: number, file: string): Click[][] {
  if (coordinateSystem !== 'LPS' && coordinateSystem !== 'RAS') {
    throw new InputError(`${file}: coordinateSystem is ${JSON.stringify(coordinateSystem)}; expected LPS or RAS`);
  }
  const side = coordinateSystem === 'LPS' ? -1 : 1;
  const listName = /([^\\/]*?)(\.mrk)?\.json$/i.exec(file)?.[1] ?? '';
  const points = controlPoints.flatMap((point, index) => {
    const { label, position } = point;
    if (!isPlaced(point)) {
      return [];
    }
    if (!isPlace(position)) {
      throw new InputError(
        `${file}: control point ${index + 1} of list ${list + 1} has position ${JSON.stringify(position)}; expected three numbers`,
      );
    }
    const place: Place = [side * position[0]!, side * position[1]!, position[2]!];
    return [{ ...readLabel(label, listName), place }];
  });
  const names = new Set(points.filter(({ beside }) => !beside).map(({ lesion }) => lesion));
  const [only] = names.size === 1 ? names : [];
  const byLesion = new Map<string, Click[]>([...names].map((name) => [name, []]));
  for (const { lesion, beside, place } of points) {
    const own = byLesion.get(lesion) ?? (lesion === '' && only !== undefined ? byLesion.get(only) : undefined);
    if (!own) {
      throw new InputError(
        `${file}: list ${list + 1} has a point beside ${lesion === '' ? 'a lesion' : `lesion ${lesion}`}, and ${names.size === 0 ? 'no point in one' : `points in ${[...names].map((name) => name || 'one without a name').join(', ')}`}; expected the lesion's name in the label, such as "${[...names][0] ?? 'L1'} background"`,
      );
    }
    own.push(beside ? { label: 'background', places: [place] } : place);
  }
  return [...byLesion.values()];
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
 * @throws InputError where it is neither `{"space": "voxel" or "ras", "lesions": [[click, …], …]}`, nor a list of clicks of one lesion, nor
 * Slicer's markups; clicks as `Click` has them
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
    !lesions.every((own) => isClicks(own) || (Array.isArray(own) && own.length === 0)) || // a mask to start from may say where it is
    (space !== 'voxel' && space !== 'ras')
  ) {
    throw new InputError(
      `${file}: no clicks; expected {"space": "voxel" or "ras", "lesions": [[[i, j, k], …], …]}, a list of [i, j, k], or 3D Slicer's .mrk.json. In the place of [i, j, k]: ${clickForms}`,
    );
  }
  return { space, byLesion: lesions };
}
