import { expect, test } from 'vitest';
import { labelledPoints } from '../../src/volume/labelled-points.ts';

test('a click, a click beside the lesion, and a box with the middle that was not clicked', () => {
  expect(
    labelledPoints([
      [1, 2, 3],
      {
        label: 'background',
        places: [
          [4, 5, 6],
          [7, 8, 9],
        ],
      },
    ]),
  ).toEqual([
    { label: 'foreground', place: [1, 2, 3] },
    { label: 'background', place: [4, 5, 6] },
    { label: 'background', place: [7, 8, 9] },
  ]);
  const box = {
    box: [
      [10, 0, 4],
      [2, 6, 8],
    ],
  };
  const corners = [
    { label: 'boxNear', place: [2, 0, 4] },
    { label: 'boxFar', place: [10, 6, 8] },
  ];
  const middle = { label: 'foreground', place: [6, 3, 6] };
  expect(labelledPoints([box])).toEqual([...corners, middle]);
  expect(labelledPoints([[5, 5, 5], box])).toEqual([{ label: 'foreground', place: [5, 5, 5] }, ...corners]);
  // What is said later comes later: a click beside the lesion at the box's middle has the last word there.
  expect(labelledPoints([box, { label: 'background', places: [[6, 3, 6]] }])).toEqual([
    ...corners,
    middle,
    { label: 'background', place: [6, 3, 6] },
  ]);
});

test('32 points along a stroke, evenly by length, whatever places it was drawn through', () => {
  // Of length 31 + 93 = 124: a point every 4, the first leg crowded with places.
  const crowded = Array.from({ length: 63 }, (_, n) => [n / 2, 0, 7]);
  const points = labelledPoints([{ label: 'background', stroke: [...crowded, [31, 93, 7]] }]);
  expect(points.length).toBe(32);
  expect(points.every(({ label }) => label === 'background')).toBe(true);
  points.forEach(({ place }, n) => {
    const at = 4 * n;
    [Math.min(at, 31), Math.max(0, at - 31), 7].forEach((expected, axis) => {
      expect(place[axis]).toBeCloseTo(expected, 9);
    });
  });
  expect(
    labelledPoints([
      {
        label: 'foreground',
        stroke: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
    ]).map(({ place }) => place),
  ).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test('points inside a lasso lie in its slice and in its line, in number close to what there is room for', () => {
  // An L of two arms, in the slice j = 5.
  const line = [
    [0, 0],
    [20, 0],
    [20, 6],
    [6, 6],
    [6, 20],
    [0, 20],
  ];
  const points = labelledPoints([{ label: 'foreground', lasso: line.map(([i, k]) => [i!, 5, k!]) }]);
  expect(points.length).toBeGreaterThan(20);
  expect(points.length).toBeLessThanOrEqual(32);
  for (const { place } of points) {
    const [i, j, k] = place as [number, number, number];
    expect(j).toBe(5);
    expect(i > 0 && k > 0 && i < 20 && k < 20 && (i < 6 || k < 6)).toBe(true);
  }
  // Without an inside, its own places are all there is.
  const flat = [
    [1, 1, 1],
    [2, 2, 1],
    [3, 3, 1],
  ];
  expect(labelledPoints([{ label: 'foreground', lasso: flat }]).map(({ place }) => place)).toEqual(flat);
});
