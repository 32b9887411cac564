/** What a person says of places in an image, as JSON has it: a click in the lesion or beside it, a stroke, a lasso, a box. */

/** Voxel indices (i, j, k) of the file as stored; or, where that is said, millimetres in RAS. */
export type Place = readonly number[];

/** Whether the lesion is there. */
export type ClickLabel = 'foreground' | 'background';

/** Several places at once. */
export interface LabelledClick {
  readonly label: ClickLabel;
  readonly places: readonly Place[];
}

/** A line through places. */
export interface StrokeClick {
  readonly label: ClickLabel;
  readonly stroke: readonly Place[];
}

/** What lies inside a closed line in one slice. */
export interface LassoClick {
  readonly label: ClickLabel;
  readonly lasso: readonly Place[];
}

/** Two opposite corners of a box round the lesion. */
export interface BoxClick {
  readonly box: readonly Place[];
}

/** A place by itself is in the lesion. */
export type Click = Place | LabelledClick | StrokeClick | LassoClick | BoxClick;

/** In messages. */
export const clickForms =
  '{"label": "background", "places": [[i, j, k], …]}, {"label": "foreground", "stroke": [[i, j, k], …]}, {"label": …, "lasso": [[i, j, k], …]} or {"box": [[i, j, k], [i, j, k]]}';

/** A click with every place mapped. */
export function mapPlaces(click: Click, mapped: (place: Place) => Place): Click {
  if ('stroke' in click) {
    return { label: click.label, stroke: click.stroke.map(mapped) };
  }
  if ('lasso' in click) {
    return { label: click.label, lasso: click.lasso.map(mapped) };
  }
  if ('box' in click) {
    return { box: click.box.map(mapped) };
  }
  return 'places' in click ? { label: click.label, places: click.places.map(mapped) } : mapped(click);
}

/** The places that were given, in their order. */
export function placesOf(click: Click): readonly Place[] {
  const found: Place[] = [];
  mapPlaces(click, (place) => {
    found.push(place);
    return place;
  });
  return found;
}

export function isPlace(value: unknown): value is Place {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}

const arePlaces = (value: unknown, least: number): value is Place[] =>
  Array.isArray(value) && value.length >= least && value.every(isPlace);

/** Whether JSON is a click. */
export function isClick(value: unknown): value is Click {
  if (Array.isArray(value)) {
    return isPlace(value);
  }
  const { label, places, stroke, lasso, box, ...others } = (value ?? {}) as Record<string, unknown>;
  const given = [places, stroke, lasso, box].filter((part) => part !== undefined);
  if (given.length !== 1 || Object.keys(others).length > 0) {
    return false;
  }
  return box !== undefined
    ? label === undefined && arePlaces(box, 2) && box.length === 2
    : (label === 'foreground' || label === 'background') &&
        (arePlaces(places, 1) || arePlaces(stroke, 1) || arePlaces(lasso, 3));
}

export function isClicks(value: unknown): value is Click[] {
  return Array.isArray(value) && value.length > 0 && value.every(isClick);
}

/** In a line: `120,88,40`, `not 131,90,42`, `box 100,70,30 150,110,60`, `stroke …`. */
export function describeClick(click: Click): string {
  const places = placesOf(click)
    .map((place) => place.join(','))
    .join(' ');
  const kind = 'box' in click ? 'box ' : 'stroke' in click ? 'stroke ' : 'lasso' in click ? 'lasso ' : '';
  return `${'label' in click && click.label === 'background' ? 'not ' : ''}${kind}${places}`;
}
