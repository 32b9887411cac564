/** Euclidean distances on a grid, exactly, axis by axis (Felzenszwalb and Huttenlocher, 2012). */
import { stridesOf } from '../formats/nifti.ts';
import type { Triple } from '../volume/box.ts';

/** Squared distances along a line to the lowest of parabolas. */
function transformLine(values: Float64Array, step: number): Float64Array {
  const [tops, starts] = [new Int32Array(values.length), new Float64Array(values.length + 1)];
  let count = 0;
  for (let q = 0; q < values.length; q++) {
    if (values[q] === Infinity) {
      continue;
    }
    const meets = (p: number) => ((values[q]! - values[p]!) / step ** 2 + q * q - p * p) / (2 * (q - p));
    while (count > 0 && meets(tops[count - 1]!) <= starts[count - 1]!) {
      count--;
    }
    starts[count] = count === 0 ? -Infinity : meets(tops[count - 1]!);
    tops[count++] = q;
  }
  if (count === 0) {
    return values;
  }
  starts[count] = Infinity;
  let k = 0;
  return values.map((_, q) => {
    while (starts[k + 1]! < q) {
      k++;
    }
    return ((q - tops[k]!) * step) ** 2 + values[tops[k]!]!;
  });
}

/**
 * The distance from each place of a grid to the nearest that `isThere`; infinite where none is.
 * @param isThere by place, i fastest
 * @param spacing of the grid: distances are in its unit
 */
export function distancesTo(isThere: (place: number) => boolean, dims: Triple, spacing: Triple): Float64Array {
  const squared = Float64Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, at) => (isThere(at) ? 0 : Infinity));
  const strides = stridesOf(dims);
  for (let axis = 0; axis < 3; axis++) {
    const [count, stride] = [dims[axis]!, strides[axis]!];
    for (let start = 0; start < squared.length; start++) {
      if (Math.floor(start / stride) % count === 0) {
        const line = transformLine(
          Float64Array.from({ length: count }, (_, i) => squared[start + i * stride]!),
          spacing[axis]!,
        );
        line.forEach((value, i) => {
          squared[start + i * stride] = value;
        });
      }
    }
  }
  return squared.map(Math.sqrt);
}
