/** ViT-B, ViT-L and ViT-H recorded without a GPU: no binding over the least limit of any device, and what memory they plan. */
import { expect, test } from 'vitest';
import { nowhere } from '../../bench/isa/recorded-commands.ts';
import { lifetimesOf } from '../../src/runtime/lifetimes.ts';
import { configs, parameterShapes } from '../../src/model/config.ts';
import { decodeShared } from '../../src/model/decoder.ts';
import { encode } from '../../src/model/encoder.ts';
import { answerPrompt } from '../../src/model/prompt-answer.ts';
import { uploadWeights } from '../../src/model/weights.ts';
import { widthsOf } from '../../src/model/widths.ts';
import { placeTensors } from '../../src/runtime/arena.ts';
import { createRecorder } from '../../src/runtime/recorder.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';

for (const name of ['vit_b', 'vit_l', 'vit_h'] as const) {
  for (const precision of ['f32', 'f16'] as const) {
    test(`${name} in ${precision}`, { tags: name === 'vit_b' ? [] : ['thorough'] }, () => {
      const c = configs[name]!;
      const target = { precision, software: false, bindingBytes: 128 * 2 ** 20 };
      const config = { ...c, depth: 4, globalBlocks: [3] }; // every further block is recorded alike
      const shapes = parameterShapes(config);
      const file = { metadata: {}, shapes, read: (tensor: string) => new Float32Array(sizeOf(shapes.get(tensor)!)) };
      const weights = uploadWeights(nowhere, file, config, target);
      const r = createRecorder(target); // refuses a binding over 128 MiB
      const cube = (side: number, width: number) => r.tensor('stored', [side, side, side, width]);
      const { neck, head } = widthsOf(config, precision);
      const [feature, shared] = [cube(c.grid, neck.width), cube(2 * c.grid, head.width)];
      const volume = r.tensor('stored', [c.crop, c.crop, c.crop]);
      const features = encode(r, config, weights, volume, feature);
      decodeShared(r, config, weights, features.slice(0, 3), volume, shared);
      const prompt = {
        points: r.tensor('f32', [32, 3]),
        labels: r.tensor('u32', [32]),
        tokenCount: r.tensor('u32', [1]),
        mask: undefined,
      };
      const logits = r.tensor('f32', [c.classes, c.crop, c.crop, c.crop]);
      answerPrompt(r, config, weights, { feature: features[3]!, shared }, prompt, logits);
      const arenaBytes = placeTensors(lifetimesOf(r.commands), 256 * 2 ** 20).reduce((sum, bytes) => sum + bytes, 0);
      console.log(
        `${name} in ${precision}: ${r.commands.length} commands, arena and slots ${(arenaBytes / 2 ** 20).toFixed(0)} MiB`,
      );
      expect(arenaBytes).toBeLessThan((precision === 'f32' ? 768 : 512) * 2 ** 20);
    });
  }
}
