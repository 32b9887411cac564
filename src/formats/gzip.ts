/** gzip files: one member or several, and zeros after the last one (RFC 1952, section 2.2); and zlib streams. On top of pako. */
import { Inflate } from 'pako';
import { InputError } from '../runtime/errors.ts';

/** Deflate makes at most so many bytes of one. */
export const mostBytesOfOne = 1032;

/** What may follow the bytes that a header asks for. */
const mostSurplusBytes = 2 ** 26;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks what a file's own header asks for, and never more: a small file cannot fill the memory. The checksum of every
 * member is verified.
 * @param file its name, for messages
 * @param bytesOf from the first 64 KiB, or all of a shorter file: the bytes that the file should have
 * @returns at most these bytes
 * @throws InputError where the stream is broken or cut short, and what `bytesOf` refuses
 */
export function gunzip(
  bytes: Uint8Array,
  file: string,
  bytesOf: (head: Uint8Array<ArrayBuffer>) => number,
): Uint8Array<ArrayBuffer> {
  let unpacked: Uint8Array<ArrayBuffer> | undefined;
  let count = 0;
  const stream = new Inflate();
  stream.onData = (chunk) => {
    unpacked ??= allocated(bytesOf(chunk), bytes.length, file);
    unpacked.set(chunk.subarray(0, Math.max(0, unpacked.length - count)), Math.min(count, unpacked.length));
    count += chunk.length;
    if (count > unpacked.length + mostSurplusBytes) {
      throw new InputError(`${file}: unpacks to more than ${count} bytes; its header asks for ${unpacked.length}`);
    }
  };
  let state: { output: Uint8Array<ArrayBuffer>; next_out: number } | undefined;
  stream.onStart = (started) => {
    state = started;
  };
  const isWhole = stream.push(bytes, true);
  if (stream.msg === 'incorrect header check' && state!.next_out > 0) {
    stream.onData(state!.output.subarray(0, state!.next_out)); // the members before it, which pako holds back
  }
  // Bytes after the last member that begin none are left aside, as gunzip does.
  const hasTail = stream.msg === 'incorrect header check' && count >= (unpacked ?? bytes).length;
  if (!isWhole && !hasTail) {
    throw new InputError(
      `${file}: its compressed data is broken or cut short (${stream.msg || 'it ends early'}, after ${count} bytes)`,
    );
  }
  return (unpacked ?? new Uint8Array(0)).subarray(0, count);
}

function allocated(bytes: number, packedBytes: number, file: string): Uint8Array<ArrayBuffer> {
  if (bytes > packedBytes * mostBytesOfOne) {
    throw new InputError(
      `${file}: cut short: its header asks for ${bytes} bytes, ${packedBytes} cannot unpack to so many`,
    );
  }
  return new Uint8Array(bytes);
}
