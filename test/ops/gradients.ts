/** Runs one op forward and backward on the device and compares with derivatives of its float64 statement. */
import { describe, expect, test } from 'vitest';
import type { Kernel, Precision } from '../../src/kernels/kernel.ts';
import { finishTunedPlan, type TunableGpu } from '../../src/runtime/tuner.ts';
import type { Recorder, RecordingTarget } from '../../src/runtime/recorder.ts';
import { createTapedRecorder } from '../../src/runtime/tape.ts';
import { destroyTensor, readTensor, uploadTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { sharedGpu } from '../setup/device.ts';
import { drawFor, type Draw, type Input } from './draw.ts';
import { isThorough, type OpCase } from './harness.ts';
import { waysOf, withForm, type Way } from './ways.ts';

/** An input as mathematics has it, and how it lies on the device. */
export interface GradientInput {
  readonly values: Float32Array;
  /** On the device. */
  readonly shape: readonly number[];
  /** Moves values and pads them with zeros; nothing else. */
  readonly pack?: (values: Float32Array) => Float32Array;
  /** A weight, whose gradient is f32 in a buffer of its own; otherwise an activation. */
  readonly trained?: boolean;
}

type Tensors<Names extends string> = Record<Names, Tensor<'stored'>>;

export interface GradientCheck<Names extends string> {
  readonly inputs: Record<Names, GradientInput>;
  /** The op over the inputs' values, in float64. */
  readonly statement: (values: Record<Names, Float64Array>) => ArrayLike<number>;
  readonly record: (r: Recorder, tensors: Tensors<Names>, constants: Record<string, Tensor<never>>) => Tensor;
  /** What has no gradient, as it lies on the device. */
  readonly constants?: Readonly<Record<string, Input>>;
  /** As for an input: how the result lies on the device. */
  readonly packOutput?: (values: Float32Array) => Float32Array;
  /** Places of each input at which the derivative is taken; fewer where the statement takes long. */
  readonly samples?: number;
  /** Records the op once only; otherwise twice, so that gradients are added to what there is. */
  readonly once?: boolean;
  readonly bounds?: Partial<Record<Precision, number>>;
}

/** Half precision rounds what passes between a backward's kernels, and the result. */
const defaultBounds: Record<Precision, number> = { f32: 1e-5, f16: 1e-2 };

const defaultSamples = 30;
const step = 1e-6;
/** The slopes on both sides of a place differ by less where the op is smooth: by `step` times the second derivative. */
const largestTurn = 1e-3;
const mostDraws = 10;

const asIs = (values: Float32Array) => values;

/** Gradients on the device, in its layout; its memory is full of NaNs before. */
async function deviceGradients<Names extends string>(
  gpu: TunableGpu,
  target: RecordingTarget,
  { inputs, record, once, constants = {} }: GradientCheck<Names>,
  dy: Float32Array,
): Promise<Record<Names, Float32Array>> {
  const names = Object.keys(inputs) as Names[];
  const tensors = Object.fromEntries(
    names.map((name) => {
      const { values, shape, pack = asIs } = inputs[name];
      return [name, uploadTensor(gpu, name, 'stored', target.precision, shape, pack(values))];
    }),
  ) as Tensors<Names>;
  const fixed = Object.fromEntries(
    Object.entries(constants).map(([name, { element, shape, values }]) => [
      name,
      uploadTensor(gpu, name, element, target.precision, shape, values),
    ]),
  );
  const results = Object.fromEntries(
    names.map((name) => {
      const element = inputs[name].trained ? 'f32' : 'stored';
      const size = inputs[name].shape.reduce((product, side) => product * side, 1);
      return [
        name,
        uploadTensor(
          gpu,
          `gradient of ${name}`,
          element,
          target.precision,
          inputs[name].shape,
          new Float32Array(size).fill(NaN),
        ),
      ];
    }),
  ) as Record<Names, Tensor>;
  const trained = names.filter((name) => inputs[name].trained);
  const r = createTapedRecorder(
    target,
    new Map(trained.map((name) => [tensors[name].storage, results[name] as Tensor<'f32'>])),
  );
  const watched = names.filter((name) => !inputs[name].trained);
  watched.forEach((name) => r.tape.watch(tensors[name]));
  let seed: Tensor | undefined;
  for (let repeat = 0; repeat < (once ? 1 : 2); repeat++) {
    const y = record(r, tensors, fixed as Record<string, Tensor<never>>);
    seed ??= uploadTensor(gpu, 'dy', y.element, target.precision, y.shape, dy);
    r.tape.backward(y, seed);
  }
  watched.forEach((name) => r.copy(r.tape.gradient(tensors[name])!.into, results[name]));
  const plan = await finishTunedPlan(gpu, r);
  plan.blocks.forEach((block) => gpu.device.queue.writeBuffer(block, 0, new Uint8Array(block.size).fill(0xff)));
  await plan.replay();
  const found = {} as Record<Names, Float32Array>;
  for (const name of names) {
    found[name] = await readTensor(gpu, results[name]);
  }
  plan.dispose();
  [...Object.values<Tensor>(tensors), ...Object.values<Tensor>(results), ...Object.values(fixed), seed!].forEach(
    (tensor) => destroyTensor(gpu, tensor),
  );
  return found;
}

interface Derivative {
  readonly place: number;
  readonly value: number;
}

/** A random dy, and derivatives of sum(dy * statement) at some places of each input, by central differences; none where one of them lies on a kink, such as ReLU's. */
function derivatives<Names extends string>(
  { inputs, statement, samples = defaultSamples }: GradientCheck<Names>,
  draw: Draw,
) {
  const names = Object.keys(inputs) as Names[];
  const values = Object.fromEntries(names.map((name) => [name, Float64Array.from(inputs[name].values)])) as Record<
    Names,
    Float64Array
  >;
  const y = statement(values);
  const dy = draw(y.length).values;
  const weighted = (results: ArrayLike<number>) => dy.reduce((sum, share, i) => sum + share * results[i]!, 0);
  const here = weighted(y);
  let smooth = true;
  const expected = Object.fromEntries(
    names.map((name) => {
      const own = values[name];
      const places =
        own.length <= samples
          ? [...own.keys()]
          : Array.from({ length: samples }, () => Math.floor(draw.next() * own.length));
      return [
        name,
        places.map((place) => {
          const value = own[place]!;
          own[place] = value + step;
          const above = weighted(statement(values));
          own[place] = value - step;
          const below = weighted(statement(values));
          own[place] = value;
          smooth &&= Math.abs(above - 2 * here + below) / step < largestTurn;
          return { place, value: (above - below) / (2 * step) };
        }),
      ];
    }),
  ) as Record<Names, Derivative[]>;
  return smooth ? { dy, expected } : undefined;
}

interface Drawn<Names extends string> {
  readonly given: GradientCheck<Names>;
  readonly dy: Float32Array;
  readonly expected: Record<Names, Derivative[]>;
}

/** Inputs at which the op has derivatives, with these and their dy. */
function drawSmooth<Names extends string>(make: (draw: Draw) => GradientCheck<Names>, draw: Draw): Drawn<Names> {
  for (let draws = 0; draws < mostDraws; draws++) {
    const given = make(draw);
    const drawn = derivatives(given, draw);
    if (drawn) {
      return { given, ...drawn };
    }
  }
  throw new Error(`none of ${mostDraws} draws of the inputs has derivatives at all the places asked for`);
}

/** Compares the device's gradients with derivatives of the statement. */
async function check<Names extends string>(
  gpu: TunableGpu,
  target: RecordingTarget,
  { given, dy, expected }: Drawn<Names>,
): Promise<void> {
  const { inputs, packOutput = asIs, once, bounds } = given;
  const found = await deviceGradients(gpu, target, given, packOutput(dy));
  for (const name of Object.keys(inputs) as Names[]) {
    const { values, pack = asIs } = inputs[name];
    const places = pack(values.map((_, i) => i + 1));
    let [difference, norm] = [0, 0];
    for (const { place, value } of expected[name]) {
      const sum = value * (once ? 1 : 2);
      difference += (found[name][places.indexOf(place + 1)]! - sum) ** 2;
      norm += sum ** 2;
    }
    const bound = bounds?.[target.precision] ?? defaultBounds[target.precision];
    expect(Math.sqrt(difference / Math.max(norm, 1e-6)), `gradient of ${name}`).toBeLessThan(bound);
    expect(
      found[name].every((value, at) => places[at] !== 0 || value === 0 || Number.isFinite(value)),
      `padding of the gradient of ${name}`,
    ).toBe(true);
  }
}

/** Ways that take a software driver a quarter of a minute or longer to compile, and that others stand for. */
function isLong({ name, target }: Way): boolean {
  const isAttention = name.endsWith('.backward.query') && target.precision === 'f16';
  return name.endsWith('128x128') || name.endsWith('.backward.query.subgroup') || isAttention;
}

/** A suite of gradient checks, by case and way. @param make a case's inputs @param kernels forms of the op's kernels */
export function gradientSuite<Case extends OpCase, Names extends string>(
  op: string,
  cases: readonly Case[],
  make: (size: Case, draw: Draw) => GradientCheck<Names>,
  kernels: readonly Kernel[] = [],
): void {
  describe(`${op}, backward`, () => {
    const drawn = new Map<string, Drawn<Names>>();
    /** What is drawn for a case is worked out once for all forms. */
    const drawnFor = (size: Case, precision: Precision): Drawn<Names> => {
      const key = `${op}, backward, ${size.name}`;
      const found = drawn.get(`${key} ${precision}`) ?? drawSmooth((draw) => make(size, draw), drawFor(key, precision));
      drawn.set(`${key} ${precision}`, found);
      return found;
    };
    // In half precision the plain form, and those that have no other: gradients take minutes to compile on a software driver.
    const ways = waysOf(kernels);
    const inFull = ways.flatMap(({ target, form }) => (target.precision === 'f32' ? [form] : []));
    for (const way of ways.filter(
      ({ target, form }) => target.precision === 'f32' || !form || !inFull.includes(form),
    )) {
      for (const size of cases) {
        test(`${size.name}: ${way.name}`, {
          tags: isThorough(way, ways, size, cases) || isLong(way) ? ['thorough'] : [],
        }, async (context) => {
          const gpu = withForm(await sharedGpu(), way, kernels);
          if (!gpu) {
            return context.skip(`this device cannot run ${way.name}`);
          }
          await check(gpu, way.target, drawnFor(size, way.target.precision));
        });
      }
    }
  });
}
