/** The same work in jax-js, in its NumPy form: https://jax-js.com. An array is consumed by what it is given to; `.ref` keeps it. */
import { create, globals } from 'webgpu';
import { defaultDevice, init, jit, lax, nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { syntheticWeights } from '../../src/model/synthetic.ts';
import { resizedTable } from '../../src/ops/window-attention.ts';
import type { Config } from '../../src/model/config.ts';

let started: Promise<void> | undefined;

/** jax-js looks for `navigator.gpu`, which Node has not: Dawn's is put there. */
function start(): Promise<void> {
  started ??= (async () => {
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', {
      value: { gpu: create([]), userAgent: 'node', hardwareConcurrency: 2 },
      configurable: true,
    });
    await init('webgpu');
    defaultDevice('webgpu');
  })();
  return started;
}

const array = (values: Float32Array, shape: readonly number[]): JaxArray => np.array(values).reshape([...shape]);

export async function jaxGemm(
  x: Float32Array,
  weight: Float32Array,
  tokens: number,
  inWidth: number,
  outWidth: number,
): Promise<() => Promise<Float32Array>> {
  await start();
  const [a, b] = [array(x, [tokens, inWidth]), array(weight, [inWidth, outWidth])];
  return async () => (await np.matmul(a.ref, b.ref).data()) as Float32Array;
}

function layerNorm(x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-6)))
    .mul(weight)
    .add(bias);
}

const gelu = (x: JaxArray): JaxArray => x.ref.mul(0.5).mul(lax.erf(x.mul(Math.SQRT1_2)).add(1));

/** Which of a window's tokens were neighbours before the roll: 0 for those, -100 for others. (windows, s^3, s^3) */
function shiftMask(grid: number, s: number): Float32Array {
  const region = (at: number) => Number(at >= grid - s) + Number(at >= grid - s / 2);
  const side = grid / s;
  const labels = Array.from({ length: side ** 3 }, (_, w) =>
    Array.from(
      { length: s ** 3 },
      (__, t) =>
        region(Math.floor(w / side ** 2) * s + Math.floor(t / s ** 2)) * 9 +
        region((Math.floor(w / side) % side) * s + (Math.floor(t / s) % s)) * 3 +
        region((w % side) * s + (t % s)),
    ),
  );
  return Float32Array.from(labels.flatMap((window) => window.flatMap((a) => window.map((b) => (a === b ? 0 : -100)))));
}

/** (s, s, head width): rows of a table by the places of query and key. */
function relative(table: Float32Array, s: number, headWidth: number): JaxArray {
  const resized = resizedTable(table, headWidth, s, 1);
  return array(
    Float32Array.from({ length: s * s * headWidth }, (_, i) => {
      const [q, k, c] = [Math.floor(i / (s * headWidth)), Math.floor(i / headWidth) % s, i % headWidth];
      return resized[(q - k + s - 1) * headWidth + c]!;
    }),
    [s, s, headWidth],
  );
}

