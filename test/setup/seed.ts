/** Random numbers for tests, functions of a name. VOLSAM_SEED draws others; a failing run prints the one that it had. */
import { randomOf, type Random } from '../../src/model/random.ts';

export const seed = process.env.VOLSAM_SEED ?? '0';

export function randomFor(name: string): Random {
  return randomOf(`${seed}/${name}`);
}
