/** The whole network against the reference's intermediates and logits. */
import { describe, expect, test } from 'vitest';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { configOf } from '../../src/model/config.ts';
import { syntheticVolume } from '../../src/model/synthetic.ts';
import { distance } from '../ops/harness.ts';
import { sharedGpu } from '../setup/device.ts';
import { goldenCase } from '../setup/golden-case.ts';
import { formSets, mixedForms } from './form-sets.ts';

const bounds = { f32: 1e-5, f16: 1e-2 } as const;

const gpu = await sharedGpu();

for (const file of ['tiny', 'odd'] as const) {
  const { goldens, config, weights, volume, points, names } = goldenCase(file);

  describe(`${file} goldens`, () => {
    test("the synthetic weights and volume are the reference's", () => {
      for (const name of weights.shapes.keys()) {
        if (goldens.shapes.has(`weight/${name}`)) {
          expect(weights.read(name)).toEqual(goldens.read(`weight/${name}`));
        }
      }
      expect(distance(syntheticVolume(config.crop), volume.data as Float32Array)).toBeLessThan(1e-7);
      expect(configOf(weights)).toEqual(config);
    });

    for (const { name: set, precisions, thorough, on, isMissing } of formSets) {
      for (const precision of precisions) {
        // With every npm test in f32 only, and the odd network in the device's own forms only: each shape is compiled.
        const isThorough = thorough || precision === 'f16' || (file === 'odd' && set === mixedForms);
        test(`taps and logits, prompted and automatic: ${precision}, ${set}`, {
          tags: isThorough ? ['thorough'] : [],
        }, async (context) => {
          context.skip(precision === 'f16' && !gpu.features.has('shader-f16'), 'this device has no shader-f16');
          context.skip(isMissing?.(gpu) ?? false, `this device has no ${set}`);
          using sam = await Sam3D.create(on(gpu), weights, { precision });
          const taps = await sam.taps(volume, points, names('tap'));
          for (const name of names('tap')) {
            expect(taps.get(name)!.shape, name).toEqual(goldens.shapes.get(`tap/${name}`));
            expect(distance(taps.get(name)!.values, goldens.read(`tap/${name}`)), name).toBeLessThan(bounds[precision]);
          }
          const { logits } = await sam.predict(volume, points);
          expect(logits).toEqual(taps.get('logits')!.values);
          const automatic = await sam.predict(volume, null);
          expect(distance(automatic.logits, goldens.read('auto/logits'))).toBeLessThan(bounds[precision]);
        });
      }
    }
  });
}
