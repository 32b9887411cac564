/** PyTorch checkpoints, made by PyTorch itself where it is there: read, converted, written back; and hostile ones refused. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { demo } from '../setup/demo.ts';
import { randomOf } from '../../src/model/random.ts';
import { formatSafetensors, parseSafetensors, type TensorFile } from '../../src/formats/safetensors.ts';
import { formatTorchPickle, readTorchPickle } from '../../src/formats/torch-pickle.ts';
import { configOf, configs, parameterShapes } from '../../src/model/config.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';
import { convertTorch, writeTorch } from '../../src/node/files/torch-conversion.ts';
import { openTorch } from '../../src/node/files/torch-file.ts';
import { readWeights } from '../../src/node/files/weights-file.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { InputError } from '../../src/runtime/errors.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { hasTorch } from '../setup/foreign-tools.ts';
import { distance } from '../ops/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'volsam-torch-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const tiny = configs.tiny!;
const synthetic = syntheticWeights(tiny);
const bytesOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

function expectSame(found: TensorFile, names: Iterable<string>): void {
  for (const name of names) {
    expect(bytesOf(found.read(name)).equals(bytesOf(synthetic.read(name))), name).toBe(true);
  }
}

function python(program: string): string {
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', program, folder], { encoding: 'utf8' });
  expect(stderr.replace(/.*[Ww]arn.*\n?/g, ''), program).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** The synthetic network as PyTorch reads it, and the published layout of it. */
const published = `
import sys, json, struct, numpy, torch
from collections import OrderedDict
folder = sys.argv[1]
raw = open(folder + '/tiny.safetensors', 'rb').read()
size = struct.unpack('<Q', raw[:8])[0]
header = json.loads(raw[8:8 + size]); header.pop('__metadata__')
tensors = {n: torch.frombuffer(bytearray(raw[8 + size + e['data_offsets'][0]:8 + size + e['data_offsets'][1]]), dtype=torch.float32).reshape(e['shape']) for n, e in header.items()}
part = lambda p: OrderedDict((n[len(p):], t) for n, t in tensors.items() if n.startswith(p))
encoder, prompt, decoder = part('encoder.'), part('prompt.'), part('decoder.')
encoder['blocks.0.attn_mask'] = torch.zeros(8, 64, 64)
prompt['positional_encoding_gaussian_matrix'] = torch.randn(3, 16)
prompt['transformer.layers.0.cross_attn_token_to_image.q_proj.weight'] = torch.randn(16, 32)
other = OrderedDict((n, torch.randn(t.shape)) for n, t in prompt.items())
weight = torch.nn.Parameter(torch.ones(3))
optimizer = torch.optim.AdamW([weight]); weight.sum().backward(); optimizer.step()
checkpoint = {'epoch': 7, 'best_val_loss': numpy.float64(0.25), 'encoder_dict': encoder, 'decoder_dict': decoder, 'feature_dict': [other, other, other, prompt],
  'encoder_opt': optimizer.state_dict(), 'feature_opt': optimizer.state_dict(), 'decoder_opt': optimizer.state_dict()}
`;

/** Every intermediate of the reference, with these weights. */
async function expectGoldens(weights: TensorFile): Promise<void> {
  const goldens = parseSafetensors(readFileSync(new URL('../goldens/tiny.safetensors', import.meta.url)));
  const names = [...goldens.shapes.keys()].flatMap((name) => (name.startsWith('tap/') ? [name.slice(4)] : []));
  const gpu = await openGpu({ tune: false });
  try {
    const sam = await Sam3D.create(gpu, weights);
    const taps = await sam.taps(
      { data: goldens.read('volume'), shape: [32, 32, 32] },
      [
        [10, 12, 20],
        [25, 3, 7],
      ],
      names,
    );
    names.forEach((name) =>
      expect(distance(taps.get(name)!.values, goldens.read(`tap/${name}`)), name).toBeLessThan(1e-5),
    );
    expect(names).toContain('logits');
  } finally {
    gpu.close();
  }
}

