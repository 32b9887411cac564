/** What fine-tuning updates: the trainable tensors as the kernels read them, and the way back to the checkpoint's layout. */
import type { Tensor } from '../runtime/tensor.ts';

/** A trainable tensor of the checkpoint, or the part of one that a kernel reads by itself. */
export interface Parameter {
  /** The checkpoint's. */
  readonly name: string;
  readonly tensor: Tensor<'stored'>;
  /** The checkpoint's values in the tensor's layout: moved, and padded with zeros; never changed. */
  pack(values: Float32Array): Float32Array;
}

/**
 * Puts a parameter's values where they belong in the checkpoint's tensor: packing the numbers 1, 2, 3, … tells where each
 * came from (exactly, up to 2^24 values).
 */
function unpackInto(whole: Float32Array, { pack }: Parameter, packed: Float32Array): void {
  const places = pack(Float32Array.from(whole, (_, i) => i + 1));
  places.forEach((place, i) => {
    if (place > 0) {
      whole[place - 1] = packed[i]!;
    }
  });
}

/**
 * Values of all parameters by the checkpoint's names, in its layout.
 * @param shapes of the checkpoint's tensors
 * @param read a parameter's packed values
 */
export async function unpacked(
  parameters: readonly Parameter[],
  shapes: ReadonlyMap<string, readonly number[]>,
  read: (parameter: Parameter) => Promise<Float32Array>,
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const parameter of parameters) {
    const { name } = parameter;
    const whole = found.get(name) ?? new Float32Array(shapes.get(name)!.reduce((product, side) => product * side, 1));
    unpackInto(whole, parameter, await read(parameter));
    found.set(name, whole);
  }
  return found;
}
