// A training loop by hand, with the engine alone: a random small encoder learns a bright ball under a click.
//   node examples/training-loop.mjs
import { openGpu } from 'volsam';
import { completedWeights, configs, formatSafetensors, parameterShapes, Trainer } from 'volsam/core';

const gpu = await openGpu();
const config = configs.tiny;
const trainer = await Trainer.create(gpu, completedWeights(undefined, config, 'seed'), { clickCounts: [1] });

const side = config.crop;
const radius = 7;
let state = 1; // Park and Miller's generator: the same run every time
const random = () => {
  state = (state * 16807) % 2147483647;
  return state / 2147483647;
};
const middle = () => radius + Math.floor(random() * (side - 2 * radius));

for (let step = 1; step <= 10; step++) {
  const click = [middle(), middle(), middle()];
  const inBall = (_, i) =>
    Number(
      Math.hypot(
        Math.floor(i / side ** 2) - click[0],
        (Math.floor(i / side) % side) - click[1],
        (i % side) - click[2],
      ) < radius,
    );
  const target = Uint8Array.from({ length: side ** 3 }, inBall);
  const data = Float32Array.from(target, (inside) => inside + 0.3 * (random() - 0.5));
  const { loss, dice } = await trainer.step(
    { volume: { data, shape: [side, side, side] }, points: [click], target },
    2e-3,
  );
  console.log(`step ${step}: loss ${loss.toFixed(4)}, Dice ${dice.toFixed(4)}`);
}

const { weights } = await trainer.state(); // the trained tensors by name
const shapes = parameterShapes(config);
const file = formatSafetensors(
  new Map([...weights].map(([name, values]) => [name, { shape: shapes.get(name), values }])),
);
console.log(`${weights.size} tensors, ${file.length} bytes`);
trainer.dispose();
gpu.close();
