import { expect, test } from 'vitest';
import { parseClicks } from '../../src/formats/clicks.ts';

test("a list of clicks, lesions in voxels or millimetres, and Slicer's markups", () => {
  expect(parseClicks('[[1, 2, 3], [4, 5, 6]]', 'a.json')).toEqual({
    space: 'voxel',
    byLesion: [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
  });
  expect(parseClicks('{"space": "ras", "lesions": [[[1, 2, 3]], [[4, 5, 6]]]}', 'a.json')).toEqual({
    space: 'ras',
    byLesion: [[[1, 2, 3]], [[4, 5, 6]]],
  });
  const point = (label: string, ...position: number[]) => ({ id: label, label, position, positionStatus: 'defined' });
  const markups = (coordinateSystem: string) =>
    JSON.stringify({
      '@schema': 'markups',
      markups: [
        {
          type: 'Fiducial',
          coordinateSystem,
          controlPoints: [point('F-1', 1, 2, 3), point('F-2', 4, 5, 6), point('F-1', 7, 8, 9)],
        },
      ],
    });
  expect(parseClicks(markups('LPS'), 'a.mrk.json')).toEqual({
    space: 'ras',
    byLesion: [
      [
        [-1, -2, 3],
        [-7, -8, 9],
      ],
      [[-4, -5, 6]],
    ],
  });
  expect(parseClicks(markups('RAS'), 'a.mrk.json').byLesion[1]).toEqual([[4, 5, 6]]);
});

test('what is no file of clicks is refused by name', () => {
  expect(() => parseClicks('no', 'a.json')).toThrow(/a.json: no JSON/);
  expect(() => parseClicks('{"lesions": [[[1, 2]]]}', 'a.json')).toThrow(/a.json: no clicks; expected/);
  expect(() => parseClicks('{"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}', 'a.json')).toThrow(
    /coordinateSystem is "IJK"; expected LPS or RAS/,
  );
  expect(() => parseClicks('{"markups": [{"controlPoints": [{"position": [1]}]}]}', 'a.json')).toThrow(
    /control point 1 of list 1 has position \[1\]/,
  );
  expect(() => parseClicks('{"markups": []}', 'a.json')).toThrow(/holds no control point/);
});
