// Puts every form on matrix units through Tint, for each shape of matrix that its head names, and prints what Tint says, by
// form: run by isa.test.ts on a device that has the feature, whatever shapes it lists.
import * as generated from '../../src/kernels/generated.ts';
import { specialised, type Kernel } from '../../src/kernels/kernel.ts';
import { fitted } from '../../src/kernels/subgroups.ts';
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
    const traits = { precision: 'f16', features: gpu.features, subgroupSizes: gpu.adapter.subgroupSizes } as const;
    const form = fitted(kernel, { ...traits, matrices: [shape] })!.kernel;
    said[`${form.name} (${form.fit})`] = await complaints(form.source);
    if (form.name === 'linear.subgroup-matrix' && shape.rows !== shape.columns) {
      const source = form.source.replace(
        '<component, matrixColumns, matrixDepth>',
        '<component, matrixDepth, matrixRows>',
      );
      said.swapped = await complaints(source);
    }
  }
}
console.log(JSON.stringify(said));
process.exit(0);
