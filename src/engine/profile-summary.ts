/** A profile by kernel and by layer, against the device's measured ceilings; and as a trace that Perfetto opens. */
import type { DispatchTiming, Profile } from '../runtime/profiler.ts';
import type { Ceilings } from './ceilings.ts';

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
  /** Of what the ceilings allow at this intensity: the lower of GEMM rate and intensity times bandwidth. */
  readonly ofRoofline: number;
}

function rowOf(name: string, timings: readonly DispatchTiming[], total: number, ceilings: Ceilings): ProfileRow {
  const sum = (value: (timing: DispatchTiming) => number) => timings.reduce((all, timing) => all + value(timing), 0);
  const [milliseconds, operations, bytes] = [sum((t) => t.milliseconds), sum((t) => t.operations), sum((t) => t.bytes)];
  const [gflops, gBps, intensity] = [operations / milliseconds / 1e6, bytes / milliseconds / 1e6, operations / bytes];
  const isReached = Math.max(gflops / ceilings.gflops, gBps / ceilings.gBps);
  return {
    name,
    calls: timings.length,
    milliseconds,
    share: milliseconds / total,
    gflops,
    gBps,
    intensity,
    ofRoofline: isReached,
  };
}

/** Rows by the given key, the longest first. */
export function summarise(
  { timings }: Profile,
  ceilings: Ceilings,
  keyOf: (timing: DispatchTiming) => string,
): ProfileRow[] {
  const groups = new Map<string, DispatchTiming[]>();
  for (const timing of timings) {
    const key = keyOf(timing);
    groups.set(key, [...(groups.get(key) ?? []), timing]);
  }
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return [...groups]
    .map(([name, group]) => rowOf(name, group, total, ceilings))
    .sort((a, b) => b.milliseconds - a.milliseconds);
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
