/** The whole network against the reference's intermediates and logits, in every way that this device can run it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { configNamed, configOf } from '../../src/model/config.ts';
import { syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import type { Point } from '../../src/engine/inputs.ts';
import { distance } from '../ops/harness.ts';
import { adapters, isMissing, precisionsOf } from './adapters.ts';
import { sharedGpu } from '../setup/device.ts';

const bounds = { f32: 1e-5, f16: 1e-2 } as const;

const gpu = await sharedGpu();

for (const file of ['tiny', 'odd']) {
  const goldens = parseSafetensors(readFileSync(new URL(`../goldens/${file}.safetensors`, import.meta.url)), file);
  const config = configNamed(goldens.metadata.config!);
  const side = config.crop;
  const volume = { data: goldens.read('volume'), shape: [side, side, side] as const };
  const points: Point[] = file === 'tiny' ? [[10, 12, 20], [25, 3, 7]] : [[3, 20, 11], [23, 0, 5], [12, 12, 12]];
  const names = [...goldens.shapes.keys()].flatMap((name) => (name.startsWith('tap/') ? [name.slice(4)] : []));

  describe(`${file} goldens`, () => {
    test('the synthetic weights and volume are the reference\'s', () => {
      const weights = syntheticWeights(config);
      for (const name of weights.shapes.keys()) {
        if (goldens.shapes.has(`weight/${name}`)) {
          expect(weights.read(name)).toEqual(goldens.read(`weight/${name}`));
        }
      }
      expect(distance(syntheticVolume(side), volume.data)).toBeLessThan(1e-7);
      expect(configOf(weights)).toEqual(config);
    });

    for (const [kernels, view] of Object.entries(adapters)) {
      for (const precision of precisionsOf(kernels)) {
        test(`taps and logits, prompted and automatic: ${precision}, ${kernels}`, async (context) => {
          if (precision === 'f16' && !gpu.features.has('shader-f16')) {
            context.skip('this device has no shader-f16');
          }
          if (isMissing(kernels, gpu)) {
            context.skip(`this device has no ${kernels}`);
          }
          const sam = await Sam3D.create(view(gpu), syntheticWeights(config), { precision });
          const taps = await sam.taps(volume, points, names);
          for (const name of names) {
            expect(taps.get(name)!.shape, name).toEqual(goldens.shapes.get(`tap/${name}`));
            expect(distance(taps.get(name)!.values, goldens.read(`tap/${name}`)), name).toBeLessThan(bounds[precision]);
          }
          const { logits } = await sam.predict(volume, points);
          expect(logits).toEqual(taps.get('logits')!.values);
          const automatic = await sam.predict(volume, null);
          expect(distance(automatic.logits, goldens.read('auto/logits'))).toBeLessThan(bounds[precision]);
          sam.dispose();
        });
      }
    }
  });
}
