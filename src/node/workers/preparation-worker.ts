/** Reads cases before a training run, one of several threads; `case-preparation.ts` is the other end. */
import { InputError } from '../../runtime/errors.ts';
import type { Preset } from '../../volume/preset.ts';
import { cachedLesion } from '../data/case-cache.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import { caseIdentity, withContent, type CaseIdentity } from '../runs/run-identity.ts';
import { serveFunctions } from './worker.ts';

/** What was found of a case: it can be used, or there is a problem. */
export type CheckedCase =
  | {
      readonly name: string;
      readonly identity: CaseIdentity;
      readonly hasLesion: boolean;
      /** What a person should beware of in its files. */
      readonly warnings: readonly string[];
    }
  | { readonly name: string; readonly problem: string };

type Found = Pick<Extract<CheckedCase, { identity: CaseIdentity }>, 'hasLesion' | 'warnings'>;

async function checked(one: DatasetCase, check: (known: DatasetCase) => Promise<Found>): Promise<CheckedCase> {
  try {
    const identity = await caseIdentity(one);
    return { name: one.name, identity, ...(await check(withContent(one, identity))) };
  } catch (error) {
    if (error instanceof InputError) {
      return { name: one.name, problem: error.message };
    }
    throw error;
  }
}

const functions = {
  /** Resamples a training case into the cache. */
  prepare: (one: DatasetCase, preset: Preset, cache: string) =>
    checked(one, (known) => cachedLesion(known, preset, cache)),
  /** Reads a case to validate on. */
  read: (one: DatasetCase, preset: Preset) =>
    checked(one, async () => {
      const { truth, warnings } = await readLabelledCase(one, preset);
      return { warnings, hasLesion: truth.includes(1) };
    }),
};

export type PreparationFunctions = typeof functions;

serveFunctions(functions);
