// Writes CT-like phantoms with their labels and a dataset.json: an organ, an enhancing lesion in it with an irregular
// border, bright vessels and smooth noise, each case with a spacing and an orientation of its own. Hard ones are, in turn: a cyst that
// touches the lesion and looks like it, a vessel along the lesion, blurred borders, and contrast as in MR.
//   npm run phantoms -- --out phantoms [--training 48 --validation 6 --test 20 --seed 0 --kinds easy|hard|mixed]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Random, randomOf } from '../src/model/random.ts';
import { createNifti } from '../src/formats/nifti.ts';
import type { Affine } from '../src/formats/affine.ts';
import { formatNifti } from '../src/formats/nifti-output.ts';

const { values: given } = parseArgs({
  options: {
    out: { type: 'string' },
    training: { type: 'string', default: '48' },
    validation: { type: 'string', default: '6' },
    test: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    kinds: { type: 'string', default: 'easy' },
  },
});

type Vector = readonly [number, number, number];

/** Sides of the imaged box, in millimetres. */
const box = 96;
const organLabel = 1;
const lesionLabel = 2; // the kits preset's
const cystLabel = 3;

const hardKinds = ['cyst', 'vessel', 'blurred', 'mr'] as const;
type Kind = 'easy' | (typeof hardKinds)[number];

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const vector = (draw: () => number): Vector => [draw(), draw(), draw()];

function direction(random: Random): Vector {
  const drawn = vector(() => random.normal());
  const length = Math.hypot(...drawn);
  return [drawn[0] / length, drawn[1] / length, drawn[2] / length];
}

/** Less than 1 inside a ball whose border swells and shrinks with direction. */
function irregularBall(random: Random, centre: Vector, radius: Vector, roughness: number): (at: Vector) => number {
  const waves = Array.from({ length: 5 }, () => ({
    along: direction(random),
    rate: random.between(2, 5),
    phase: random.between(0, 6.3),
    height: random.between(0, roughness),
  }));
  return (at) => {
    const away: Vector = [
      (at[0] - centre[0]) / radius[0],
      (at[1] - centre[1]) / radius[1],
      (at[2] - centre[2]) / radius[2],
    ];
    const distance = Math.hypot(...away);
    if (distance < 0.3 || distance > 2) {
      return distance;
    }
    const border = waves.reduce(
      (sum, { along, rate, phase, height }) => sum + height * Math.sin((rate * dot(away, along)) / distance + phase),
      1,
    );
    return distance / border;
  };
}

/** Whether a place lies in a straight tube. */
function tube(through: Vector, along: Vector, radius: number): (at: Vector) => boolean {
  return (at) => {
    const away: Vector = [at[0] - through[0], at[1] - through[1], at[2] - through[2]];
    return dot(away, away) - dot(away, along) ** 2 < radius ** 2;
  };
}

/** A straight vessel: whether a place lies in it. */
function vessel(random: Random, near: Vector): (at: Vector) => boolean {
  const [along, radius] = [direction(random), random.between(1.5, 3.5)];
  const through = near.map((value) => value + random.between(-32, 32)) as unknown as Vector;
  return tube(through, along, radius);
}

interface Scene {
  /** Hounsfield units and label at a place in millimetres from the box's middle. */
  at(place: Vector): { intensity: number; label: number };
}

/** What makes a scene hard, drawn after the rest of it. */
interface Trouble {
  /** What looks like the lesion and is none. */
  readonly imitation?: { readonly intensity: number; readonly isCyst: boolean; contains(at: Vector): boolean };
  /** How wide the lesion's border is, as a share of its radius. */
  readonly blur?: number;
  /** Of each place, what its intensity is multiplied by. */
  readonly bias?: (at: Vector) => number;
  /** Of the lesion, as it is less than the organ's. */
  readonly darkerBy?: number;
}

