/** Where an NRRD lies in the patient, by its own header. */
import type { Affine } from './affine.ts';
import type { TextHeader } from './text-header.ts';

/** Signs that turn a space's axes into RAS. */
const spaces: Readonly<Record<string, readonly [number, number, number]>> = {
  'right-anterior-superior': [1, 1, 1],
  ras: [1, 1, 1],
  'left-anterior-superior': [-1, 1, 1],
  las: [-1, 1, 1],
  'left-posterior-superior': [-1, -1, 1],
  lps: [-1, -1, 1],
};

const unitMillimetres: Readonly<Record<string, number>> = {
  m: 1000,
  cm: 10,
  mm: 1,
  um: 0.001,
  µm: 0.001,
  micron: 0.001,
};

const vectorIn = (text: string) => text.replace(/[()]/g, '').split(',').map(Number);

/**
 * An NRRD's affine by its own header: ITK takes left-anterior-superior for another space.
 * @returns no affine where the header has no directions, for which ITK takes the axes as they are
 */
export function nrrdGeometry(
  { fields }: Pick<TextHeader, 'fields'>,
  file: string,
): { affine: Affine | undefined; notes: string[] } {
  const directions = (fields.get('space directions') ?? '').match(/\([^)]*\)/g)?.map(vectorIn);
  if (directions?.length !== 3 || directions.some((vector) => vector.length !== 3 || !vector.every(Number.isFinite))) {
    return {
      affine: undefined,
      notes: [`${file}: says nothing of how its axes lie in the patient; left-posterior-superior is assumed`],
    };
  }
  const given = fields.get('space')?.toLowerCase() ?? '';
  const signs = spaces[given] ?? spaces.lps!;
  const unit = /"([^"]*)"/.exec(fields.get('space units') ?? '')?.[1] ?? 'mm';
  const millimetres = unitMillimetres[unit] ?? 1;
  const origin = vectorIn(fields.get('space origin') ?? '(0,0,0)');
  const notes = [
    ...(spaces[given]
      ? []
      : [
          `${file}: its space is ${given || 'not given'}, which says nothing of the patient; left-posterior-superior is assumed`,
        ]),
    ...(millimetres === 1 && unitMillimetres[unit] !== undefined
      ? []
      : [
          `${file}: its space is in ${unit}; ${unitMillimetres[unit] === undefined ? 'millimetres are assumed' : 'volsam goes on in millimetres'}`,
        ]),
  ];
  const affine = [0, 1, 2]
    .map((row) => [...directions, origin].map((vector) => signs[row]! * vector[row]! * millimetres))
    .concat([[0, 0, 0, 1]]);
  return { affine, notes };
}
