// What a real GPU's compiler makes of the kernels, without the GPU: Mesa's RADV compiles every form of every kernel of a pass,
// on the model's own shapes, for any AMD generation.
//   npm run bench:isa -- --gpu navi31 --what forward --config vit_b --precision f16 [--kernel linear] [--loops] [--json FILE] [--unchecked]
// --unchecked leaves WebGPU's bounds checks out.
// GPUs: polaris10, vega10, navi21, navi31, gfx1201, with an estimate; whatever else RADV knows, without one.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compilerView } from './isa/compiler-view.ts';
import type { Wanted } from './isa/compiled-form.ts';
import { gpuRates } from './isa/gpus.ts';
import { reportOf, tableOf } from './isa/report.ts';

const { values } = parseArgs({
  options: {
    gpu: { type: 'string', default: 'navi31' },
    what: { type: 'string', default: 'forward' },
    config: { type: 'string', default: 'vit_b' },
    precision: { type: 'string', default: 'f32' },
    kernel: { type: 'string' },
    loops: { type: 'boolean', default: false },
    unchecked: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

function oneOf<T extends string>(option: string, given: string, expected: readonly T[]): T {
  const found = expected.find((value) => value === given);
  if (found === undefined) {
    console.error(`--${option} ${given}: expected ${expected.join(' or ')}`);
    process.exit(1);
  }
  return found;
}

const wanted: Wanted = {
  pass: oneOf('what', values.what, ['forward', 'train']),
  config: values.config,
  precision: oneOf('precision', values.precision, ['f32', 'f16']),
  ...(values.kernel !== undefined && { kernel: values.kernel }),
  ...(values.unchecked && { boundsChecks: false }),
};
try {
  const report = reportOf(values.gpu, wanted, compilerView(values.gpu, wanted), gpuRates[values.gpu]);
  console.log(tableOf(report, values.loops));
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  }
} catch (error) {
  console.error(`bench:isa: ${(error as Error).message}`);
  process.exit(1);
}
