// Puts every form on matrix units through Tint, for each shape of matrix that its head names, and prints what Tint says, by
// form: run by isa.test.ts on a device that has the feature, whatever shapes it lists.
import * as generated from '../../src/kernels/generated.ts';
import { specialised, type Kernel } from '../../src/kernels/kernel.ts';
import { formsOf } from '../../src/kernels/forms.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';

const gpu = await openGpu({ tune: false });

async function complaints(source: string): Promise<string[]> {
  gpu.device.pushErrorScope('validation');
  const { messages } = await gpu.device.createShaderModule({ code: specialised(source, 'f16') }).getCompilationInfo();
  await gpu.device.popErrorScope();
  return messages.map(({ type, lineNum, message }) => `${type} in line ${lineNum}: ${message}`);
}

const onUnits = Object.values(generated as Record<string, object>).filter(
  (value): value is Kernel => 'source' in value && (value as Kernel).needs.matrices !== undefined,
);
const said: Record<string, string[]> = {};
for (const kernel of onUnits) {
  for (const shape of kernel.needs.matrices!) {
    const traits = {
      precision: 'f16',
      software: false,
      workgroupBytes: 32_768,
      features: gpu.features,
      subgroupSizes: gpu.adapter.subgroupSizes,
      matrices: [shape],
    } as const;
    for (const form of formsOf([kernel], traits).filter(({ refines }) => refines === undefined)) {
      const { source, fit } = form.kernel;
      said[`${form.name} (${fit})`] = await complaints(source);
      if (kernel.name === 'linear.subgroup-matrix' && shape.rows !== shape.columns) {
        said.swapped = await complaints(
          source.replace('<component, matrixColumns, matrixDepth>', '<component, matrixDepth, matrixRows>'),
        );
      }
    }
  }
}
console.log(JSON.stringify(said));
process.exit(0);
