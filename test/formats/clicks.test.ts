import { expect, test } from 'vitest';
import { parseClicks, splitClicks } from '../../src/formats/clicks.ts';

const point = (label: string, ...position: number[]) => ({ id: label, label, position, positionStatus: 'defined' });
const list = (...controlPoints: object[]) => JSON.stringify({ markups: [{ coordinateSystem: 'RAS', controlPoints }] });

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
  const markups = (coordinateSystem: string) =>
    JSON.stringify({
      '@schema': 'markups',
      markups: [
        {
          type: 'Fiducial',
          coordinateSystem,
          controlPoints: [point('left', 1, 2, 3), point('right', 4, 5, 6), point('left', 7, 8, 9)],
        },
      ],
    });
  expect(parseClicks(markups('LPS'), 'a.mrk.json')).toMatchObject({
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

test("points with Slicer's own labels are clicks of one lesion, unless each is to be one", () => {
  const clicks = parseClicks(list(point('F-1', 1, 2, 3), point('F-2', 4, 5, 6), point('liver', 7, 8, 9)), 'a.mrk.json');
  expect(clicks.byLesion).toEqual([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [[7, 8, 9]],
  ]);
  expect(clicks.notes).toEqual([
    "a.mrk.json: 2, 1 clicks in 2 lesions, by the points' labels; --split-clicks takes each for a lesion",
  ]);
  expect(splitClicks(clicks).byLesion).toEqual([[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]]);
  // Slicer names points after their list, and files after the list too.
  expect(
    parseClicks(list(point('mass-1', 1, 2, 3), point('mass-2', 4, 5, 6)), '/x/mass.mrk.json').byLesion,
  ).toHaveLength(1);
  expect(parseClicks(list(point('mass-1', 1, 2, 3), point('mass-2', 4, 5, 6)), 'a.mrk.json').byLesion).toHaveLength(2);
});

test('points that are not placed are no clicks', () => {
  const preview = { label: 'F-2', position: '', positionStatus: 'preview' };
  const clicks = parseClicks(
    list(point('F-1', 1, 2, 3), preview, { label: 'F-3', position: [0, 0, 0], positionStatus: 'undefined' }),
    'a.mrk.json',
  );
  expect(clicks.byLesion).toEqual([[[1, 2, 3]]]);
  expect(clicks.notes).toEqual(['a.mrk.json: points that are not placed were left out: 2']);
  expect(() => parseClicks(list(preview), 'a.mrk.json')).toThrow('a.mrk.json: holds no control point that is placed');
});

test('clicks beside a lesion, strokes, lassos and boxes, in the place of a click', () => {
  const clicks = [
    [1, 2, 3],
    { label: 'background', places: [[4, 5, 6]] },
    {
      label: 'foreground',
      stroke: [
        [1, 1, 1],
        [2, 2, 2],
      ],
    },
    {
      label: 'background',
      lasso: [
        [0, 0, 1],
        [4, 0, 1],
        [0, 4, 1],
      ],
    },
    {
      box: [
        [0, 0, 0],
        [9, 9, 9],
      ],
    },
  ];
  expect(parseClicks(JSON.stringify(clicks), 'a.json').byLesion).toEqual([clicks]);
  for (const bad of [
    { label: 'organ', places: [[1, 2, 3]] },
    { label: 'background', places: [] },
    { places: [[1, 2, 3]] },
    { box: [[1, 2, 3]] },
    {
      label: 'foreground',
      box: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
    {
      label: 'foreground',
      lasso: [
        [0, 0, 1],
        [4, 0, 1],
      ],
    },
    { label: 'foreground', stroke: [[1, 1, 1]], places: [[1, 1, 1]] },
  ]) {
    expect(() => parseClicks(JSON.stringify([bad]), 'a.json'), JSON.stringify(bad)).toThrow(
      /no clicks; expected .*In the place of \[i, j, k\]: \{"label": "background"/,
    );
  }
});

test("Slicer's points that are labelled as background belong to their list's lesion, or to the one that they name", () => {
  const beside = (...place: number[]) => ({ label: 'background', places: [place] });
  expect(parseClicks(list(point('F-1', 1, 2, 3), point('background', 4, 5, 6)), 'a.mrk.json').byLesion).toEqual([
    [[1, 2, 3], beside(4, 5, 6)],
  ]);
  const two = [point('L1', 1, 2, 3), point('L2', 7, 8, 9)];
  expect(parseClicks(list(...two, point('L2 background-1', 4, 5, 6)), 'a.mrk.json').byLesion).toEqual([
    [[1, 2, 3]],
    [[7, 8, 9], beside(4, 5, 6)],
  ]);
  expect(() => parseClicks(list(...two, point('not', 4, 5, 6)), 'a.mrk.json')).toThrow(
    'a.mrk.json: list 1 has a point beside a lesion, and points in L1, L2; expected the lesion\'s name in the label, such as "L1 background"',
  );
});
