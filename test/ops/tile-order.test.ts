/** The order in which workgroups walk the tiles of a product changes no bit of it. */
import { expect, test } from 'vitest';
import { conv3dForms, linearForms } from '../../src/kernels/generated.ts';
import { formsOf } from '../../src/kernels/forms.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { conv3d } from '../../src/ops/conv3d.ts';
import { linear } from '../../src/ops/linear.ts';
import { traitsOf } from '../../src/runtime/compilation.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';
import { sharedGpu } from '../setup/device.ts';
import { drawFor } from './draw.ts';
import { runOp } from './harness.ts';
import { withForm } from './ways.ts';

const bindingBytes = 128 * 2 ** 20;
const precision = 'f16'; // in which matrix units are had, too
const target = { precision, software: false, bindingBytes } as const;

const products = {
  // 11 rows of tiles of 64 tokens, a whole band of 8 and one of 3; 3 columns of tiles
  linear: async (gpu: TunableGpu) => {
    const draw = drawFor('tile order, linear', precision);
    return runOp(gpu, target, { x: draw(700, 8), weight: draw(8, 132) }, (r, { x, weight }) =>
      linear(r, x, { weight }),
    );
  },
  conv3d: async (gpu: TunableGpu) => {
    const draw = drawFor('tile order, conv3d', precision);
    return runOp(gpu, target, { x: draw(7, 10, 10, 8), weight: draw(27, 8, 132) }, (r, { x, weight }) =>
      conv3d(r, x, weight),
    );
  },
};

const kernels: Record<keyof typeof products, readonly Kernel[]> = { linear: linearForms, conv3d: conv3dForms };

for (const [op, product] of Object.entries(products)) {
  test(`${op}: in bands of tiles the same bits as row by row`, async () => {
    const gpu = await sharedGpu();
    const forms = kernels[op as keyof typeof products];
    const inForm = (name: string) => product(withForm(gpu, { name, target, form: name.slice(op.length) }, forms)!);
    const banded = formsOf(forms, traitsOf(gpu, precision)).filter(({ refines }) => refines !== undefined);
    const oneOfEachKernel = banded.filter(
      ({ kernel }, i) => i === banded.findIndex((other) => other.kernel.name === kernel.name),
    );
    for (const form of oneOfEachKernel) {
      expect(await inForm(form.name)).toEqual(await inForm(form.refines!));
    }
  });
}