describe.runIf(hasTorch())('checkpoints by torch.save', () => {
  test('the published layout is read in place, converted bit for bit, and what is unused is left out by name', async () => {
    writeFileSync(
      at('tiny.safetensors'),
      formatSafetensors(
        new Map([...parameterShapes(tiny)].map(([name, shape]) => [name, { shape, values: synthetic.read(name) }])),
      ),
    );
    python(`${published}
encoder['blocks.1.mlp.lin1.weight'] = encoder['blocks.1.mlp.lin1.weight'].t().contiguous().t()
torch.save(checkpoint, folder + '/last.pth.tar')`);
    const found = await openTorch(at('last.pth.tar'));
    expect(found.unused).toEqual([
      'encoder.blocks.0.attn_mask',
      'prompt.positional_encoding_gaussian_matrix',
      'prompt.transformer.layers.0.cross_attn_token_to_image.q_proj.weight',
    ]);
    expect([...found.shapes.keys()].sort()).toEqual([...parameterShapes(tiny).keys()].sort());
    expectSame(await readWeights(at('last.pth.tar')), parameterShapes(tiny).keys());
    const { kind, tensors } = await convertTorch(at('last.pth.tar'), at('converted.safetensors'), 'tiny');
    expect([kind, tensors]).toEqual(['the adapted network', parameterShapes(tiny).size]);
    const converted = parseSafetensors(readFileSync(at('converted.safetensors')));
    expect(configOf(converted)).toEqual(tiny);
    expectSame(converted, parameterShapes(tiny).keys());
    await expectGoldens(converted);
  });

  test('halves and bfloat16 keep their bits', async () => {
    for (const [dtype, name] of [
      ['float16', 'F16'],
      ['bfloat16', 'BF16'],
    ] as const) {
      python(`${published}
for d in (encoder, decoder, prompt):
  for n in d: d[n] = d[n].to(torch.${dtype})
torch.save(checkpoint, folder + '/half.pth')
torch.save({n: t.to(torch.${dtype}).float() for n, t in tensors.items()}['encoder.pos_embed'].numpy().tofile(folder + '/half.bin'), folder + '/none.pth')`);
      const found = await openTorch(at('half.pth'));
      expect(found.dtypeOf('encoder.pos_embed')).toBe(name);
      expect(bytesOf(found.read('encoder.pos_embed')).equals(readFileSync(at('half.bin')))).toBe(true);
    }
  });

  test("SAM's own checkpoint becomes the encoder to train from, and is refused as a model with the reason", async () => {
    python(`${published}
sam = OrderedDict(('image_encoder.' + n, t) for n, t in encoder.items() if not any(k in n for k in ('adapter', 'neck_3d', 'slice_embed', 'depth_embed', 'rel_pos_d', 'attn.lr', 'attn_mask')))
sam['image_encoder.neck.0.weight'] = torch.zeros(2, 2, 1, 1)
sam['mask_decoder.iou_token.weight'] = torch.zeros(1, 4)
torch.save(sam, folder + '/sam.pth')`);
    const { kind, unused } = await convertTorch(at('sam.pth'), at('sam.safetensors'), 'tiny');
    expect([kind, unused]).toEqual(['SAM', ['image_encoder.neck.0.weight', 'mask_decoder.iou_token.weight']]);
    const sam = parseSafetensors(readFileSync(at('sam.safetensors')));
    expectSame(sam, sam.shapes.keys());
    expect(() => configOf(sam)).toThrow(/SAM's 2D encoder.*volsam train/);
  });

  test("what is written back is loaded by torch.load, strictly as the published code's modules ask, and converts to the same bits", async () => {
    const file = parseSafetensors(readFileSync(at('converted.safetensors')));
    await writeTorch(file, at('exported.pth'));
    const names = python(`
import sys, json, torch
c = torch.load(sys.argv[1] + '/exported.pth', map_location='cpu')
assert len(c['feature_dict']) == 4
m = c['encoder_dict']['blocks.0.attn_mask']
n = torch.zeros(1, 8, 8, 8, 1); k = 0
slices = (slice(0, -4), slice(-4, -2), slice(-2, None))
for h in slices:
  for w in slices:
    for d in slices:
      n[:, h, w, d, :] = k; k += 1
n = n.reshape(2, 4, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(8, 64)
expected = (n[:, None] - n[:, :, None]); expected = expected.masked_fill(expected != 0, -100.0)
assert torch.equal(m, expected), (m != expected).sum()
assert not any('attn_mask' in n for n in c['encoder_dict'] if n.startswith('blocks.1.'))
print(json.dumps(sorted(n for n in c['feature_dict'][-1] if 'token_to_image' in n or 'gaussian' in n)))`);
    expect((JSON.parse(names) as string[]).length).toBe(1 + 8 * tiny.promptDepth);
    await convertTorch(at('exported.pth'), at('again.safetensors'));
    expect(configOf(await readWeights(at('exported.pth')))).toEqual(tiny);
    expect(readFileSync(at('again.safetensors')).length).toBe(readFileSync(at('converted.safetensors')).length);
    expectSame(parseSafetensors(readFileSync(at('again.safetensors'))), parameterShapes(tiny).keys());
  });

  test('a model of an adaptation that the published code does not have is not written as its checkpoint', async () => {
    for (const adaptation of ['bottleneck', 'lora', 'frozen'] as const) {
      const weights = syntheticWeights({ ...tiny, adaptation });
      const file = { ...weights, metadata: { config: JSON.stringify({ ...tiny, adaptation }) } };
      await expect(writeTorch(file, at('adapted.pth'))).rejects.toThrow(
        `--torch: the model's adaptation is ${adaptation}, which the published code does not have; expected spatial`,
      );
    }
    expect(existsSync(at('adapted.pth'))).toBe(false);
  });

  test('a file of a PyTorch before 1.6 is refused with the line that writes it anew', async () => {
    python(
      'import sys, torch; torch.save({"a": torch.ones(2)}, sys.argv[1] + "/old.pth", _use_new_zipfile_serialization=False)',
    );
    await expect(readWeights(at('old.pth'))).rejects.toThrow('torch.save(torch.load(');
  });
});

describe('hostile pickles', () => {
  const harmless = formatTorchPickle(
    new Map([['encoder_dict', new Map([['x', { kind: 'written' as const, key: '0', shape: [2, 3] }]])]]),
  );
  const text = (words: string) => [...new TextEncoder().encode(words)];
  const refused = (bytes: Uint8Array) => {
    const started = performance.now();
    let outcome: unknown;
    try {
      outcome = readTorchPickle(bytes, 'hostile.pth');
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
    }
    expect(performance.now() - started).toBeLessThan(1000);
    return outcome;
  };

  test('names beyond the list, huge lengths, depth and cycles', () => {
    expect(
      refused(
        Uint8Array.from([
          0x80,
          2,
          ...text('cos\nsystem\n'),
          ...text('X'),
          4,
          0,
          0,
          0,
          ...text('echo'),
          0x85,
          ...text('R.'),
        ]),
      ),
    ).toBeUndefined();
    expect(refused(Uint8Array.from([0x80, 2, ...text('cbuiltins\neval\n'), 0x29, ...text('R.')]))).toBeUndefined();
    expect(refused(Uint8Array.from([0x80, 2, ...text('X'), 255, 255, 255, 127, ...text('a.')]))).toBeUndefined();
    expect(refused(Uint8Array.from([0x80, 2, 0x8b, 255, 255, 255, 127, ...text('a.')]))).toBeUndefined();
    refused(
      Uint8Array.from([
        0x80,
        2,
        ...Array.from({ length: 150_000 }, () => 0x5d),
        ...Array.from({ length: 149_999 }, () => 0x61),
        0x2e,
      ]),
    );
    refused(Uint8Array.from([0x80, 2, 0x5d, ...text('q'), 0, ...text('h'), 0, ...text('a.')]));
    refused(Uint8Array.from([0x80, 2, 0x7d, ...text('X'), 9, 0, 0, 0, ...text('__proto__'), 0x7d, ...text('s.')]));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('200 mutations end in a second each, by a value or an InputError', () => {
    const random = randomOf('hostile');
    for (let run = 0; run < 200; run++) {
      const mutated = harmless.slice(0, random.next() < 0.3 ? random.below(harmless.length) : undefined);
      for (let flips = 1 + random.below(8); flips > 0 && mutated.length > 0; flips--) {
        mutated[random.below(mutated.length)] = random.below(256);
      }
      refused(mutated);
    }
  });

  test('an archive whose tensors lie outside of it is refused', async () => {
    const weights = await readWeights(demo.weightsPath);
    await writeTorch(weights, at('demo.pth'));
    const whole = readFileSync(at('demo.pth'));
    writeFileSync(at('cut.pth'), whole.subarray(0, whole.length >> 1));
    await expect(openTorch(at('cut.pth'))).rejects.toThrow(InputError);
    const broken = Buffer.from(whole);
    const place = broken.indexOf('_rebuild_tensor_v2');
    broken.fill(0xff, place + 60, place + 64);
    writeFileSync(at('broken.pth'), broken);
    await openTorch(at('broken.pth')).then(
      () => undefined,
      (error: unknown) => expect(error).toBeInstanceOf(InputError),
    );
    expect((await openTorch(at('demo.pth'))).shapes.size).toBe(weights.shapes.size);
  });
});
