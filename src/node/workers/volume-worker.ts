/** Reads a volume off the main thread, and moves its values there. */
import { transfer } from 'comlink';
import { readVolume } from '../files/volume-file.ts';
import { serveFunctions } from './worker.ts';

const functions = {
  /** An upload: a file by itself. @throws InputError as `readVolume`; ImageTooLargeError */
  async read(path: string, mostBytes: number) {
    const volume = await readVolume(path, { mostBytes, isAlone: true });
    return transfer(volume, [volume.image.values.buffer as ArrayBuffer]);
  },
};

export type VolumeFunctions = typeof functions;

serveFunctions(functions);
