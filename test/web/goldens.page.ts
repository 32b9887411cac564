/** What goldens.test.ts runs in the browser. */
import { openGpu, parseSafetensors, Sam3D, type Point } from '../../src/browser.ts';
import { configNamed } from '../../src/model/config.ts';
import { syntheticTarget, syntheticWeights } from '../../src/model/synthetic.ts';

interface Errors {
  readonly adapter: string;
  readonly taps: Record<string, number>;
  readonly loss: number;
  readonly gradients: Record<string, number>;
}

function distance(found: Float32Array, expected: Float32Array): number {
  let [difference, norm] = [0, 0];
  expected.forEach((value, i) => {
    difference += (found[i]! - value) ** 2;
    norm += value ** 2;
  });
  // As in the Node test: a tensor that vanishes is compared absolutely.
  return found.length !== expected.length
    ? Infinity
    : norm < 1e-16
      ? Math.sqrt(difference)
      : Math.sqrt(difference / norm);
}

export async function goldenErrors(): Promise<Errors> {
  const goldens = parseSafetensors(
    new Uint8Array(await (await fetch('/repository/test/goldens/tiny.safetensors')).arrayBuffer()),
  );
  const config = configNamed(goldens.metadata.config!);
  const names = (kind: string) =>
    [...goldens.shapes.keys()].flatMap((name) => (name.startsWith(`${kind}/`) ? [name.slice(kind.length + 1)] : []));
  const gpu = await openGpu({ tune: false });
  const sam = await Sam3D.create(gpu, syntheticWeights(config));
  const volume = { data: goldens.read('volume'), shape: [config.crop, config.crop, config.crop] as const };
  const points: Point[] = [
    [10, 12, 20],
    [25, 3, 7],
  ];
  const taps = await sam.taps(volume, points, names('tap'));
  const { loss, gradients } = await sam.gradients(volume, points, syntheticTarget(config.crop));
  const errors = {
    adapter: gpu.adapter.name,
    taps: Object.fromEntries(
      names('tap').map((name) => [name, distance(taps.get(name)!.values, goldens.read(`tap/${name}`))]),
    ),
    loss: Math.abs(loss - goldens.read('loss')[0]!),
    gradients: Object.fromEntries(
      names('grad').map((name) => [name, distance(gradients.get(name)!, goldens.read(`grad/${name}`))]),
    ),
  };
  gpu.close();
  return errors;
}

Object.assign(globalThis, { goldenErrors });
