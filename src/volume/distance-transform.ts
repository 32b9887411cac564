/** Euclidean distances on a grid, exactly, axis by axis (Felzenszwalb and Huttenlocher, 2012). */
import { stridesOf } from '../formats/nifti.ts';
import type { Triple } from './box.ts';

/** What a line of so many places needs, made once for all lines along an axis. */
function lineTransform(count: number, step: number): (values: Float64Array, start: number, stride: number) => void {
  const line = new Float64Array(count);
  const [tops, starts] = [new Int32Array(count), new Float64Array(count + 1)];
  const meets = (q: number, p: number) => ((line[q]! - line[p]!) / step ** 2 + q * q - p * p) / (2 * (q - p));
  return (values, start, stride) => {
    let parabolas = 0;
    for (let q = 0; q < count; q++) {
      line[q] = values[start + q * stride]!;
      if (line[q] === Infinity) {
        continue;
      }
      while (parabolas > 0 && meets(q, tops[parabolas - 1]!) <= starts[parabolas - 1]!) {
        parabolas--;
      }
      starts[parabolas] = parabolas === 0 ? -Infinity : meets(q, tops[parabolas - 1]!);
      tops[parabolas++] = q;
    }
    if (parabolas === 0) {
      return;
    }
    starts[parabolas] = Infinity;
    for (let q = 0, k = 0; q < count; q++) {
      while (starts[k + 1]! < q) {
        k++;
      }
      values[start + q * stride] = ((q - tops[k]!) * step) ** 2 + line[tops[k]!]!;
    }
  };
}

/**
 * The distance from each place of a grid to the nearest that is there; infinite where none is.
 * @param there 1 by place, i fastest
 * @param spacing of the grid: distances are in its unit
 */
export function distancesTo(there: Uint8Array, dims: Triple, spacing: Triple): Float64Array {
  const squared = new Float64Array(there.length);
  for (let at = 0; at < squared.length; at++) {
    squared[at] = there[at] ? 0 : Infinity;
  }
  const strides = stridesOf(dims);
  for (let axis = 0; axis < 3; axis++) {
    const [count, stride] = [dims[axis]!, strides[axis]!];
    const transform = lineTransform(count, spacing[axis]!);
    for (let slab = 0; slab < squared.length; slab += count * stride) {
      for (let within = 0; within < stride; within++) {
        transform(squared, slab + within, stride);
      }
    }
  }
  return squared.map(Math.sqrt);
}