export async function jaxAttentionMlp(c: Config, tokens: Float32Array): Promise<() => Promise<Float32Array>> {
  await start();
  const file = syntheticWeights(c);
  const [g, s, heads, embed] = [c.grid, c.window, c.heads, c.embed];
  const [side, n, headWidth] = [g / s, s ** 3, embed / heads];
  const weight = (name: string): JaxArray =>
    array(file.read(`encoder.blocks.0.${name}`), file.shapes.get(`encoder.blocks.0.${name}`)!);
  const transposed = (name: string): JaxArray => np.transpose(weight(name));
  const [h, w, d] = ['h', 'w', 'd'].map((axis) =>
    relative(file.read(`encoder.blocks.0.attn.rel_pos_${axis}`), s, headWidth),
  ) as [JaxArray, JaxArray, JaxArray];
  const lr = file.read('encoder.blocks.0.attn.lr')[0]!;
  const names = [
    'norm1.weight',
    'norm1.bias',
    'attn.qkv.bias',
    'attn.proj.bias',
    'norm2.weight',
    'norm2.bias',
    'mlp.lin1.bias',
    'mlp.lin2.bias',
  ];
  const vectors = names.map(weight);
  const matrices = ['attn.qkv.weight', 'attn.proj.weight', 'mlp.lin1.weight', 'mlp.lin2.weight'].map(transposed);
  const mask = array(shiftMask(g, s), [side ** 3, 1, n, n]);
  const x = array(tokens, [g, g, g, embed]);

  const toWindows = (y: JaxArray) =>
    np.transpose(y.reshape([side, s, side, s, side, s, embed]), [0, 2, 4, 1, 3, 5, 6]).reshape([side ** 3, n, embed]);
  const fromWindows = (y: JaxArray) =>
    np.transpose(y.reshape([side, side, side, s, s, s, embed]), [0, 3, 1, 4, 2, 5, 6]).reshape([g, g, g, embed]);
  const attentionMlp = jit(
    (y: JaxArray, v: JaxArray[], m: JaxArray[], tables: JaxArray[], shifted: JaxArray): JaxArray => {
      const [norm1, shift1, qkvBias, projectionBias, norm2, shift2, bias1, bias2] = v as [
        JaxArray,
        JaxArray,
        JaxArray,
        JaxArray,
        JaxArray,
        JaxArray,
        JaxArray,
        JaxArray,
      ];
      const [qkvWeight, projection, weight1, weight2] = m as [JaxArray, JaxArray, JaxArray, JaxArray];
      const rolled = np.roll(layerNorm(y.ref, norm1, shift1), [-s / 2, -s / 2, -s / 2], [0, 1, 2]);
      const qkv = np.transpose(
        np
          .matmul(toWindows(rolled), qkvWeight)
          .add(qkvBias)
          .reshape([side ** 3, n, 3, heads, headWidth]),
        [2, 0, 3, 1, 4],
      );
      const [q, k, value] = [qkv.ref.slice(0), qkv.ref.slice(1), qkv.slice(2)] as [JaxArray, JaxArray, JaxArray];
      const placed = q.ref.reshape([side ** 3, heads, s, s, s, headWidth]);
      // As products of matrices with the axis in front, and back: np.einsum asks for a newer Node. Both have all axes: where
      // jax-js adds missing ones to the second factor of a batched product, it mixes up its matrices.
      const biasAlong = (grid: JaxArray, tableOf: JaxArray, front: number[], back: number[]) =>
        np.transpose(
          np
            .matmul(
              np.transpose(grid, front).reshape([side ** 3, heads, s, s * s, headWidth]),
              np.transpose(tableOf, [0, 2, 1]).reshape([1, 1, s, headWidth, s]),
            )
            .reshape([side ** 3, heads, s, s, s, s]),
          back,
        );
      const biasH = biasAlong(placed.ref, tables[0]!, [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]).reshape([
        side ** 3,
        heads,
        s,
        s,
        s,
        s,
        1,
        1,
      ]);
      const biasW = biasAlong(placed.ref, tables[1]!, [0, 1, 3, 2, 4, 5], [0, 1, 3, 2, 4, 5]).reshape([
        side ** 3,
        heads,
        s,
        s,
        s,
        1,
        s,
        1,
      ]);
      const biasD = biasAlong(placed, tables[2]!, [0, 1, 4, 2, 3, 5], [0, 1, 3, 4, 2, 5]).reshape([
        side ** 3,
        heads,
        s,
        s,
        s,
        1,
        1,
        s,
      ]);
      const bias = biasH
        .add(biasW)
        .add(biasD)
        .reshape([side ** 3, heads, n, n])
        .mul(lr);
      const logits = np
        .matmul(q.mul(headWidth ** -0.5), np.transpose(k, [0, 1, 3, 2]))
        .add(bias)
        .add(shifted);
      const attended = np
        .transpose(np.matmul(nn.softmax(logits, -1), value), [0, 2, 1, 3])
        .reshape([side ** 3, n, embed]);
      const out = np.roll(
        fromWindows(np.matmul(attended, projection).add(projectionBias)),
        [s / 2, s / 2, s / 2],
        [0, 1, 2],
      );
      const between = y.add(out);
      const hidden = gelu(np.matmul(layerNorm(between.ref, norm2, shift2), weight1).add(bias1));
      return between.add(np.matmul(hidden, weight2).add(bias2));
    },
  );
  const refs = (arrays: readonly JaxArray[]) => arrays.map((one) => one.ref);
  return async () =>
    (await attentionMlp(x.ref, refs(vectors), refs(matrices), refs([h, w, d]), mask.ref).data()) as Float32Array;
}
