/** Every gradient of two small networks against the reference's, in every way that this device can run it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { configNamed, parameterShapes } from '../../src/model/config.ts';
import { isTrainable } from '../../src/model/adaptation.ts';
import { syntheticTarget, syntheticWeights } from '../../src/model/synthetic.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import type { Point } from '../../src/engine/inputs.ts';
import { distance } from '../ops/harness.ts';
import { adapters, isMissing, precisionsOf } from './adapters.ts';
import { sharedGpu } from '../setup/device.ts';

/**
 * Half precision rounds sums to 11 bits, some of which then change sign before a ReLU and switch whole terms of a gradient
 * on or off: its error goes with the square root of the rounding.
 */
const bounds = { f32: { gradient: 1e-4, loss: 1e-6 }, f16: { gradient: 0.15, loss: 1e-3 } } as const;

/** Tensors whose norm is below this are differences of rounding; they are compared absolutely. */
const vanishing = { f32: 1e-8, f16: 1e-4 } as const;

const gpu = await sharedGpu();

for (const file of ['tiny', 'odd']) {
  const goldens = parseSafetensors(readFileSync(new URL(`../goldens/${file}.safetensors`, import.meta.url)), file);
  const config = configNamed(goldens.metadata.config!);
  const side = config.crop;
  const volume = { data: goldens.read('volume'), shape: [side, side, side] as const };
  const points: Point[] = file === 'tiny' ? [[10, 12, 20], [25, 3, 7]] : [[3, 20, 11], [23, 0, 5], [12, 12, 12]];
  const names = [...goldens.shapes.keys()].flatMap((name) => (name.startsWith('grad/') ? [name.slice(5)] : []));

  describe(`${file} goldens`, () => {
    test('what is trained is what the reference trains', () => {
      expect([...parameterShapes(config).keys()].filter((name) => isTrainable(name, config)).sort()).toEqual([...names].sort());
      expect(names.length).toBe(139);
    });

    for (const [kernels, view] of Object.entries(adapters)) {
      // Odd sizes in half precision are held op by op.
      for (const precision of precisionsOf(kernels).filter((one) => file === 'tiny' || one === 'f32')) {
        test(`loss and all gradients, the same bits twice: ${precision}, ${kernels}`, async (context) => {
          if (precision === 'f16' && !gpu.features.has('shader-f16')) {
            context.skip('this device has no shader-f16');
          }
          if (isMissing(kernels, gpu)) {
            context.skip(`this device has no ${kernels}`);
          }
          const sam = await Sam3D.create(view(gpu), syntheticWeights(config), { precision });
          const { loss, gradients } = await sam.gradients(volume, points, syntheticTarget(side));
          expect(Math.abs(loss - goldens.read('loss')[0]!)).toBeLessThan(bounds[precision].loss);
          expect([...gradients.keys()].sort()).toEqual([...names].sort());
          for (const name of names) {
            const [found, expected] = [gradients.get(name)!, goldens.read(`grad/${name}`)];
            const norm = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0));
            const relative = distance(found, expected);
            const [error, bound] = norm < vanishing[precision] ? [relative * (norm || 1), vanishing[precision]] : [relative, bounds[precision].gradient];
            expect(error, `${name}, norm ${norm}`).toBeLessThan(bound);
          }
          const again = await sam.gradients(volume, points, syntheticTarget(side));
          expect(again.loss).toBe(loss);
          expect([...again.gradients].every(([name, values]) => Buffer.from(values.buffer).equals(Buffer.from(gradients.get(name)!.buffer)))).toBe(true);
          sam.dispose();
        });
      }
    }
  });
}