function drawTrouble(random: Random, kind: Kind, centre: Vector, radius: number, intensity: number): Trouble {
  if (kind === 'easy') {
    return {}; // draws nothing: what follows is as it was before there were hard ones
  }
  const off = direction(random);
  const beside = (distance: number) => centre.map((at, axis) => at + off[axis]! * distance) as unknown as Vector;
  switch (kind) {
    case 'cyst': {
      const ownRadius = radius * random.between(0.6, 1);
      const ball = irregularBall(random, beside(0.9 * (radius + ownRadius)), [ownRadius, ownRadius, ownRadius], 0.1);
      return {
        imitation: {
          isCyst: true,
          intensity: intensity + random.between(-12, 12),
          contains: (at) => ball(at) < 1,
        },
      };
    }
    case 'vessel': {
      const [along, thickness] = [direction(random), random.between(3, 4.5)];
      const through = beside(radius + 0.5 * thickness);
      const contains = tube(through, along, thickness);
      return { imitation: { isCyst: false, intensity: intensity + random.between(0, 20), contains } };
    }
    case 'blurred':
      return { blur: random.between(0.3, 0.5) };
    case 'mr': {
      const strength = random.between(0.1, 0.25);
      return { darkerBy: random.between(30, 50), bias: (at) => 1 + (strength * dot(at, off)) / (box / 2) };
    }
  }
}

function drawScene(random: Random, kind: Kind): Scene {
  const organCentre = vector(() => random.between(-8, 8));
  const organRadius = vector(() => random.between(27, 36));
  const organ = irregularBall(random, organCentre, organRadius, 0.04);
  const lesionRadius = random.between(7, 14);
  const off = direction(random);
  const reach = random.between(0, 0.75);
  const lesionCentre = organCentre.map(
    (value, axis) => value + off[axis]! * reach * (organRadius[axis]! - 0.5 * lesionRadius),
  ) as unknown as Vector;
  const lesion = irregularBall(
    random,
    lesionCentre,
    vector(() => lesionRadius * random.between(0.8, 1.25)),
    0.12,
  );
  const vessels = Array.from({ length: 4 }, () => vessel(random, organCentre));
  const organIntensity = random.between(70, 110);
  const lesionIntensity = organIntensity + random.between(30, 50);
  const [background, vesselIntensity] = [random.between(-90, -20), random.between(170, 240)];
  const { imitation, blur, bias, darkerBy } = drawTrouble(random, kind, lesionCentre, lesionRadius, lesionIntensity);
  const around = (place: Vector) => {
    const inOrgan = organ(place) < 1;
    if (imitation?.contains(place)) {
      return { intensity: imitation.intensity, label: imitation.isCyst ? cystLabel : inOrgan ? organLabel : 0 };
    }
    if (vessels.some((inside) => inside(place))) {
      return { intensity: vesselIntensity, label: inOrgan ? organLabel : 0 };
    }
    return inOrgan ? { intensity: organIntensity, label: organLabel } : { intensity: background, label: 0 };
  };
  const own = darkerBy === undefined ? lesionIntensity : organIntensity - darkerBy;
  return {
    at(place) {
      const distance = lesion(place);
      const outside = around(place);
      const share = blur === undefined ? Number(distance < 1) : 1 / (1 + Math.exp((8 * (distance - 1)) / blur));
      return {
        intensity: (bias?.(place) ?? 1) * (share * own + (1 - share) * outside.intensity),
        label: distance < 1 ? lesionLabel : outside.label,
      };
    },
  };
}

/** Axes of the file in another order and direction, turned a little: a scanner's own frame. */
function drawAffine(random: Random, dims: Vector, spacing: Vector): Affine {
  const order = [0, 1, 2].sort(() => random.next() - 0.5);
  const signs = vector(() => (random.next() < 0.5 ? -1 : 1));
  const [a, b] = [random.between(-0.15, 0.15), random.between(-0.15, 0.15)];
  const turn = [
    [Math.cos(a), -Math.sin(a), 0],
    [Math.sin(a) * Math.cos(b), Math.cos(a) * Math.cos(b), -Math.sin(b)],
    [Math.sin(a) * Math.sin(b), Math.cos(a) * Math.sin(b), Math.cos(b)],
  ];
  const columns = [0, 1, 2].map((axis) => turn.map((row) => row[order[axis]!]! * signs[axis]! * spacing[axis]!));
  const offset = [0, 1, 2].map(
    (row) => -columns.reduce((sum, column, axis) => sum + column[row]! * ((dims[axis]! - 1) / 2), 0),
  );
  return [
    ...[0, 1, 2].map((row) => [columns[0]![row]!, columns[1]![row]!, columns[2]![row]!, offset[row]!]),
    [0, 0, 0, 1],
  ];
}

