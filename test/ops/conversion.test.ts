import { convert } from '../../src/ops/conversion.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', size: 256 },
  { name: 'odd', size: 4 * 333 },
  { name: 'one vec4', size: 4 },
];

opSuite('convert', cases, async (gpu, target, { size }, draw) => {
  const x = draw.floats(size);
  const found = await runOp(gpu, target, { x }, (r, t) => {
    const y = r.tensor('stored', [size]);
    convert(r, t.x, y);
    return y;
  });
  expectClose(found, x.values, target.precision, target.precision === 'f32' ? 1e-12 : 5e-4);
});
