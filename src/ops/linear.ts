/** Fully connected layer over tokens: `torch.nn.functional.linear`, with activation and residual in the same kernel. */
import { linear as portable, linearSubgroup } from '../kernels/generated.ts';
import { maxWorkgroups, type Recorder, type Workgroups } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';

type Stored = Tensor<'stored'>;

export interface LinearWeights {
  /** (inWidth, outWidth): the transpose of PyTorch's. */
  readonly weight: Stored;
  /** (outWidth) */
  readonly bias?: Stored | undefined;
}

export interface LinearOptions {
  readonly activation?: 'relu' | 'gelu';
  /** (…, outWidth), added after the activation. */
  readonly residual?: Stored | undefined;
  /** Where the result goes; a new tensor otherwise. */
  readonly into?: Stored;
}

const activations = { none: 0, relu: 1, gelu: 2 } as const;

/** Columns over x, token tiles over y and, past an axis's limit, z. */
export function tileWorkgroups(columnTiles: number, tokenTiles: number): Workgroups {
  const slabs = Math.ceil(tokenTiles / maxWorkgroups);
  return [columnTiles, Math.ceil(tokenTiles / slabs), slabs];
}

function checkShapes(x: Stored, weight: Stored, others: Record<string, Stored | undefined>): void {
  const [inWidth, outWidth] = weight.shape as [number, number];
  const outer = x.shape.slice(0, -1);
  if (x.shape.at(-1) !== inWidth) {
    throw new VolsamError(`linear: x has shape ${x.shape}, the weight takes ${inWidth} channels`);
  }
  for (const [name, tensor] of Object.entries(others)) {
    if (tensor && sizeOf(tensor.shape) !== sizeOf(outer) * outWidth) {
      throw new VolsamError(`linear: ${name} has shape ${tensor.shape}, not ${[...outer, outWidth]}`);
    }
  }
}

/**
 * y = activation(x W + b) + residual.
 * @param x (…, inWidth)
 * @returns (…, outWidth)
 * @throws VolsamError where the shapes do not fit together
 */
export function linear(r: Recorder, x: Stored, { weight, bias }: LinearWeights, { activation, residual, into }: LinearOptions = {}): Stored {
  const [inWidth, outWidth] = weight.shape as [number, number];
  const outer = x.shape.slice(0, -1);
  const tokens = sizeOf(outer);
  const y = into ?? r.tensor('stored', [...outer, outWidth]);
  checkShapes(x, weight, { y, residual });
  const bindings = { x, weight, bias: bias ?? weight, residual: residual ?? weight, y };
  const overrides = {
    tokens, inWidth, outWidth, activation: activations[activation ?? 'none'], hasBias: Boolean(bias), hasResidual: Boolean(residual),
  };
  const operations = 2 * tokens * inWidth * outWidth;
  if (r.subgroupSize === 8) {
    r.dispatch(linearSubgroup, bindings, overrides, tileWorkgroups(Math.ceil(outWidth / 32), Math.ceil(tokens / 16)), operations);
  } else {
    const columnLanes = Math.min(8, Math.ceil(outWidth / 8));
    const tokenLanes = Math.floor((r.software ? 8 : 64) / columnLanes);
    const workgroups = tileWorkgroups(Math.ceil(outWidth / (8 * columnLanes)), Math.ceil(tokens / (8 * tokenLanes)));
    r.dispatch(portable, bindings, { ...overrides, columnLanes, tokenLanes }, workgroups, operations);
  }
  return y;
}