/** Gaussian noise, smoothed along i and j. */
function drawNoise(random: Random, dims: Vector, deviation: number): Float32Array {
  const noise = Float32Array.from({ length: dims[0] * dims[1] * dims[2] }, () => deviation * random.normal());
  return noise.map(
    (value, i) =>
      (2 * value + (noise[i - 1] ?? 0) + (noise[i + 1] ?? 0) + (noise[i - dims[0]] ?? 0) + (noise[i + dims[0]] ?? 0)) /
      3,
  );
}

function drawCase(name: string, kind: Kind): { image: Uint8Array; label: Uint8Array } {
  const random = randomOf(name);
  const inPlane = random.between(0.7, 1.1);
  const spacing: Vector = [inPlane, inPlane, random.between(1, 2.5)];
  const dims = spacing.map((side) => Math.round(box / side)) as unknown as [number, number, number];
  const affine = drawAffine(random, dims, spacing);
  const scene = drawScene(random, kind);
  const noise = drawNoise(random, dims, random.between(8, 16));
  const [intensities, labels] = [new Int16Array(noise.length), new Uint8Array(noise.length)];
  let at = 0;
  for (let k = 0; k < dims[2]; k++) {
    for (let j = 0; j < dims[1]; j++) {
      for (let i = 0; i < dims[0]; i++, at++) {
        const place = affine
          .slice(0, 3)
          .map((row) => row[0]! * i + row[1]! * j + row[2]! * k + row[3]!) as unknown as Vector;
        const { intensity, label } = scene.at(place);
        intensities[at] = Math.round(intensity + noise[at]!);
        labels[at] = label;
      }
    }
  }
  const grid = createNifti(dims, affine, noise);
  return { image: formatNifti(grid, intensities, true), label: formatNifti(grid, labels, true) };
}

if (!given.out) {
  throw new Error('--out is missing: the folder to write to');
}
const dataset: Record<string, unknown> = {
  name: 'phantoms',
  labels: { 0: 'background', [organLabel]: 'organ', [lesionLabel]: 'lesion', [cystLabel]: 'cyst' },
};
if (!['easy', 'hard', 'mixed'].includes(given.kinds)) {
  throw new Error(`--kinds ${given.kinds}: expected easy, hard or mixed`);
}

/** Mixed, every second one is hard. */
function kindOf(n: number): Kind {
  if (given.kinds === 'easy' || (given.kinds === 'mixed' && n % 2 === 0)) {
    return 'easy';
  }
  return hardKinds[(given.kinds === 'mixed' ? (n - 1) / 2 : n) % hardKinds.length]!;
}

await mkdir(join(given.out, 'images'), { recursive: true });
await mkdir(join(given.out, 'labels'), { recursive: true });
for (const split of ['training', 'validation', 'test'] as const) {
  const entries = [];
  for (let n = 0; n < Number(given[split]); n++) {
    const file = `${split}_${String(n).padStart(3, '0')}.nii.gz`;
    const kind = kindOf(n);
    const { image, label } = drawCase(`phantom/${given.seed}/${split}/${n}${kind === 'easy' ? '' : `/${kind}`}`, kind);
    await writeFile(join(given.out, 'images', file), image);
    await writeFile(join(given.out, 'labels', file), label);
    entries.push({ image: `images/${file}`, label: `labels/${file}` });
  }
  dataset[split] = entries;
}
await writeFile(join(given.out, 'dataset.json'), `${JSON.stringify(dataset, undefined, 2)}\n`);
console.log(`${given.out}: ${given.training} training, ${given.validation} validation and ${given.test} test cases`);
