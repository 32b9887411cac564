/** What a training run is made from, by content: a run that goes on, and an export, have to be of the same. */
import { InputError } from '../../runtime/errors.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { volumeHash } from '../files/volume-file.ts';

/** SHA-256 of a case's files. */
export interface CaseIdentity {
  readonly name: string;
  readonly image: string;
  readonly label: string;
}

export interface RunIdentity {
  /** Of the weights file that training began with; null of a random encoder. */
  readonly weights: string | null;
  readonly training: readonly CaseIdentity[];
  readonly validation: readonly CaseIdentity[];
}

/** @throws InputError where a file cannot be read */
export async function caseIdentity({ name, image, label }: DatasetCase): Promise<CaseIdentity> {
  return { name, image: await volumeHash(image), label: await volumeHash(label) };
}

/** A case that knows its content, by which the cache finds it. */
export function withContent(one: DatasetCase, { image, label }: CaseIdentity): DatasetCase {
  return { ...one, content: `${image} ${label}` };
}

const short = (sha256: string | null) => (sha256 === null ? 'a random encoder' : `sha256 ${sha256.slice(0, 12)}…`);

function differenceOfCases(recorded: readonly CaseIdentity[], found: readonly CaseIdentity[]): string | undefined {
  const names = (cases: readonly CaseIdentity[]) => cases.map(({ name }) => name);
  const [before, now] = [names(recorded), names(found)];
  const [missing, added] = [before.filter((name) => !now.includes(name)), now.filter((name) => !before.includes(name))];
  if (missing.length > 0 || added.length > 0) {
    return [
      ...(missing.length > 0 ? [`without ${missing.slice(0, 3).join(', ')}`] : []),
      ...(added.length > 0 ? [`with ${added.slice(0, 3).join(', ')} besides`] : []),
    ].join(', ');
  }
  if (recorded.length !== found.length) {
    return `${found.length} cases, and ${recorded.length} before`;
  }
  for (const [index, one] of recorded.entries()) {
    const other = found[index]!;
    const part = (['image', 'label'] as const).find((file) => one[file] !== other[file]);
    if (one.name !== other.name || part) {
      return part ? `${one.name}'s ${part} has another content` : 'in another order';
    }
  }
  return undefined;
}

/** @param path of the checkpoint, for messages @throws InputError with what differs, where the run is not of the same */
export function checkSameRun(recorded: RunIdentity, found: RunIdentity, path: string): void {
  if (recorded.weights !== found.weights) {
    throw new InputError(
      `--resume: ${path} was trained from ${short(recorded.weights)}, not from ${short(found.weights)}; a run goes on with its own weights only`,
    );
  }
  for (const split of ['training', 'validation'] as const) {
    const difference = differenceOfCases(recorded[split], found[split]);
    if (difference !== undefined) {
      throw new InputError(
        `--resume: ${path} had other ${split} cases: now ${difference}; a run goes on with its own data only`,
      );
    }
  }
}

/** @param found SHA-256 of the weights to merge into; null for a random encoder @throws InputError where training began with others */
export function checkSameBase({ weights }: RunIdentity, found: string | null, path: string): void {
  if (weights !== found) {
    throw new InputError(
      `${path} was trained from ${short(weights)}, and would be merged into ${short(found)}; expected the weights that training began with`,
    );
  }
}
