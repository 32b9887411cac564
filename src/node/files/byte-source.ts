/** Files of any size, read in parts: Node reads none over 2 GiB at once. */
import { fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '../../formats/safetensors.ts';
import { InputError } from '../../runtime/errors.ts';

export interface FileSource extends ByteSource {
  /** Stays open as long as the source is used. */
  readonly descriptor: number;
}

const partBytes = 2 ** 30;

/** @throws InputError where the file cannot be read, and from `subarray` where it is cut short */
export function openByteSource(path: string): FileSource {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new InputError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return { descriptor, ...sourceOf(descriptor, path) };
}

/** @param descriptor of a file that stays open as long as the source is used @param path for messages */
export function sourceOf(descriptor: number, path: string): ByteSource {
  return {
    length: fstatSync(descriptor).size,
    subarray(first, end) {
      const { size } = fstatSync(descriptor);
      if (end > size) {
        throw new InputError(`${path}: cut short: has ${size} bytes, expected at least ${end}`);
      }
      const part = new Uint8Array(end - first);
      for (let done = 0; done < part.length; ) {
        const read = readSync(descriptor, part, done, Math.min(partBytes, part.length - done), first + done);
        if (read === 0) {
          throw new InputError(`${path}: cut short while it was read, at byte ${first + done}`);
        }
        done += read;
      }
      return part;
    },
  };
}
