/** Every gradient of two small networks against the reference's. */
import { describe, expect, test } from 'vitest';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { isTrainable } from '../../src/model/adaptation.ts';
import { parameterShapes } from '../../src/model/config.ts';
import { distance } from '../ops/harness.ts';
import { sharedGpu } from '../setup/device.ts';
import { goldenCase } from '../setup/golden-case.ts';
import { formSets, mixedForms } from './form-sets.ts';

/**
 * Half precision rounds sums to 11 bits, some of which then change sign before a ReLU and switch whole terms of a gradient
 * on or off: its error goes with the square root of the rounding.
 */
const bounds = { f32: { gradient: 1e-4, loss: 1e-6 }, f16: { gradient: 0.15, loss: 1e-3 } } as const;

/** Tensors whose norm is below this are differences of rounding; they are compared absolutely. */
const vanishing = { f32: 1e-8, f16: 1e-4 } as const;

const gpu = await sharedGpu();

for (const file of ['tiny', 'odd'] as const) {
  const { goldens, config, weights, volume, points, target, names: namesOf } = goldenCase(file);
  const names = namesOf('grad');

  describe(`${file} goldens`, () => {
    test('what is trained is what the reference trains', () => {
      expect([...parameterShapes(config).keys()].filter((name) => isTrainable(name, config)).sort()).toEqual(
        [...names].sort(),
      );
      expect(names.length).toBe(139);
    });

    for (const { name: set, precisions, thorough, on, isMissing } of formSets) {
      // Odd sizes in half precision are held op by op.
      for (const precision of precisions.filter((one) => file === 'tiny' || one === 'f32')) {
        // With every npm test one network, in the device's own forms: each of a step's hundred shapes is compiled.
        const isThorough = thorough || set === mixedForms || precision === 'f16' || file === 'odd';
        test(`loss and all gradients, the same bits twice: ${precision}, ${set}`, {
          tags: isThorough ? ['thorough'] : [],
        }, async (context) => {
          context.skip(precision === 'f16' && !gpu.features.has('shader-f16'), 'this device has no shader-f16');
          context.skip(isMissing?.(gpu) ?? false, `this device has no ${set}`);
          using sam = await Sam3D.create(on(gpu), weights, { precision });
          const { loss, gradients } = await sam.gradients(volume, points, target);
          expect(Math.abs(loss - goldens.read('loss')[0]!)).toBeLessThan(bounds[precision].loss);
          expect([...gradients.keys()].sort()).toEqual([...names].sort());
          for (const name of names) {
            const [found, expected] = [gradients.get(name)!, goldens.read(`grad/${name}`)];
            const norm = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0));
            const relative = distance(found, expected);
            const [error, bound] =
              norm < vanishing[precision]
                ? [relative * (norm || 1), vanishing[precision]]
                : [relative, bounds[precision].gradient];
            expect(error, `${name}, norm ${norm}`).toBeLessThan(bound);
          }
          const again = await sam.gradients(volume, points, target);
          expect(again.loss).toBe(loss);
          expect(
            [...again.gradients].every(([name, values]) =>
              Buffer.from(values.buffer).equals(Buffer.from(gradients.get(name)!.buffer)),
            ),
          ).toBe(true);
        });
      }
    }
  });
}
