/** Weights files of any size, and what stands in their place. */
import { closeSync, ftruncateSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { formatHeader } from '../../src/formats/safetensors.ts';
import { readHashedWeights, readWeights } from '../../src/node/files/weights-file.ts';
import { testFolder } from '../setup/folder.ts';
import { hasTorch, runPython } from '../setup/foreign-tools.ts';
import { volsam } from '../setup/volsam.ts';

const at = testFolder('weights');

/** A sparse file of a tensor of over 2 GiB, and two small ones behind it. */
function writeLarge(path: string): void {
  const values = 600_000_000;
  const entries = [
    { name: 'first', dtype: 'F32', shape: [values] },
    { name: 'second', dtype: 'F32', shape: [3] },
    { name: 'last', dtype: 'F32', shape: [2] },
  ];
  const header = formatHeader(entries, {});
  const file = openSync(path, 'w');
  const float = (value: number, index: number) =>
    writeSync(file, new Uint8Array(Float32Array.of(value).buffer), 0, 4, header.length + 4 * index);
  writeSync(file, header);
  ftruncateSync(file, header.length + 4 * (values + 5));
  float(1, 0);
  float(2, values + 2);
  float(3, values + 3);
  float(4, values + 4);
  closeSync(file);
}

test('safetensors over 2 GiB, which Node cannot read at once, are read tensor by tensor', async () => {
  writeLarge(at('large.safetensors'));
  expect(statSync(at('large.safetensors')).size).toBeGreaterThan(2 ** 31);
  const weights = await readWeights(at('large.safetensors'));
  expect([...weights.read('last')]).toEqual([3, 4]);
  expect([...weights.read('second')]).toEqual([0, 0, 2]);
});

test('their hash is that of the whole file', { tags: ['thorough'] }, async () => {
  writeLarge(at('hashed.safetensors'));
  const { sha256 } = await readHashedWeights(at('hashed.safetensors'));
  expect(sha256).toBe(
    runPython(
      `
import hashlib
print(json.dumps(hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256').hexdigest()))`,
      at('hashed.safetensors'),
    ),
  );
});

test.runIf(hasTorch())('a PyTorch checkpoint over 2 GiB is read tensor by tensor', { tags: ['thorough'] }, async () => {
  runPython(
    `
import torch
big = torch.zeros(600_000_000)
big[-1] = 5
torch.save({'image_encoder.pos_embed': big, 'image_encoder.patch_embed.proj.bias': torch.tensor([6., 7.])}, sys.argv[1])
print('0')`,
    at('large.pth'),
  );
  expect(statSync(at('large.pth')).size).toBeGreaterThan(2 ** 31);
  const weights = await readWeights(at('large.pth'));
  expect([...weights.read('encoder.patch_embed.proj.bias')]).toEqual([6, 7]);
  expect(weights.read('encoder.pos_embed').at(-1)).toBe(5);
});

test('what stands in place of weights is named', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 375042383\n';
  writeFileSync(at('pointer.safetensors'), pointer);
  writeFileSync(at('empty.safetensors'), '');
  writeFileSync(at('page.pth'), '<!DOCTYPE html><html>404</html>');
  writeFileSync(at('old.pth'), Buffer.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc]));
  writeFileSync(at('cut.safetensors'), Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a')]));
  writeFileSync(at('packed.safetensors.gz'), gzipSync('x'));
  const cases: [string, RegExp][] = [
    ['pointer.safetensors', /pointer\.safetensors: is a git-lfs pointer, not the file itself; git lfs pull brings it/],
    ['empty.safetensors', /empty\.safetensors: is empty \(0 bytes\); expected weights/],
    ['page.pth', /page\.pth: is an HTML page, as a failed download leaves it; expected weights/],
    ['old.pth', /old\.pth: written by a PyTorch older than 1\.6; .*torch\.save/],
    ['cut.safetensors', /the header claims 200 bytes in a file of 11/],
    ['none.safetensors', /none\.safetensors: cannot be read \(ENOENT\)/],
  ];
  for (const [file, message] of cases) {
    for (const args of [
      ['inspect', at(file)],
      ['convert', at(file), '-o', at('x.safetensors')],
    ]) {
      const { status, stderr } = await volsam(...args);
      expect(status).toBe(1);
      if (args[0] === 'inspect' || file !== 'cut.safetensors') {
        expect(stderr).toMatch(message);
      }
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  }
});
