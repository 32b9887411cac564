import { expect, test } from 'vitest';
import { lifetimesOf } from '../../src/runtime/lifetimes.ts';
import { linear } from '../../src/ops/linear.ts';
import { placeTensors } from '../../src/runtime/arena.ts';
import { createRecorder, maxWorkgroups, spread } from '../../src/runtime/recorder.ts';
import { rows, type ArenaStorage, type Tensor } from '../../src/runtime/tensor.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('runtime/arena');

const target = { precision: 'f32', software: true, bindingBytes: 2 ** 27 } as const;

/** A chain of layers with residuals over random widths, as the plan sees it. */
function randomChain(layers: number) {
  const r = createRecorder(target);
  const width = () => 4 * (1 + Math.floor(random.next() * 40));
  const history: Tensor<'stored'>[] = [r.tensor('stored', [64, width()])];
  for (let i = 0; i < layers; i++) {
    const x = history[Math.floor(random.next() * history.length)]!;
    const out = width();
    const residual = history.find((tensor) => tensor.shape[1] === out);
    history.push(linear(r, x, { weight: r.tensor('stored', [x.shape[1]!, out]) }, { residual }));
  }
  return r.commands;
}

test('tensors that live at once never overlap, and no command reads the block that it writes', () => {
  for (let round = 0; round < 20; round++) {
    const commands = randomChain(60);
    const lifetimes = lifetimesOf(commands);
    const blocks = placeTensors(lifetimes, 64 * 1024);
    const end = ({ offsetBytes, bytes }: ArenaStorage) => offsetBytes + bytes;
    lifetimes.forEach((a, i) => {
      expect(a.storage.offsetBytes % 256).toBe(0);
      expect(end(a.storage)).toBeLessThanOrEqual(blocks[a.storage.block]!);
      lifetimes
        .slice(i + 1)
        .filter((b) => b.storage.block === a.storage.block)
        .forEach((b) => {
          const apart =
            a.last < b.first ||
            b.last < a.first ||
            end(a.storage) <= b.storage.offsetBytes ||
            end(b.storage) <= a.storage.offsetBytes;
          expect(apart).toBe(true);
        });
      a.apartFrom.forEach((other) => expect(other.block).not.toBe(a.storage.block));
    });
    const all = lifetimes.reduce((sum, { storage }) => sum + storage.bytes, 0);
    expect(blocks.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(all);
  }
});

test('a chain needs no more than its two largest neighbours', () => {
  const r = createRecorder(target);
  let x = r.tensor('stored', [1024, 64]);
  const weight = { kind: 'buffer', buffer: {} as GPUBuffer } as const;
  for (let i = 0; i < 10; i++) {
    x = linear(r, x, { weight: { ...r.tensor('stored', [64, 64]), storage: weight } });
  }
  const blocks = placeTensors(lifetimesOf(r.commands), 2 ** 28);
  expect(blocks.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * 1024 * 64 * 4);
});

test("a dispatch is refused by the binding's name: missing, of another type, too large, misaligned", () => {
  const r = createRecorder({ ...target, bindingBytes: 1024 });
  const small = r.tensor('stored', [4, 4]);
  expect(() => linear(r, r.tensor('stored', [100, 4]), { weight: small })).toThrow(
    /kernel linear, binding x: shape 100,4 needs 1600 bytes; this device binds at most 1024/,
  );
  expect(() => linear(r, rows(r.tensor('stored', [8, 4]), 1, 4), { weight: small })).toThrow(
    /binding x: shape 4,4 begins at byte 16, not at a multiple of 256/,
  );
  expect(() => linear(r, r.tensor('stored', [4, 8]), { weight: small })).toThrow(
    /linear: x has shape 4,8, the weight takes 4 channels/,
  );
  expect(() => linear(r, r.tensor('f32', [4, 4]) as never, { weight: small })).toThrow(
    /binding x: holds f32; the kernel takes stored/,
  );
});

test("spread covers every count within an axis's limit, with less than a row to spare", () => {
  for (const count of [1, 64, maxWorkgroups - 1, maxWorkgroups, maxWorkgroups + 1, 3 * maxWorkgroups, 10 ** 8 + 7]) {
    const [x, y, z] = spread(count);
    expect(Math.max(x, y)).toBeLessThanOrEqual(maxWorkgroups);
    expect(z).toBe(1);
    expect(x * y).toBeGreaterThanOrEqual(count);
    expect(x * y - count).toBeLessThan(y);
  }
});
