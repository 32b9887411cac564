/** The roofs over a dispatch: which of a device's ceilings allows it least. */
import type { DispatchTiming } from '../runtime/profiler.ts';
import type { Ceilings } from './ceilings.ts';

export type Roof = 'multiply-add' | 'matrix units' | 'memory';

/** GB/s at most of a dispatch that moves so many bytes: what fits into caches may come from there. */
export function memoryRate(bytes: number, { memory }: Ceilings): number {
  const [smallest] = memory;
  const size = memory.findLast((rates) => rates.bytes <= bytes)?.bytes ?? smallest!.bytes;
  return Math.max(
    ...memory.filter((rates) => rates.bytes >= size).flatMap(({ read, write, copy }) => [read, write, copy]),
  );
}

/** GFLOP/s at most. Kernels sum in f32 in both precisions, so that halves alone are no faster; matrix units are. */
export function computeRate(unit: DispatchTiming['unit'], { multiplyAdd, matrixProduct }: Ceilings): number {
  return unit === 'matrix' ? (matrixProduct ?? multiplyAdd.f32) : multiplyAdd.f32;
}

/** Milliseconds of a dispatch were it to touch its roof, and which roof that is. */
export function leastTime(
  { unit, operations, bytes }: Pick<DispatchTiming, 'unit' | 'operations' | 'bytes'>,
  ceilings: Ceilings,
): { readonly milliseconds: number; readonly roof: Roof } {
  const computing = operations / computeRate(unit, ceilings) / 1e6;
  const moving = bytes / memoryRate(bytes, ceilings) / 1e6;
  return computing > moving
    ? { milliseconds: computing, roof: unit === 'matrix' ? 'matrix units' : 'multiply-add' }
    : { milliseconds: moving, roof: 'memory' };
}
