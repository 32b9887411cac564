import { columnSums } from '../../src/ops/column-sums.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', rowCount: 1024, width: 64 },
  { name: 'odd, several chunks', rowCount: 777, width: 20 },
  { name: 'one row', rowCount: 1, width: 4 },
];

opSuite('columnSums', cases, async (gpu, target, { rowCount, width }, draw) => {
  const dy = draw(rowCount, width);
  const found = await runOp(gpu, target, { dy }, (r, t) => {
    const into = r.tensor('f32', [width]);
    columnSums(r, t.dy, { into, accumulate: false });
    return into;
  });
  const expected = Array.from({ length: width }, (_, n) => {
    let sum = 0;
    for (let t = 0; t < rowCount; t++) {
      sum += dy.values[t * width + n]!;
    }
    return sum;
  });
  expectClose(found, expected, 'f32');
});
