/** Puts texts that have much in common next to each other: gzip finds a repetition within 32 kB only, and kernels' forms repeat whole functions. */
import { deflateRawSync } from 'node:zlib';

const compressedBytes = (text: string) => deflateRawSync(text, { level: 9 }).length;

/** The first text, then always the one that compresses best behind the six before it. */
export function inCompressingOrder(texts: readonly string[]): string[] {
  const left = new Set(texts.slice(1));
  const ordered = texts.slice(0, 1);
  while (left.size > 0) {
    const before = ordered.slice(-6).join('');
    const beforeBytes = compressedBytes(before);
    const costs = [...left].map((text) => ({
      text,
      cost: (compressedBytes(before + text) - beforeBytes) / text.length,
    }));
    const next = costs.reduce((best, one) => (one.cost < best.cost ? one : best)).text;
    ordered.push(next);
    left.delete(next);
  }
  return ordered;
}
