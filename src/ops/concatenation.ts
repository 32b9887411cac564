/** Rows of two tensors as one tensor: `torch.cat(dim=0)`. */
import type { Recorder } from '../runtime/recorder.ts';
import { rows, type Tensor } from '../runtime/tensor.ts';
import { passGradient } from './addition.ts';
import { columnSums } from './column-sums.ts';

type Stored = Tensor<'stored'>;

/** @param parts each (rows, width) @returns (all rows, width) */
export function concatenation(r: Recorder, parts: readonly Stored[]): Stored {
  const width = parts[0]!.shape[1]!;
  const y = r.tensor('stored', [parts.reduce((sum, part) => sum + part.shape[0]!, 0), width]);
  let first = 0;
  const placed = parts.map((part) => {
    const place = { part, first, count: part.shape[0]! };
    r.copy(part, rows(y, first, place.count));
    first += place.count;
    return place;
  });
  r.tape?.record(y, parts, (dy) =>
    placed.forEach(({ part, first: from, count }) => {
      const share = r.tape!.parameter(part);
      if (share) {
        columnSums(r, rows(dy, from, count), share); // of one row as long as the part: a conversion to f32
      } else {
        passGradient(r, part, rows(dy, from, count));
      }
    }),
  );
  return y;
}
