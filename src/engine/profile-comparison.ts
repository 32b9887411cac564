/** What changed by kernel between two profiles. */

/** What a comparison reads of a profile. */
export interface ComparedProfile {
  readonly what: string;
  readonly model: string;
  readonly precision: string;
  readonly adapter: { readonly name: string };
  readonly clock: string;
  readonly milliseconds: number;
  readonly kernels: readonly { readonly name: string; readonly milliseconds: number; readonly spread: number }[];
}

export interface KernelChange {
  readonly name: string;
  /** Milliseconds in the first profile and in the second; 0 where the kernel did not run. */
  readonly first: number;
  readonly second: number;
  /** Milliseconds by which the replays of both scatter: a change below it says nothing. */
  readonly scatter: number;
}

/** By the size of the change, the largest first. */
export function kernelChanges(first: ComparedProfile, second: ComparedProfile): KernelChange[] {
  const names = [...new Set([...first.kernels, ...second.kernels].map(({ name }) => name))];
  const rowIn = ({ kernels }: ComparedProfile, name: string) =>
    kernels.find((row) => row.name === name) ?? { milliseconds: 0, spread: 0 };
  return names
    .map((name): KernelChange => {
      const [a, b] = [rowIn(first, name), rowIn(second, name)];
      return {
        name,
        first: a.milliseconds,
        second: b.milliseconds,
        scatter: a.milliseconds * a.spread + b.milliseconds * b.spread,
      };
    })
    .sort((a, b) => Math.abs(b.second - b.first) - Math.abs(a.second - a.first));
}

/** Sentences on what else than the kernels differs: times of different work, or on different devices, are not to be compared. */
export function otherDifferences(first: ComparedProfile, second: ComparedProfile): string[] {
  const parts: readonly (readonly [name: string, of: (profile: ComparedProfile) => string])[] = [
    ['pass', ({ what }) => what],
    ['model', ({ model }) => model],
    ['precision', ({ precision }) => precision],
    ['device', ({ adapter }) => adapter.name],
    ['clock', ({ clock }) => clock],
  ];
  return parts
    .filter(([, of]) => of(first) !== of(second))
    .map(([name, of]) => `another ${name}: ${of(first)}, then ${of(second)}`);
}
