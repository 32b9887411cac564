/** The lesions of a page's case, with undo and redo: every state is a value, nothing is changed in place. */
import type { Click } from '../volume/clicks.ts';
import type { LesionMask } from '../lesions/lesion-mask.ts';
import type { LesionMeasures } from '../lesions/lesion-measures.ts';

export interface Lesion {
  /** Its value in the label map, from 1. */
  readonly value: number;
  readonly name: string;
  readonly clicks: readonly Click[];
  readonly mask: LesionMask | undefined;
  readonly measures: LesionMeasures | undefined;
}

export interface LesionBook {
  readonly lesions: readonly Lesion[];
  /** Value of the lesion that clicks and pen belong to. */
  readonly active: number;
}

export interface History {
  readonly past: readonly LesionBook[];
  readonly present: LesionBook;
  readonly future: readonly LesionBook[];
}

/** What a label map of bytes can tell apart. */
const mostLesions = 255;

const freshLesion = (value: number): Lesion => ({
  value,
  name: `Lesion ${value}`,
  clicks: [],
  mask: undefined,
  measures: undefined,
});

export const emptyHistory: History = { past: [], present: { lesions: [freshLesion(1)], active: 1 }, future: [] };

/** Goes on to another state, which can be undone. */
function to(history: History, present: LesionBook): History {
  return { past: [...history.past, history.present], present, future: [] };
}

export function activeLesion({ present: { lesions, active } }: History): Lesion {
  return lesions.find(({ value }) => value === active)!;
}

function withLesion({ lesions, active }: LesionBook, changed: Lesion): LesionBook {
  return { lesions: lesions.map((lesion) => (lesion.value === changed.value ? changed : lesion)), active };
}

/** The lesion has been segmented, or corrected by hand. */
export function changed(history: History, lesion: Lesion): History {
  return to(history, withLesion(history.present, lesion));
}

/** Adds an empty lesion, and makes it the active one; there is at most one empty one. */
export function added(history: History): History {
  const { lesions } = history.present;
  const empty = lesions.find(({ mask, clicks }) => !mask && clicks.length === 0);
  const free = Array.from({ length: mostLesions }, (_, i) => i + 1).find(
    (value) => !lesions.some((lesion) => lesion.value === value),
  );
  if (empty || free === undefined) {
    return empty ? activated(history, empty.value) : history;
  }
  return to(history, { lesions: [...lesions, freshLesion(free)], active: free });
}

/** Names and the active lesion are no steps of their own: undo does not stop at them. */
export function activated(history: History, value: number): History {
  return { ...history, present: { ...history.present, active: value } };
}

export function renamed(history: History, value: number, name: string): History {
  const lesion = history.present.lesions.find((other) => other.value === value)!;
  return { ...history, present: withLesion(history.present, { ...lesion, name }) };
}

export function removed(history: History, value: number): History {
  const left = history.present.lesions.filter((lesion) => lesion.value !== value);
  const lesions = left.length > 0 ? left : [freshLesion(1)];
  return to(history, {
    lesions,
    active: lesions.some((lesion) => lesion.value === history.present.active)
      ? history.present.active
      : lesions[0]!.value,
  });
}

export function cleared(history: History): History {
  return to(history, emptyHistory.present);
}

export function undone({ past, present, future }: History): History {
  return past.length > 0
    ? { past: past.slice(0, -1), present: past.at(-1)!, future: [present, ...future] }
    : { past, present, future };
}

export function redone({ past, present, future }: History): History {
  return future.length > 0
    ? { past: [...past, present], present: future[0]!, future: future.slice(1) }
    : { past, present, future };
}
