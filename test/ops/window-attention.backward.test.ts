import { windowAttentionBackwardQueryForms } from '../../src/kernels/generated.ts';
import { channelsOf, padChannels } from '../../src/ops/channels.ts';
import { windowAttention } from '../../src/ops/window-attention.ts';
import { gradientSuite } from './gradients.ts';
import { windowAttentionStatement } from './window-attention.statement.ts';

const cases = [
  { name: 'plain', grid: 4, window: 4, shift: 0, heads: 2, headWidth: 16, bands: 1, thorough: true },
  {
    name: 'shifted, the second band',
    grid: 4,
    window: 2,
    shift: 1,
    heads: 1,
    headWidth: 20,
    bands: 1,
    firstRow: 2,
    thorough: true,
  },
  { name: 'odd window and head width', grid: 6, window: 3, shift: 1, heads: 3, headWidth: 5, bands: 1 },
  { name: 'one token', grid: 1, window: 1, shift: 0, heads: 1, headWidth: 4, bands: 1, thorough: true },
  {
    name: 'more than one run of keys',
    grid: 9,
    window: 9,
    shift: 4,
    heads: 1,
    headWidth: 4,
    bands: 1,
    samples: 8,
    thorough: true,
  },
  {
    name: 'a head of two groups of columns',
    grid: 2,
    window: 2,
    shift: 1,
    heads: 1,
    headWidth: 64,
    bands: 1,
    thorough: true,
  },
  { name: 'a wide head', grid: 2, window: 2, shift: 1, heads: 1, headWidth: 80, bands: 1, thorough: true },
];

// The kernels of queries and keys have the same forms, and take the same one.
gradientSuite(
  'windowAttention',
  cases,
  (size, draw) => {
    const { grid, window, shift, heads, headWidth, bands, firstRow = 0, samples = 12 } = size;
    const [one, all, head] = [
      channelsOf(heads * headWidth, heads),
      channelsOf(3 * heads * headWidth, 3 * heads, 8),
      channelsOf(headWidth),
    ];
    const tokens = bands * window * grid * grid;
    const side = 2 * window - 1;
    const outWidth = one.width + 4;
    const plane = draw(2 * side, headWidth).values;
    return {
      inputs: {
        qkv: {
          values: draw(tokens, 3 * heads * headWidth).values,
          shape: [bands * window, grid, grid, all.width],
          pack: (values) => padChannels(values, all),
        },
        depth: {
          values: draw(side, headWidth).values,
          shape: [side, head.width],
          pack: (values) => padChannels(values, head),
        },
      },
      constants: { plane: { element: 'stored', shape: [2, side, head.width], values: padChannels(plane, head) } },
      statement: ({ qkv, depth }) => windowAttentionStatement(qkv, [...plane, ...depth], size, firstRow),
      record: (r, t, constants) =>
        windowAttention(
          r,
          t.qkv,
          { plane: constants.plane!, depth: t.depth },
          { grid, window, shift, channels: one },
          firstRow,
          outWidth,
        ),
      packOutput: (values) => padChannels(values, { ...one, width: outWidth }),
      once: true,
      samples,
    };
  },
  windowAttentionBackwardQueryForms,
);
