// Times a model's first click, further click and training step, the median of some runs:
//   node wholes.js CONFIG PRECISION
import { configNamed } from '../../src/model/config.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';
import type { Precision } from '../../src/kernels/kernel.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { Trainer } from '../../src/engine/trainer.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import type { Plan } from '../../src/runtime/plan.ts';
import { timeStage } from '../../src/engine/benchmark.ts';
import { writeResult } from './results.ts';

const [config, precision] = process.argv.slice(2) as [string, Precision];
const stage = `${config} ${precision}`;
const gpu = await openGpu({ report: (text) => writeResult({ stage, name: 'tuning', value: text }) });

async function time(name: string, plans: readonly Plan[]): Promise<void> {
  const { first, median, best, runs, operations } = await timeStage(plans);
  writeResult({
    stage,
    name,
    value: `${median.toFixed(2)} ms (${best.toFixed(2)} at best of ${runs}, ${(operations / median / 1e9).toFixed(2)} TFLOP/s; the first took ${first.toFixed(0)} ms)`,
  });
}

const file = syntheticWeights(configNamed(config));
const sam = await Sam3D.create(gpu, file, { precision });
const middle = Math.floor(sam.config.crop / 2);
const started = performance.now();
const plans = await sam.record([[middle, middle, middle]]);
writeResult({
  stage,
  name: 'recorded, tuned and compiled',
  value: `${((performance.now() - started) / 1e3).toFixed(1)} s`,
});
await time('first click', plans);
await time('further click', plans.slice(1));
sam.dispose();
const trainer = await Trainer.create(gpu, file, { precision, clickCounts: [1] });
await time('training step', trainer.plans);
writeResult({ stage, name: 'peak GPU memory', value: `${Math.round(gpu.memory.peakBytes / 2 ** 20)} MiB` });
process.exit(0);
