/** A profile by kernel and by layer, against the device's measured ceilings; and as a trace that Perfetto opens. */
import { median } from '../runtime/median.ts';
import type { DispatchTiming, Profile } from '../runtime/profiler.ts';
import type { Ceilings } from './ceilings.ts';
import { leastTime, type Roof } from './roofline.ts';

export interface ProfileRow {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Of the whole profile's time. */
  readonly share: number;
  readonly gflops: number;
  readonly gBps: number;
  /** Operations a byte. */
  readonly intensity: number;
  /** The roof that holds back the most of it. */
  readonly roof: Roof;
  /** The least time under the roofs of its dispatches, of the time that they took. */
  readonly ofRoof: number;
  /** Half of the range of the replays, of their median. */
  readonly spread: number;
}

const totalOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** Milliseconds of each replay. */
export function replayTotals(timings: readonly DispatchTiming[]): number[] {
  return timings[0]!.replays.map((_, replay) => totalOf(timings.map(({ replays }) => replays[replay]!)));
}

function spreadOf(timings: readonly DispatchTiming[]): number {
  const totals = replayTotals(timings);
  const range = Math.max(...totals) - Math.min(...totals);
  return range === 0 ? 0 : range / 2 / median(totals);
}

function rowOf(name: string, timings: readonly DispatchTiming[], total: number, ceilings: Ceilings): ProfileRow {
  const sum = (value: (timing: DispatchTiming) => number) => totalOf(timings.map(value));
  const [milliseconds, operations, bytes] = [sum((t) => t.milliseconds), sum((t) => t.operations), sum((t) => t.bytes)];
  const least = timings.map((timing) => leastTime(timing, ceilings));
  const under = (roof: Roof) => totalOf(least.filter((time) => time.roof === roof).map((time) => time.milliseconds));
  const roofs: readonly Roof[] = ['multiply-add', 'matrix units', 'memory'];
  return {
    name,
    calls: timings.length,
    milliseconds,
    share: milliseconds / total,
    gflops: operations / milliseconds / 1e6,
    gBps: bytes / milliseconds / 1e6,
    intensity: operations / bytes,
    roof: roofs.reduce((most, roof) => (under(roof) > under(most) ? roof : most)),
    ofRoof: totalOf(least.map((time) => time.milliseconds)) / milliseconds,
    spread: spreadOf(timings),
  };
}

/** Rows by the given key, the longest first. */
export function summarise(
  { timings }: Pick<Profile, 'timings'>,
  ceilings: Ceilings,
  keyOf: (timing: DispatchTiming) => string,
): ProfileRow[] {
  const groups = new Map<string, DispatchTiming[]>();
  for (const timing of timings) {
    const key = keyOf(timing);
    groups.set(key, [...(groups.get(key) ?? []), timing]);
  }
  const total = totalOf(timings.map(({ milliseconds }) => milliseconds));
  return [...groups]
    .map(([name, group]) => rowOf(name, group, total, ceilings))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

/** A sentence where the first and the last replay differ by a tenth or more: the device was throttled, or something else ran on it. */
export function driftOf({ timings }: Profile): string | undefined {
  const totals = replayTotals(timings);
  const [first, last] = [totals[0]!, totals.at(-1)!];
  return Math.abs(last - first) <= 0.1 * median(totals)
    ? undefined
    : `The clock drifted: the first replay took ${first.toFixed(1)} ms, the last ${last.toFixed(1)} ms. Expect as much between this profile and another one.`;
}

/** The outermost part of a layer's name that tells blocks apart: `blocks.3`, `neck.0`, `decoder`. */
export function outerLayer(layer: string): string {
  return /^[^.]+(\.\d+)?/.exec(layer)?.[0] ?? layer;
}

/** Chrome's trace format, one track for layers and one for kernels. Times follow each other without gaps: only durations are measured. */
export function formatTrace({ timings, clock }: Profile, title: string): string {
  let microseconds = 0;
  const events = timings.flatMap(({ kernel, layer, milliseconds, operations, bytes }) => {
    const [start, duration] = [microseconds, milliseconds * 1e3];
    microseconds += duration;
    const common = { ph: 'X', pid: 1, ts: start, dur: duration };
    return [
      { ...common, tid: 1, name: outerLayer(layer), cat: 'layer', args: { layer } },
      {
        ...common,
        tid: 2,
        name: kernel,
        cat: 'kernel',
        args: { layer, gflops: operations / duration / 1e3, gBps: bytes / duration / 1e3 },
      },
    ];
  });
  const named = (tid: number, name: string) => ({ ph: 'M', pid: 1, tid, name: 'thread_name', args: { name } });
  return JSON.stringify({
    traceEvents: [
      { ph: 'M', pid: 1, name: 'process_name', args: { name: `${title}, by ${clock}` } },
      named(1, 'layers'),
      named(2, 'kernels'),
      ...events,
    ],
  });
}
