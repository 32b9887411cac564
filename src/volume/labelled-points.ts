/** Clicks of every kind as points with labels, as the network takes them. */
import type { Click, Place } from '../formats/click.ts';
import type { PointLabel } from '../model/config.ts';

export interface LabelledPoint {
  readonly label: PointLabel;
  readonly place: Place;
}

/** Points of a stroke or a lasso. */
const mostPoints = 32;

/** Points along a line, evenly by length, its ends among them; of a line with no more places than that, these. */
function pointsAlong(stroke: readonly Place[]): readonly Place[] {
  if (stroke.length <= mostPoints) {
    return stroke;
  }
  const ends = [0];
  stroke.slice(1).forEach((place, n) => {
    ends.push(ends[n]! + Math.hypot(...place.map((at, axis) => at - stroke[n]![axis]!)));
  });
  const length = ends.at(-1)!;
  let segment = 1;
  return Array.from({ length: mostPoints }, (_, n) => {
    const at = (n / (mostPoints - 1)) * length;
    while (segment < stroke.length - 1 && ends[segment]! < at) {
      segment++;
    }
    const span = ends[segment]! - ends[segment - 1]! || 1;
    const share = Math.min((at - ends[segment - 1]!) / span, 1);
    return stroke[segment]!.map((to, axis) => stroke[segment - 1]![axis]! * (1 - share) + to * share);
  });
}

/** Whether a point of a plane lies inside a closed line, by the crossings of a ray. */
function isInside([x, y]: readonly [number, number], line: readonly (readonly [number, number])[]): boolean {
  return line.reduce((inside, [ax, ay], n) => {
    const [bx, by] = line[(n + 1) % line.length]!;
    const crosses = ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax);
    return crosses ? !inside : inside;
  }, false);
}

/** Points of an even grid inside a closed line, as many as there are room for, in the slice that it is drawn in; the line's own places where it holds none. */
function pointsInside(lasso: readonly Place[]): readonly Place[] {
  const bounds = [0, 1, 2].map((axis) => {
    const along = lasso.map((place) => place[axis]!);
    return { axis, low: Math.min(...along), high: Math.max(...along) };
  });
  const [flat, v, u] = bounds.toSorted((a, b) => a.high - a.low - (b.high - b.low)) as [
    (typeof bounds)[0],
    (typeof bounds)[0],
    (typeof bounds)[0],
  ];
  const line = lasso.map((place) => [place[u.axis]!, place[v.axis]!] as const);
  const slice = lasso.reduce((sum, place) => sum + place[flat.axis]!, 0) / lasso.length;
  for (let step = Math.max((u.high - u.low) / (2 * mostPoints), 1e-6); step <= u.high - u.low; step *= 1.1) {
    const found: Place[] = [];
    for (let y = v.low + step / 2; y < v.high; y += step) {
      for (let x = u.low + step / 2; x < u.high; x += step) {
        if (isInside([x, y], line)) {
          const place = [slice, slice, slice];
          [place[u.axis], place[v.axis]] = [x, y];
          found.push(place);
        }
      }
    }
    if (found.length > 0 && found.length <= mostPoints) {
      return found;
    }
  }
  return pointsAlong(lasso);
}

const middleOf = (one: Place, other: Place): Place => one.map((at, axis) => (at + other[axis]!) / 2);

/** @param isFound says that a click before it is in the lesion, so that a box needs no middle */
function pointsOf(click: Click, isFound: boolean): LabelledPoint[] {
  const labelled = (label: PointLabel, places: readonly Place[]) => places.map((place) => ({ label, place }));
  if ('stroke' in click) {
    return labelled(click.label, pointsAlong(click.stroke));
  }
  if ('lasso' in click) {
    return labelled(click.label, pointsInside(click.lasso));
  }
  if ('box' in click) {
    const [one, other] = click.box as readonly [Place, Place];
    return [
      { label: 'boxNear', place: one.map((at, axis) => Math.min(at, other[axis]!)) },
      { label: 'boxFar', place: one.map((at, axis) => Math.max(at, other[axis]!)) },
      ...(isFound ? [] : labelled('foreground', [middleOf(one, other)])),
    ];
  }
  return 'places' in click ? labelled(click.label, click.places) : labelled('foreground', [click]);
}

/** Whether a click says by itself where a lesion is. */
export function isInLesion(click: Click): boolean {
  return !('label' in click) || click.label === 'foreground';
}

/** The points of some clicks of one lesion, in their order. The middle of a box is in the lesion, where nothing was clicked in it before. */
export function labelledPoints(clicks: readonly Click[]): LabelledPoint[] {
  return clicks.flatMap((click, n) => pointsOf(click, clicks.slice(0, n).some(isInLesion)));
}
