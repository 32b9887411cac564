import { addTo } from '../../src/ops/addition.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', size: 256 },
  { name: 'odd', size: 4 * 333 },
  { name: 'one vec4', size: 4 },
];

opSuite('addTo', cases, async (gpu, target, { size }, draw) => {
  const [x, before] = [draw(size), draw(size)];
  const found = await runOp(gpu, target, { x, before }, (r, t) => {
    const y = r.tensor('stored', [size]);
    r.copy(t.before, y);
    addTo(r, t.x, y);
    return y;
  });
  expectClose(
    found,
    Float32Array.from(x.values, (value, i) => value + before.values[i]!),
    target.precision,
  );
});
