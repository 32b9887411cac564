// A kernel of one's own, recorded, planned, replayed and profiled like volsam's: node examples/own-kernel.mjs
import { openGpu } from 'volsam';
import {
  createRecorder,
  createTensor,
  defineKernel,
  destroyTensor,
  finishPlan,
  profile,
  readTensor,
  targetOf,
  writeTensor,
} from 'volsam/core';

// y[i] = a x[i] + y[i]; one invocation makes one value.
const axpy = defineKernel({
  name: 'axpy',
  bindings: [
    { name: 'x', element: 'f32' },
    { name: 'y', element: 'f32', written: true },
  ],
  source: `
    override a: f32 = 1.0;
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
      if (id.x < arrayLength(&x)) { y[id.x] = a * x[id.x] + y[id.x]; }
    }`,
});

const gpu = await openGpu();
const count = 1 << 20;
const [x, y] = ['x', 'y'].map((label) => createTensor(gpu, label, 'f32', 'f32', [count]));
writeTensor(
  gpu,
  x,
  Float32Array.from({ length: count }, (_, i) => i % 7),
);
writeTensor(gpu, y, new Float32Array(count).fill(1));

const recorder = createRecorder(targetOf(gpu, 'f32'));
recorder.dispatch(axpy, { x, y }, { a: 2 }, [Math.ceil(count / 64), 1, 1], 2 * count); // the last number: operations, for profiles
const plan = await finishPlan(gpu, recorder);
await plan.replay();
console.log((await readTensor(gpu, y)).slice(0, 7).join(' '));

const {
  timings: [timing],
  clock,
} = await profile(gpu, plan);
console.log(
  `${timing.kernel}: ${timing.milliseconds.toFixed(3)} ms by ${clock}, ${((timing.bytes / timing.milliseconds) * 1e-6).toFixed(1)} GB/s`,
);
plan.dispose();
[x, y].forEach((tensor) => destroyTensor(gpu, tensor));
gpu.close();
