/** Seeded inputs of an op's tests: one case and precision meets the same values in every form, and so the same statement. */
import type { Element, Precision } from '../../src/kernels/kernel.ts';
import { floatsToHalves, halvesToFloats } from '../../src/runtime/float16.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';
import { randomFor } from '../setup/seed.ts';

/** Values of an input, as the device will see them, with the shape that they are uploaded in. */
export interface Input<E extends Element = Element> {
  readonly element: E;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface Draw {
  readonly precision: Precision;
  /** Uniform values in [-1, 1), rounded to what the precision stores. */
  (...shape: number[]): Input<'stored'>;
  /** The same as f32, whatever the precision. */
  floats(...shape: number[]): Input<'f32'>;
  /** Uniform in [0, 1). */
  next(): number;
  /** Works out a statement of the drawn inputs the first time, and remembers it for the other forms. */
  once<T>(statement: () => T): T;
}

/** What `once` has worked out in this file, by case and precision. */
const statements = new Map<string, unknown>();

/** @param name of the op and case, which alone determines what is drawn */
export function drawFor(name: string, precision: Precision): Draw {
  const random = randomFor(name);
  const uniform = (shape: readonly number[]) =>
    Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.next() - 1);
  const rounded = (values: Float32Array) => (precision === 'f16' ? halvesToFloats(floatsToHalves(values)) : values);
  let calls = 0;
  return Object.assign(
    (...shape: number[]): Input<'stored'> => ({ element: 'stored', shape, values: rounded(uniform(shape)) }),
    {
      precision,
      floats: (...shape: number[]): Input<'f32'> => ({ element: 'f32', shape, values: uniform(shape) }),
      next: () => random.next(),
      once<T>(statement: () => T): T {
        const key = `${name}, ${precision}, ${calls++}`;
        if (!statements.has(key)) {
          statements.set(key, statement());
        }
        return statements.get(key) as T;
      },
    },
  );
}
