/**
 * Trainable tensors side by side in one buffer, encoder, prompt encoder and decoder apart, so that a step of the optimiser is a few
 * dispatches in the place of some for each tensor.
 */
import type { Parameter } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import type { Element } from '../kernels/kernel.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import {
  bindingAlignmentBytes,
  bufferOf,
  createTensor,
  destroyTensor,
  elementBytes,
  mapTensors,
  sizeOf,
  tensorBytes,
  writeTensor,
  type Tensor,
} from '../runtime/tensor.ts';

/** A parameter and where it begins in the flat tensor, in values. */
interface Place {
  readonly parameter: Parameter;
  readonly first: number;
}

export interface FlatParameters {
  /** Of `parts`. */
  readonly part: number;
  readonly places: readonly Place[];
  /** (values): what the kernels read, with zeros between the parameters. */
  readonly weight: Tensor<'stored'>;
}

/** Encoder, prompt encoder and decoder, whose gradients are clipped apart. */
export const parts = ['encoder.', 'prompt.', 'decoder.'] as const;

/** Each begins where a binding may, in half precision too. */
const alignmentValues = bindingAlignmentBytes / 2;

const alignedSizeOf = ({ tensor }: Parameter) => Math.ceil(sizeOf(tensor.shape) / alignmentValues) * alignmentValues;

/** One after another, a new row where one would exceed `mostValues`. */
function rowsOf(parameters: readonly Parameter[], mostValues: number): Place[][] {
  const rows: Place[][] = [];
  let end = Infinity;
  for (const parameter of parameters) {
    if (end + alignedSizeOf(parameter) > mostValues) {
      rows.push([]);
      end = 0;
    }
    rows.at(-1)!.push({ parameter, first: end });
    end += alignedSizeOf(parameter);
  }
  return rows;
}

/** A parameter's share of a flat tensor; with a storage of its own, by which a tape tells weights apart. */
export function shareOf<E extends Element>(flat: Tensor<E>, { parameter, first }: Place): Tensor<E> {
  const { element, precision } = flat;
  const { shape } = parameter.tensor;
  return {
    element,
    precision,
    shape,
    storage: { kind: 'buffer', buffer: bufferOf(flat) },
    offsetBytes: first * elementBytes(element, precision),
    bytes: tensorBytes(element, precision, shape),
  };
}

/**
 * Moves the trainable tensors of a model that has just been uploaded.
 * @param values a parameter's first values, in the checkpoint's layout
 * @returns the weights over the flat tensors, and these; the tensors of before are freed
 */
export function flattenParameters(
  gpu: Gpu,
  { precision, bindingBytes }: RecordingTarget,
  weights: Weights,
  values: (name: string) => Float32Array,
): { readonly weights: Weights; readonly flats: readonly FlatParameters[] } {
  const moved = new Map<Tensor, Parameter>();
  const flats = parts.flatMap((prefix, part) =>
    rowsOf(
      weights.parameters.filter(({ name }) => name.startsWith(prefix)),
      bindingBytes / 4,
    ).map((places): FlatParameters => {
      const last = places.at(-1)!;
      const size = last.first + alignedSizeOf(last.parameter);
      const weight = createTensor(gpu, `trained weights of the ${prefix.slice(0, -1)}`, 'stored', precision, [size]);
      const movedPlaces = places.map((place): Place => {
        const { tensor: old, name, pack } = place.parameter;
        const tensor = shareOf(weight, place);
        writeTensor(gpu, tensor, pack(values(name)));
        destroyTensor(gpu, old);
        const parameter = { ...place.parameter, tensor };
        moved.set(old, parameter);
        return { ...place, parameter };
      });
      return { part, places: movedPlaces, weight };
    }),
  );
  const { parameters, ...network } = weights;
  return {
    weights: {
      ...mapTensors(network, (tensor) => moved.get(tensor)?.tensor ?? tensor),
      parameters: parameters.map(({ tensor }) => moved.get(tensor)!),
    },
    flats,
  };
}
