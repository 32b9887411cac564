import { expect, test } from 'vitest';
import {
  activated,
  activeLesion,
  added,
  changed,
  cleared,
  emptyHistory,
  redone,
  removed,
  renamed,
  undone,
  type History,
} from '../../src/web/lesion-book.ts';

const mask = { origin: [0, 0, 0], dims: [1, 1, 1], voxels: Uint8Array.of(1) } as const;
const measures = { voxels: 1, millilitres: 0.001, axialDiameterMm: 1, diameterMm: 1 };
const click = (history: History, ...at: number[]): History =>
  changed(history, { ...activeLesion(history), clicks: [...activeLesion(history).clicks, at], mask, measures });
const clicksOf = (history: History) => history.present.lesions.map(({ clicks }) => clicks.length);

test('clicks are undone and redone one by one, and a new one ends what could be redone', () => {
  const twice = click(click(emptyHistory, 1, 2, 3), 4, 5, 6);
  expect(clicksOf(twice)).toEqual([2]);
  const once = undone(twice);
  expect(clicksOf(once)).toEqual([1]);
  expect(undone(undone(once))).toEqual(undone(once));
  expect(redone(once)).toEqual(twice);
  expect(redone(click(once, 7, 8, 9)).present).toEqual(click(once, 7, 8, 9).present);
});

test('lesions get values of their own, which a removed one gives back', () => {
  const three = added(click(added(click(emptyHistory, 1, 1, 1)), 2, 2, 2));
  expect(three.present.lesions.map(({ value }) => value)).toEqual([1, 2, 3]);
  expect(three.present.active).toBe(3);
  expect(added(three)).toEqual(three);
  const two = removed(activated(three, 2), 2);
  expect(two.present.active).toBe(1);
  expect(added(click(activated(two, 3), 3, 3, 3)).present.active).toBe(2);
  expect(removed(emptyHistory, 1).present.lesions.length).toBe(1);
});

test('clearing can be undone; names stay out of it', () => {
  const named = renamed(click(emptyHistory, 1, 1, 1), 1, 'left kidney');
  const empty = cleared(named);
  expect(clicksOf(empty)).toEqual([0]);
  expect(undone(empty).present.lesions[0]!.name).toBe('left kidney');
  expect(renamed(empty, 1, 'x').past).toEqual(empty.past);
});
